"""Reads that wait until this member has applied all that was acknowledged before they came.

All that arrived since the last turn ask Raft for an index under one *context*; once that index is
applied here they are served. A context that got no answer is asked again.
"""

import math
from collections.abc import Iterable

from aether.store.native.results import ReadDone, Refused, Unknown

_Read = tuple[ReadDone, float]


class _Asked:
    """Reads under one context."""

    __slots__ = ("asked_at", "reads")

    def __init__(self, reads: list[_Read], asked_at: float) -> None:
        self.reads = reads
        self.asked_at = asked_at


class Reads:
    """The reads one member has in hand, bounded by `most`.

    `first_context` is drawn anew whenever a member starts: an answer to a context of its former
    life must not release a read of this one.
    """

    def __init__(self, most: int, first_context: int, ask_again_s: float) -> None:
        self._most = most
        self._context = first_context
        self._ask_again_s = ask_again_s
        self._new: list[_Read] = []
        self._asked: dict[int, _Asked] = {}
        self._released: list[tuple[int, list[_Read]]] = []
        self._next_deadline = math.inf
        self._count = 0

    def __len__(self) -> int:
        """How many wait."""
        return self._count

    @property
    def unasked(self) -> bool:
        """Whether some wait for a context."""
        return bool(self._new)

    @property
    def wake_at(self) -> float:
        """When `expire` may have something to do."""
        oldest = min((each.asked_at for each in self._asked.values()), default=math.inf)
        return min(self._next_deadline, oldest + self._ask_again_s)

    def add(self, done: ReadDone, deadline: float) -> None:
        """Take a read; refused as `busy` when too many wait."""
        if self._count >= self._most:
            done(Refused("busy", f"{self._most} reads wait for consensus already"))
            return
        self._count += 1
        self._new.append((done, deadline))
        self._next_deadline = min(self._next_deadline, deadline)

    def ask(self, now: float) -> int:
        """Return the context under which all that are new ask now."""
        self._context += 1
        self._asked[self._context] = _Asked(self._new, now)
        self._new = []
        return self._context

    def answered(self, context: int, index: int | None) -> None:
        """Take Raft's answer; without an index the reads are new again."""
        asked = self._asked.pop(context, None)
        if asked is None:
            return
        if index is None:
            self._new[:0] = asked.reads
        else:
            self._released.append((index, asked.reads))

    def applied(self, index: int) -> None:
        """Serve the reads that waited for `index` or less."""
        if not self._released:
            return
        ready = [reads for needs, reads in self._released if needs <= index]
        self._released = [each for each in self._released if each[0] > index]
        for reads in ready:
            self._count -= len(reads)
            for done, _ in reads:
                done(None)

    def expire(self, now: float) -> None:
        """Refuse what waited past its deadline; ask again what has no answer for long."""
        for context, asked in list(self._asked.items()):
            if asked.asked_at + self._ask_again_s <= now:
                self.answered(context, None)
        if now < self._next_deadline:
            return
        ended: list[_Read] = []
        self._new = _keep(self._new, now, ended)
        for asked in self._asked.values():
            asked.reads = _keep(asked.reads, now, ended)
        self._released = [(index, _keep(reads, now, ended)) for index, reads in self._released]
        self._next_deadline = min((deadline for _, deadline in self._all()), default=math.inf)
        self._end(ended, Refused("timeout", "no quorum confirmed the read before its deadline"))

    def close(self, result: Refused | Unknown) -> None:
        """End everything."""
        everything = list(self._all())
        self._new = []
        self._asked.clear()
        self._released.clear()
        self._next_deadline = math.inf
        self._end(everything, result)

    def _end(self, reads: list[_Read], result: Refused | Unknown) -> None:
        self._count -= len(reads)
        for done, _ in reads:
            done(result)

    def _all(self) -> Iterable[_Read]:
        yield from self._new
        for asked in self._asked.values():
            yield from asked.reads
        for _, reads in self._released:
            yield from reads


def _keep(reads: list[_Read], now: float, ended: list[_Read]) -> list[_Read]:
    ended.extend(each for each in reads if each[1] <= now)
    return [each for each in reads if each[1] > now]
