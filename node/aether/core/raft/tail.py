"""The newest entries of the log in memory, bounded by bytes."""

from collections import deque
from collections.abc import Sequence
from operator import attrgetter

from aether.core.raft.entries import Entry

ENTRY_BYTES = 100
"""What an entry costs in memory besides its data."""
MOST_ENTRIES = 4096
"""Most entries handed out at a time, whatever their size."""

_data = attrgetter("data")


def data_bytes(entries: Sequence[Entry]) -> int:
    """Return the bytes of data in the entries."""
    return sum(map(len, map(_data, entries)))


def fitting(entries: Sequence[Entry], max_bytes: int) -> tuple[Sequence[Entry], int]:
    """Return as many of the entries as fit, at least one if there is one, and their bytes."""
    total = data_bytes(entries)
    if total <= max_bytes:
        return entries, total
    total = 0
    for count, entry in enumerate(entries):
        size = len(entry.data)
        if count and total + size > max_bytes:
            return entries[:count], total
        total += size
    return entries, total


class Tail:
    """Entries `first`..`last` without a gap; the oldest are forgotten batch by batch."""

    __slots__ = ("_batches", "_entries", "bytes", "first")

    def __init__(self, first: int) -> None:
        self.first = first
        self._entries: list[Entry] = []
        self._batches: deque[tuple[int, int]] = deque()  # (last index, bytes) of each append
        self.bytes = 0

    @property
    def last(self) -> int:
        """Index of the newest entry, `first - 1` when there is none."""
        return self.first + len(self._entries) - 1

    @property
    def newest(self) -> Entry | None:
        """The newest entry."""
        return self._entries[-1] if self._entries else None

    def append(self, entries: Sequence[Entry]) -> int:
        """Add the entries that follow the newest; return the bytes of their data."""
        size = data_bytes(entries)
        cost = size + ENTRY_BYTES * len(entries)
        self._entries.extend(entries)
        self._batches.append((self.last, cost))
        self.bytes += cost
        return size

    def slice(self, first: int, last: int) -> list[Entry]:
        """Return the entries `first`..`last`, all of which are here, at most MOST_ENTRIES."""
        start = first - self.first
        return self._entries[start : min(last - self.first + 1, start + MOST_ENTRIES)]

    def since(self, first: int) -> tuple[Entry, ...]:
        """Return all entries from `first` on."""
        return tuple(self._entries[first - self.first :])

    def truncate(self, index: int) -> None:
        """Forget `index` and all behind it."""
        del self._entries[max(0, index - self.first) :]
        while self._batches and self._batches[-1][0] >= index:
            self.bytes -= self._batches.pop()[1]
        kept_to = self._batches[-1][0] if self._batches else self.first - 1
        if self.last > kept_to:
            rest = self._entries[kept_to + 1 - self.first :]
            cost = data_bytes(rest) + ENTRY_BYTES * len(rest)
            self._batches.append((self.last, cost))
            self.bytes += cost

    def trim(self, most_bytes: int, up_to: int) -> None:
        """Forget the oldest batches that end at or before `up_to` until the rest fits."""
        if self.bytes <= most_bytes + most_bytes // 4:  # seldom and much: the list moves each time
            return
        dropped = self.first - 1
        while len(self._batches) > 1 and self.bytes > most_bytes and self._batches[0][0] <= up_to:
            dropped, cost = self._batches.popleft()
            self.bytes -= cost
        self._forget(dropped)

    def drop_before(self, index: int) -> None:
        """Forget whole batches before `index`; entries of its own batch stay."""
        dropped = self.first - 1
        while self._batches and self._batches[0][0] < index:
            dropped, cost = self._batches.popleft()
            self.bytes -= cost
        self._forget(dropped)

    def _forget(self, dropped: int) -> None:
        del self._entries[: dropped + 1 - self.first]
        self.first = max(self.first, dropped + 1)
