"""Why a change was made: the data every committed transaction carries."""

from collections.abc import Mapping

import msgspec


class Reason(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Actor and cause of one change, kept in the log beside it.

    Field order is that of the log and never changes; a new field goes last with a default.
    """

    actor: str
    """Who: `leader:node-1`, `node:node-2`, `api:anonymous`, `slice:org.example:links`."""
    rule: str
    """Which rule or call: `place`, `judge`, `api.kv.put`."""
    text: str
    """One sentence with the values in it."""
    inputs: Mapping[str, str] = {}
    """The values the decision was made from. For a rule of `core.control.replay` they are complete:
    evaluating them again gives the same decision."""
    rejected: Mapping[str, str] = {}
    """What might have been done instead, and why it was not: alternative → sentence."""
    at_ms: int = 0
    """When it was submitted: milliseconds since 1970 on the clock of the submitting node; for people,
    nothing is decided by it. 0 when unknown."""
