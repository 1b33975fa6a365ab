"""Keys written once and never again: what becomes of each is known to the last bit.

A put that was acknowledged must be there with version 1 (2 would be a double apply); one that was refused must never
appear; one whose outcome is unknown may be there or not, but not twice. A delete that was acknowledged must last.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aether.core.store.commands import Entry


class Fate(StrEnum):
    """What the client was told."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Line:
    """One key: the fate of its only put, and of its delete if there was one."""

    key: str
    value: bytes
    put: Fate
    put_at: float
    deleted: Fate | None = None


@dataclass(slots=True)
class Ledger:
    """All lines of one client, or of all."""

    lines: list[Line] = field(default_factory=list)

    def violations(self, found: Mapping[str, Entry]) -> list[str]:
        """Judge a linearizable read of everything, made when nothing was under way any more."""
        known = {line.key for line in self.lines}
        problems = [f"{key}: present, and nobody wrote it" for key in found if key not in known]
        for line in self.lines:
            problem = _judge(line, found.get(line.key))
            if problem:
                problems.append(f"{line.key} ({line.put_at:.3f} s): {problem}")
        return problems

    def count(self, fate: Fate) -> int:
        """Return how many puts had this fate."""
        return sum(line.put is fate for line in self.lines)


def _judge(line: Line, entry: Entry | None) -> str:
    """Return what is wrong with one line, or nothing."""
    if entry is None:
        lost = line.put is Fate.ACKNOWLEDGED and line.deleted in (None, Fate.REFUSED)
        return "an acknowledged write is lost" if lost else ""
    wrong = {
        "a refused write took effect": line.put is Fate.REFUSED,
        "a deleted key is back": line.deleted is Fate.ACKNOWLEDGED,
        f"applied {entry.version} times": entry.version != 1,
        f"holds {entry.value!r}, written was {line.value!r}": entry.value != line.value,
    }
    return "; ".join(what for what, is_so in wrong.items() if is_so)
