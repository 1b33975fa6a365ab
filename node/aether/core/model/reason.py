"""Why a change was made: the data every committed transaction carries."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reason:
    """Actor and cause of one change, kept in the log beside it."""

    actor: str
    """Who: `leader:node-1`, `node:node-2`, `api:anonymous`, `slice:org.example:links`."""
    rule: str
    """Which rule or call: `place`, `judge`, `api.kv.put`."""
    text: str
    """One sentence with the values in it."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """The values the decision was made from."""
