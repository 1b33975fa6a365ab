"""The last decisions about numbers of instances, as the leader keeps them to be read and made again."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aether.core.model.ids import SliceBase

MOST = 1000
"""Decisions kept; the oldest go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One decision: by whom, what it was made from, and what came of it."""

    number: int
    """Counts the decisions of this leader, from 1."""
    at_ms: int
    """Milliseconds since 1970 on the leader's clock; for people, nothing is decided by it."""
    slice: SliceBase
    actor: str
    """`controller`, or `advisor`."""
    before: int
    wanted: int
    kind: str
    """`up`, `down` or `hold`."""
    rule: str
    """The rule its reason has in the store: `scaling.load`."""
    text: str
    inputs: Mapping[str, str]
    rejected: Mapping[str, str]
    dry_run: bool = False
    """Whether nothing was to be changed by it."""


class Decisions:
    """A ring of what was decided: every change, and the first of each run of equal holds."""

    def __init__(self) -> None:
        self._ring: deque[Taken] = deque(maxlen=MOST)
        self._last: dict[tuple[SliceBase, str], tuple[str, int]] = {}
        self._count = 0

    def is_news(self, base: SliceBase, actor: str, outcome: str, wanted: int) -> bool:
        """Whether this differs from what was decided last about the slice by that actor; note it.

        A change that is decided again because it was not carried out yet is no news.
        """
        before = self._last.get((base, actor))
        self._last[base, actor] = (outcome, wanted)
        return before != (outcome, wanted)

    def add(self, taken: Taken) -> None:
        """Keep a decision; it has the next number."""
        self._count += 1
        self._ring.append(taken)

    @property
    def next_number(self) -> int:
        """The number the next decision gets."""
        return self._count + 1

    def keep_only(self, bases: set[SliceBase]) -> None:
        """Forget what was decided last about every other slice; the ring keeps what it has."""
        self._last = {key: last for key, last in self._last.items() if key[0] in bases}

    def newest_first(self, base: SliceBase | None = None) -> Iterator[Taken]:
        """Yield the decisions there are now, of one slice if named, the newest first; also for a thread."""
        ring = self._ring.copy()  # in one go: the loop may add meanwhile
        return (taken for taken in reversed(ring) if base is None or taken.slice == base)
