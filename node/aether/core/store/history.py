"""What lately changed: for watchers that resume, and for reads of the past.

Every revision has one batch of changes, so its place follows from its number.
"""

from collections.abc import Iterator, Sequence

from aether.core.store.commands import Change, Changes, Entry

MAX_BATCHES = 50_000
MAX_BYTES = 32 * 1024 * 1024
MAX_AGE_MS = 3600 * 1000
"""Cluster time after which a change goes."""
OVERHEAD_BYTES = 320
"""What a batch with one change takes beside its keys and values, about."""
_DROPPED_AT_ONCE = 1024


class HistoryGone(LookupError):
    """The state at a past revision cannot be told any more: `compacted` is the first that can."""

    def __init__(self, revision: int, compacted: int) -> None:
        super().__init__(
            f"revision {revision} is gone: history begins with revision {compacted}; "
            "read the present state"
        )
        self.revision = revision
        self.compacted = compacted


_Batch = tuple[Changes, tuple[Entry | None, ...], int, int]
"""The changes of one revision, what stood under each key before it, their size, their time."""


class History:
    """The latest changes in order, without gaps, after `compacted`; bounded by count, bytes, age."""

    def __init__(self, compacted: int = 0) -> None:
        self.compacted = compacted
        """Changes up to this revision are gone."""
        self.bytes = 0
        """Size of what is kept, about."""
        self._batches: list[_Batch | None] = []
        self._drop_at_ms = 0
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._batches) - self._dropped

    def add(self, changes: Changes, before: tuple[Entry | None, ...], time_ms: int) -> None:
        """Keep the changes of the next revision; the oldest go when there is too much.

        `before` holds the entry each change replaced.
        """
        size = _size_of(changes.changes, before)
        self._batches.append((changes, before, size, time_ms))
        self.bytes += size
        if (
            self.bytes > MAX_BYTES
            or len(self._batches) - self._dropped > MAX_BATCHES
            or time_ms > self._drop_at_ms
        ):
            self._drop(time_ms)

    def _oldest_ms(self) -> int:
        oldest = self._batches[self._dropped]
        return oldest[3] if oldest is not None else 0

    def _drop(self, time_ms: int) -> None:
        """Let the oldest go until the bounds hold; the newest stays, whatever its size."""
        while len(self) > 1 and (
            self.bytes > MAX_BYTES
            or len(self) > MAX_BATCHES
            or time_ms - self._oldest_ms() > MAX_AGE_MS
        ):
            oldest = self._batches[self._dropped]
            self.bytes -= oldest[2] if oldest is not None else 0
            self.compacted += 1
            self._batches[self._dropped] = None
            self._dropped += 1
        self._drop_at_ms = self._oldest_ms() + MAX_AGE_MS
        if self._dropped > _DROPPED_AT_ONCE and self._dropped * 4 > len(self._batches):
            del self._batches[: self._dropped]
            self._dropped = 0

    def after(self, revision: int) -> Iterator[Changes]:
        """Walk the changes after `revision`; those up to `compacted` are gone."""
        start = max(revision - self.compacted, 0) + self._dropped
        return (batch[0] for batch in self._batches[start:] if batch is not None)

    def undone(self, revision: int) -> dict[str, Entry | None]:
        """Return the entries that were changed after `revision`, as they stood at it."""
        if revision < self.compacted:
            raise HistoryGone(revision, self.compacted)
        stood: dict[str, Entry | None] = {}
        start = revision - self.compacted + self._dropped
        for batch in reversed(self._batches[start:]):
            if batch is not None:
                for change, before in zip(batch[0].changes, batch[1], strict=True):
                    stood[change.key] = before
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
