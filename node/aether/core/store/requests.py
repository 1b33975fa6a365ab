"""Which request ids were applied, and what they were answered: why a retry applies once.

Rules for this file: what is forgotten follows from the log alone, so that every member forgets the
same ids at the same command.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from aether.core.store.commands import NO_LEASE, LeaseId

MAX_REQUESTS = 100_000
"""Ids remembered."""
REMEMBER_MS = 24 * 3600 * 1000
"""Cluster time after which an id is forgotten, to the next `MARK_MS`."""
MARK_MS = 60_000
_MARK_ENDS_MS = MARK_MS + REMEMBER_MS
"""After a mark: when all ids of its minute are old enough."""
_FORGOTTEN_AT_ONCE = 4
"""Most ids one command forgets: more than one, so that a backlog of old ids goes."""


class Answer(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    """What a request was answered. `failed` are positions among the request's guards."""

    applied: bool
    revision: int
    deleted: int = 0
    failed: tuple[int, ...] = ()
    message: str = ""
    code: str = ""
    lease: LeaseId = NO_LEASE
    ttl_ms: int = 0


Given = Answer | int
"""An answer; the commonest, applied at a revision with nothing deleted, as that number alone."""


class Requests:
    """Answers by request id; those applied first are forgotten first.

    Small in memory: two references, a text and mostly a number for each id, each in the same order
    (`_answers` is never given an id it holds, and loses its oldest). Ages are kept by the
    minute: a mark is the time at which the id of a sequence number was applied.
    """

    def __init__(
        self,
        answers: Iterable[tuple[str, Given]] = (),
        marks: Iterable[tuple[int, int]] = (),
        first: int = 0,
    ) -> None:
        self._answers = dict(answers)
        self._ids = deque(self._answers)
        self._marks = deque(marks)
        self.first = first
        """Sequence number of the oldest id remembered."""

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[tuple[str, Given]]:
        """Walk ids and answers in the order in which they were applied."""
        return iter(self._answers.items())

    @property
    def marks(self) -> tuple[tuple[int, int], ...]:
        """(time in ms, sequence number) of the first id applied in each minute."""
        return tuple(self._marks)

    def copied(self) -> tuple[deque[str], deque[Given]]:
        """Return the ids and their answers, as they stand now."""
        return self._ids.copy(), deque(self._answers.values())

    def answered(self, request_id: str) -> Given | None:
        """Return what `request_id` was answered, or None when it is new or has no id."""
        return self._answers.get(request_id)

    def settle(self, request_id: str, given: Given, time_ms: int) -> Given | None:
        """Return what a request was answered before; else remember `given` and return None."""
        before = self._answers.get(request_id)
        if before is None:
            self.remember(request_id, given, time_ms)
        return before

    def remember(self, request_id: str, given: Given, time_ms: int) -> None:
        """Keep the answer of a request applied at `time_ms`; one without an id is not kept."""
        if not request_id:
            return
        if not self._marks or time_ms - self._marks[-1][0] >= MARK_MS:
            self._marks.append((time_ms, self.first + len(self._ids)))
        self._answers[request_id] = given
        self._ids.append(request_id)
        if len(self._ids) > MAX_REQUESTS:
            self._forget()
        if self._marks[0][0] + _MARK_ENDS_MS <= time_ms:
            self._forget_old(time_ms)

    def _forget_old(self, time_ms: int) -> None:
        for _ in range(_FORGOTTEN_AT_ONCE):
            if self._marks[0][0] + _MARK_ENDS_MS <= time_ms:
                self._forget()

    def _forget(self) -> None:
        del self._answers[self._ids.popleft()]
        self.first += 1
        if len(self._marks) > 1 and self._marks[1][1] <= self.first:
            self._marks.popleft()
