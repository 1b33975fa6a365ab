"""What lately changed: for watchers that resume, and for reads of the past.

Every revision has one batch of changes, so its place follows from its number.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from aether.core.model.reason import Reason
from aether.core.store.commands import Change, Changes, Entry

MAX_BATCHES = 50_000
MAX_BYTES = 32 * 1024 * 1024
MAX_AGE_MS = 3600 * 1000
"""Cluster time after which a change goes."""
OVERHEAD_BYTES = 320
"""What a batch with one change takes beside its keys and values, about."""


class HistoryGone(LookupError):
    """The state at a past revision cannot be told any more: `compacted` is the first that can."""

    def __init__(self, revision: int, compacted: int) -> None:
        super().__init__(
            f"revision {revision} is gone: history begins with revision {compacted}; "
            "read the present state"
        )
        self.revision = revision
        self.compacted = compacted


class _Batch(msgspec.Struct, frozen=True, gc=False):
    """The changes of one revision and what stood under each key before it."""

    changes: Changes
    before: tuple[Entry | None, ...]
    size: int
    time_ms: int

    def shown(self) -> Changes:
        """Return the changes."""
        return self.changes

    def pairs(self) -> Iterator[tuple[str, Entry | None]]:
        """Walk the keys and what stood under each."""
        keys = (change.key for change in self.changes.changes)
        return zip(keys, self.before, strict=True)


class _Lone(msgspec.Struct, frozen=True, gc=False):
    """One put: a third of the objects a batch of one would be made of, which are freed cold."""

    after: Entry
    before: Entry | None
    reason: Reason
    size: int
    time_ms: int

    def shown(self) -> Changes:
        """Return the changes."""
        after = self.after
        return Changes(after.mod_revision, self.reason, (Change(after.key, after),))

    def pairs(self) -> Iterator[tuple[str, Entry | None]]:
        """Walk the one key and what stood under it."""
        yield self.after.key, self.before


class History:
    """The latest changes in order, without gaps, after `compacted`; bounded by count, bytes, age."""

    def __init__(self, compacted: int = 0) -> None:
        self.compacted = compacted
        """Changes up to this revision are gone."""
        self.bytes = 0
        """Size of what is kept, about."""
        self._batches: deque[_Batch | _Lone] = deque()
        self._drop_at_ms = 0

    def __len__(self) -> int:
        return len(self._batches)

    def add(self, changes: Changes, before: tuple[Entry | None, ...], time_ms: int) -> None:
        """Keep the changes of the next revision; the oldest go when there is too much.

        `before` holds the entry each change replaced.
        """
        size = _size_of(changes.changes, before)
        self._keep(_Batch(changes, before, size, time_ms))

    def add_put(self, after: Entry, before: Entry | None, reason: Reason, time_ms: int) -> None:
        """Keep the next revision when all it did was to put `after` in place of `before`."""
        size = OVERHEAD_BYTES + len(after.value)
        if before is not None:
            size += len(before.value)
        self._keep(_Lone(after, before, reason, size, time_ms))

    def _keep(self, batch: _Batch | _Lone) -> None:
        time_ms = batch.time_ms
        self._batches.append(batch)
        self.bytes += batch.size
        if self.bytes > MAX_BYTES or len(self._batches) > MAX_BATCHES or time_ms > self._drop_at_ms:
            self._drop(time_ms)

    def _drop(self, time_ms: int) -> None:
        """Let the oldest go until the bounds hold; the newest stays, whatever its size."""
        batches = self._batches
        while len(batches) > 1 and (
            self.bytes > MAX_BYTES
            or len(batches) > MAX_BATCHES
            or time_ms - batches[0].time_ms > MAX_AGE_MS
        ):
            self.bytes -= batches.popleft().size
            self.compacted += 1
        self._drop_at_ms = batches[0].time_ms + MAX_AGE_MS

    def _newest_first(self, revision: int) -> Iterator[_Batch | _Lone]:
        """Walk what is kept of the batches after `revision` backwards: in time that grows with them."""
        count = len(self._batches) - max(revision - self.compacted, 0)
        return islice(reversed(self._batches), max(count, 0))

    def after(self, revision: int) -> Iterator[Changes]:
        """Walk the changes after `revision`; those up to `compacted` are gone."""
        return reversed([batch.shown() for batch in self._newest_first(revision)])

    def undone(self, revision: int) -> dict[str, Entry | None]:
        """Return the entries that were changed after `revision`, as they stood at it."""
        if revision < self.compacted:
            raise HistoryGone(revision, self.compacted)
        stood: dict[str, Entry | None] = {}
        for batch in self._newest_first(revision):
            stood.update(batch.pairs())
        return stood


def _size_of(changes: Sequence[Change], before: Sequence[Entry | None]) -> int:
    size = OVERHEAD_BYTES * len(changes)
    for change, old in zip(changes, before, strict=False):
        entry = change.entry
        if entry is not None:
            size += len(entry.value)
        if old is not None:
            size += len(old.value)
    return size
