"""The settings a host was given, and what its slice made of the last ones."""

from dataclasses import dataclass, field

import msgspec

from aether.core.model.slice_settings import settings_digest
from aether.sdk.slice import LiveConfig

MAX_PROBLEM_CHARS = 500
"""Longest account of a failed `configure`: it goes into the store, and user code may say anything."""


@dataclass(slots=True)
class HostSettings:
    """What the slice sees as `config`, and how the node tells that it is the right one."""

    digest: str
    config: LiveConfig
    problem: str = field(default="")
    """Why the slice's `configure` did not take the settings; empty when it did."""

    @classmethod
    def read(cls, settings: bytes) -> "HostSettings":
        """Read settings as JSON; raise ValueError when they are no object."""
        return cls(settings_digest(settings), LiveConfig(_values(settings)))

    def replace(self, settings: bytes) -> None:
        """Have everybody who holds the config see other settings; raise ValueError as `read`."""
        self.config.replace(_values(settings))
        self.digest, self.problem = settings_digest(settings), ""

    def note_failure(self, failure: Exception) -> None:
        """Remember why the slice did not take them."""
        text = f"{type(failure).__name__}: {failure}"
        self.problem = f"configure failed: {text}"[:MAX_PROBLEM_CHARS]


def _values(settings: bytes) -> dict[str, object]:
    try:
        return msgspec.json.decode(settings, type=dict[str, object])
    except msgspec.MsgspecError as problem:
        raise ValueError(f"settings are not a JSON object: {problem}") from problem
