"""The log as Raft sees it: where it begins and ends, what is on disk, what is committed.

Rules: nothing committed is ever removed; `commit` and `first_index` only grow; `persisted` falls
only when entries are truncated.
"""

from collections.abc import Sequence

from aether.core.raft.entries import Entry, SnapshotPoint
from aether.core.raft.tail import Tail, fitting
from aether.core.raft.terms import TermRuns
from aether.core.raft.values import EntryReader, LogStart


def _runs(start: LogStart) -> list[tuple[int, int]]:
    """Return where terms begin, the entry before the first readable one included when known."""
    before = start.first_index - 1
    if before == start.snapshot.index:
        return [(before, start.snapshot.term), *start.term_starts]
    return [(0, 0), *start.term_starts] if before == 0 else list(start.term_starts)


class Log:
    """Entries `first_index`..`last_index`; the newest in memory, the others through the reader."""

    __slots__ = (
        "_batch",
        "_floor_ms",
        "_reader",
        "_tail",
        "_tail_bytes",
        "_taken",
        "_terms",
        "_truncated",
        "commit",
        "first_index",
        "last_index",
        "persisted",
    )

    def __init__(self, start: LogStart, reader: EntryReader, tail_bytes: int) -> None:
        self._reader = reader
        self._tail_bytes = tail_bytes
        self._batch: tuple[int, int, tuple[Entry, ...], int] = (0, 0, (), 0)
        self._truncated = False
        if start.last_index < start.snapshot.index:  # the snapshot is ahead: it is the whole log
            self.commit = 0
            self._begin(start.snapshot)
            return
        self.first_index = start.first_index
        self.last_index = self.persisted = self._taken = start.last_index
        self.commit = start.snapshot.index
        self._terms = TermRuns(_runs(start))
        self._floor_ms = start.snapshot.time_ms
        self._tail = Tail(start.tail[0].index if start.tail else start.last_index + 1)
        if start.tail:
            self._tail.append(start.tail)
        elif start.last_index > start.snapshot.index:
            self._floor_ms = self._read_time(start.last_index)

    def _begin(self, point: SnapshotPoint) -> None:
        self.first_index = point.index + 1
        self.last_index = self.persisted = self._taken = point.index
        self.commit = max(self.commit, point.index)
        self._terms = TermRuns([(point.index, point.term)])
        self._floor_ms = point.time_ms
        self._tail = Tail(point.index + 1)
        self._truncated = False

    @property
    def last_term(self) -> int:
        """Term of the newest entry."""
        return self._terms.last_term

    @property
    def last_time_ms(self) -> int:
        """Cluster time of the newest entry."""
        newest = self._tail.newest
        return newest.time_ms if newest else self._floor_ms

    def term_at(self, index: int) -> int | None:
        """Return the term of an entry, None when it is not there or forgotten."""
        return self._terms.term_at(index) if index <= self.last_index else None

    def is_behind(self, last_index: int, last_term: int) -> bool:
        """Whether a log that ends so holds at least what this one holds."""
        return (last_term, last_index) >= (self.last_term, self.last_index)

    def last_at_most(self, index: int, term: int) -> int:
        """Return the highest index up to `index` whose term is `term` or less."""
        return self._terms.last_at_most(min(index, self.last_index), term)

    def append(self, entries: Sequence[Entry]) -> int:
        """Add entries that follow the newest, terms ascending; return the bytes of their data."""
        if entries[-1].term != self._terms.last_term:
            for entry in entries:
                self._terms.extend(entry.index, entry.term)
        size = self._tail.append(entries)
        self.last_index = entries[-1].index
        return size

    def may_truncate(self) -> bool:
        """Whether the last truncation is on disk.

        A second one waits for it: otherwise an entry could come, go and come back, and a sync of
        its first coming would be taken for one of its second.
        """
        return not self._truncated

    def truncate(self, index: int) -> None:
        """Remove `index`, which is not committed, and all behind it; entries must follow at once."""
        if index < self._tail.first:
            self._floor_ms = self._read_time(index - 1)
            self._tail = Tail(index)
        else:
            self._tail.truncate(index)
        self._terms.truncate(index)
        self.last_index = index - 1
        self.persisted = min(self.persisted, index - 1)
        self._taken = min(self._taken, index - 1)
        self._truncated = True
        self._batch = (0, 0, (), 0)

    def _read_time(self, index: int) -> int:
        if index < self.first_index:
            return self._floor_ms
        found = self._reader.read(index, index, 0)
        return found[0].time_ms if found else self._floor_ms

    def entries(self, first: int, last: int, max_bytes: int) -> Sequence[Entry]:
        """Return entries from `first` to at most `last`, at least one if it is there."""
        last = min(last, self.last_index)
        if first > last or first < self.first_index:
            return ()
        if first < self._tail.first:
            return self._reader.read(first, min(last, self._tail.first - 1), max_bytes)
        return fitting(self._tail.slice(first, last), max_bytes)[0]

    def batch(self, first: int, max_bytes: int) -> tuple[tuple[Entry, ...], int]:
        """Return what one Append carries from `first` on, and its bytes.

        Peers that are equally far get the same tuple.
        """
        kept = self._batch
        if kept[0] == first and kept[1] == self.last_index:
            return kept[2], kept[3]
        chunk, size = fitting(self.entries(first, self.last_index, max_bytes), max_bytes)
        entries = tuple(chunk)
        self._batch = (first, self.last_index, entries, size)
        return entries, size

    def take_unwritten(self) -> tuple[Entry, ...]:
        """Return the entries appended since the last call."""
        if self._taken == self.last_index:
            return ()
        entries = self._tail.since(self._taken + 1)
        self._taken = self.last_index
        return entries

    def persisted_to(self, index: int, term: int) -> bool:
        """Note that entries up to `index` are on disk; False when it says nothing new."""
        if index <= self.persisted or self.term_at(index) != term:
            return False
        self.persisted = index
        self._truncated = False
        self._tail.trim(self._tail_bytes, index)
        return True

    def commit_to(self, index: int) -> bool:
        """Commit up to `index`, as far as the log reaches; False when that is nothing new."""
        index = min(index, self.last_index)
        if index <= self.commit:
            return False
        self.commit = index
        return True

    def reset(self, point: SnapshotPoint) -> None:
        """Begin after a snapshot; nothing before it, nothing behind it."""
        self._begin(point)
        self._batch = (0, 0, (), 0)

    def compact(self, first_index: int) -> None:
        """Forget committed entries before `first_index`."""
        first_index = min(first_index, self.commit + 1)
        if first_index <= self.first_index:
            return
        self._floor_ms = max(self._floor_ms, self.last_time_ms)
        self.first_index = first_index
        self._terms.drop_before(first_index - 1)
        self._tail.drop_before(first_index)
