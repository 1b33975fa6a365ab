"""The replicated log on disk: append, sync, read, drop the front, replace the end.

Nothing that is in a file is overwritten: an append that replaces entries stands behind them, and
reading in order finds out. `append` writes, a SyncJob makes durable; what a crash leaves is
settled by `recovery`.
"""

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import msgspec

from aether.core.raft.entries import MEMBERS, Entry, HardState, Members, SnapshotPoint
from aether.core.raft.values import EntryReader, LogStart
from aether.errors import Bug
from aether.ports import Disk
from aether.store.disk.errors import DiskFailed, LogDamaged, NoSpace, disk_error
from aether.store.disk.records import HAS_MEMBERS, HEADER_BYTES, MARK, RESET, Run, runs, seal
from aether.store.disk.recovery import Recovered, Recovery
from aether.store.disk.segments import (
    HEAD_BYTES,
    Segment,
    head,
    remove_segment,
    segment_name,
    write_zeros,
)
from aether.store.disk.spare import SPARE_NAME, Spare
from aether.store.disk.sync_job import SyncJob, SyncState

_MiB = 1024 * 1024
_MOST_DROPPED = 8
"""Segments removed at once: each costs a sync of the directory."""
_Bytes = bytes  # EntryLog.bytes hides the name
_members = msgspec.msgpack.Decoder(Members)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLimits:
    """Sizes in bytes."""

    segment_bytes: int = 16 * _MiB
    slice_bytes: int = 512 * 1024
    """How much of the next segment one sync makes ready: bounds how long it takes longer."""
    record_bytes: int = 256 * 1024
    """Most data in one record, but for a single larger entry."""
    reserve_bytes: int = 1 * _MiB
    """Left free when a write must take new room on the disk."""


class EntryLog(EntryReader):
    """The log of one member. Not for use by several threads, but for SyncJob.run.

    Whatever raises DiskFailed leaves the log unusable until it is opened anew.
    """

    def __init__(self, disk: Disk, limits: LogLimits, found: Recovered) -> None:
        self._disk = disk
        self._limits = limits
        self._contents = found.contents
        self._segments = found.segments
        self._serial = found.serial
        self._synced = found.serial
        """Serial up to which everything is on disk."""
        self._dirty: list[Segment] = []
        self._names_dirty = False
        self._job: SyncJob | None = None
        self._doomed: list[Segment] = []
        self._failure: DiskFailed | None = None
        self._spare = Spare(disk, limits.segment_bytes, limits.slice_bytes, limits.reserve_bytes)

    @classmethod
    def open(
        cls, disk: Disk, limits: LogLimits, snapshot_index: int, *, fresh: bool = True
    ) -> Self:
        """Read the log; a torn end is cut, and what may not be on disk is written again.

        Without `fresh`, a log must be there. Raises LogDamaged, NoSpace, DiskFailed.
        """
        found = Recovery(disk).run(snapshot_index)
        if not found.segments and not fresh:
            raise LogDamaged("the log", 0, "all of its files are missing")
        log = cls(disk, limits, found)
        try:
            log._settle_files(found)
        except OSError as error:
            log._close_files()
            raise disk_error(error, "opening the log") from error
        return log

    @property
    def first_index(self) -> int:
        """First entry that can be read; `last_index` + 1 when there is none."""
        return self._contents.first_index

    @property
    def last_index(self) -> int:
        """Last entry, synced or not."""
        return self._contents.last_index

    @property
    def bytes(self) -> int:
        """Bytes of all segments, the zeros at their ends included."""
        return sum(max(segment.allocated, segment.end) for segment in self._segments)

    def start(self, snapshot: SnapshotPoint, hard_state: HardState, tail_bytes: int) -> LogStart:
        """Return what Raft starts from; a log that ends before or contradicts the snapshot is emptied.

        `tail_bytes`: how much data of the newest entries to bring along.
        """
        contents = self._contents
        term = contents.term_at(snapshot.index)
        if contents.last_index < snapshot.index or (term is not None and term != snapshot.term):
            self.reset(snapshot)
        return LogStart(
            hard_state=hard_state,
            snapshot=snapshot,
            first_index=self.first_index,
            last_index=self.last_index,
            term_starts=contents.term_starts,
            members=contents.members_after(snapshot.index),
            tail=self._tail(tail_bytes),
        )

    def append(self, entries: Sequence[Entry]) -> None:
        """Write consecutive entries; what stands at and after the first of them is replaced.

        They count as durable when a SyncJob begun later has run. Raises NoSpace, which changes nothing,
        or DiskFailed.
        """
        if not entries:
            return
        self._settle()
        self._check(entries)
        batch = runs(entries, self._limits.record_bytes)
        members = _members_in(entries) if any(run.flags & HAS_MEMBERS for run in batch) else ()
        segment, offset = self._write(batch)
        for run in batch:
            self._contents.add(segment.number, offset, run.first, run.entry_count, run.term)
            offset += HEADER_BYTES + len(run.payload)
        self._contents.add_members(members)

    def begin_sync(self) -> SyncJob | None:
        """Return the job that makes durable what was appended up to now.

        None when there is nothing, and while the last job has not run.
        """
        self._settle()
        if self._job or not (self._dirty or self._names_dirty):
            return None
        active = self._segments[-1]
        term = self._contents.term_at(self.last_index) or 0
        spare = self._spare if self._spare.wants(active.end) else None
        covers = (self.last_index, term, self._serial)
        self._job = SyncJob(self._disk, self._dirty, covers, spare, names=self._names_dirty)
        self._dirty, self._names_dirty = [], False
        return self._job

    def read(self, first: int, last: int, max_bytes: int) -> Sequence[Entry]:
        """Return entries from `first` to at most `last`, at least one, no more than fit.

        Raises LogDamaged, DiskFailed; LookupError when `first` is not in the log.
        """
        if not self.first_index <= first <= self.last_index:
            raise LookupError(
                f"entry {first} is not in the log of {self.first_index} to {self.last_index}"
            )
        last = min(last, self.last_index)
        found: list[Entry] = []
        while first <= last:
            number, offset, stop = self._contents.place_of(first)
            stop = min(stop, last + 1)
            for entry in self._segment(number).read_entries(offset, first, stop):
                max_bytes -= len(entry.data)
                if max_bytes < 0 and found:
                    return found
                found.append(entry)
            first = stop
        return found

    def drop_before(self, index: int) -> None:
        """Remove segments that hold only entries before `index`, a few at most; others next time."""
        self._settle()
        index = min(index, self.last_index)
        if index < self.first_index:
            return
        bound = self._contents.place_of(index)[0]
        busy = [*self._dirty, *(self._job.segments if self._job else ())]
        if busy:
            # The newest synced segment stays: it proves that an unsynced one was begun rightly.
            bound = min(bound, min(segment.number for segment in busy) - 1)
        bound = min(bound, self._segments[0].number + _MOST_DROPPED)
        self._contents.drop_segments_before(bound)
        while self._segments[0].number < bound:
            self._doomed.append(self._segments.pop(0))
        self._remove_doomed()

    def reset(self, point: SnapshotPoint) -> None:
        """Empty the log: it goes on after `point`. Synced when it returns.

        Have the snapshot of `point` published before. A crash leaves the old log or the new one.
        Raises NoSpace, which changes nothing, or DiskFailed.
        """
        self._settle()
        old = list(self._segments)
        run = Run(point.index + 1, point.term, 0, RESET, b"")
        segment, _ = self._write([run], anew=True)
        self._sync_now(segment)
        self._contents.begin_after(point.index)
        self._segments = [segment]
        self._dirty = []
        self._doomed += old
        self._remove_doomed()

    def close(self) -> None:
        """Sync, leave a mark that all was synced, and close the files. No job may be running."""
        try:
            if self._failure is None and (self._job is None or self._job.state is SyncState.DONE):
                job = self.begin_sync()
                if job:
                    job.run()
                self._settle()
                self._mark()
        except NoSpace:
            pass  # the mark only helps to tell damage from a crash
        finally:
            self._close_files()

    def _check(self, entries: Sequence[Entry]) -> None:
        first, last = entries[0].index, entries[-1].index
        gap = last - first + 1 != len(entries)
        if gap or not self.first_index <= first <= self.last_index + 1:
            raise Bug(
                f"{len(entries)} entries {first} to {last} were appended to a log of "
                f"{self.first_index} to {self.last_index}"
            )

    def _write(self, batch: Sequence[Run], *, anew: bool = False) -> tuple[Segment, int]:
        """Write records for `batch`, all in one segment; return it and where they begin."""
        size = sum(HEADER_BYTES + len(run.payload) for run in batch)
        segment = self._room(size, anew=anew)
        begins = segment.end == 0
        start = offset = HEAD_BYTES if begins else segment.end
        parts = [head(segment.number)] if begins else []
        serial, synced = self._serial, self._synced
        for run in batch:
            serial += 1
            if run.flags & RESET:
                synced = serial - 1  # what came before does not count any more
            parts.append(seal(run, segment.number, offset, serial, synced))
            offset += HEADER_BYTES + len(run.payload)
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._put(segment, data)
        self._serial, segment.end = serial, offset
        segment.allocated = max(segment.allocated, offset)
        if not self._dirty or self._dirty[-1] is not segment:
            self._dirty.append(segment)
        return segment, start

    def _put(self, segment: Segment, data: _Bytes) -> None:
        try:
            segment.file.write_at(segment.end, data)
        except OSError as error:
            problem = disk_error(error, f"writing {segment.name}")
            if isinstance(problem, NoSpace):
                self._undo(segment, segment.end + len(data))
            else:
                self._failure = problem
            raise problem from error

    def _undo(self, segment: Segment, end: int) -> None:
        """Take back half a write, so that nothing of it can ever be taken for a record."""
        try:
            if segment.allocated < end:
                segment.file.truncate(segment.allocated)
            write_zeros(segment.file, segment.end, min(end, segment.allocated))
            segment.file.sync()
        except OSError as error:
            self._failure = DiskFailed(
                error.errno, f"half a write to {segment.name} cannot be undone"
            )
            raise self._failure from error

    def _room(self, size: int, *, anew: bool) -> Segment:
        """Return the segment that takes `size` more bytes, a new one when the last is full."""
        segment = self._segments[-1]
        if anew or (segment.end + size > self._limits.segment_bytes and segment.end > HEAD_BYTES):
            segment = self._roll(size)
        end = (segment.end or HEAD_BYTES) + size
        if end > segment.allocated:
            self._ask_for_room(end - segment.allocated)
        return segment

    def _roll(self, size: int) -> Segment:
        number = self._segments[-1].number + 1
        name = segment_name(number)
        whole = self._spare.ready
        if not whole:
            self._ask_for_room(size + HEAD_BYTES)
        try:
            file = self._spare.take(name) if whole else self._disk.open(name, create=True)
        except OSError as error:
            raise self._noted(disk_error(error, f"making {name}")) from error
        segment = Segment(number, file, 0, self._limits.segment_bytes if whole else 0)
        self._segments.append(segment)
        self._names_dirty = True
        return segment

    def _ask_for_room(self, size: int) -> None:
        try:
            free = self._disk.free_bytes()
        except OSError as error:
            raise self._noted(disk_error(error, "asking for free space")) from error
        if free < size + self._limits.reserve_bytes:
            raise NoSpace(errno.ENOSPC, f"the log needs {size} bytes and {free} are free")

    def _noted(self, problem: DiskFailed | NoSpace) -> DiskFailed | NoSpace:
        if isinstance(problem, DiskFailed):
            self._failure = problem
        return problem

    def _settle(self) -> None:
        """Take note of a job that has run. Raises DiskFailed when one failed."""
        job = self._job
        if job and job.state is SyncState.DONE:
            self._synced = max(self._synced, job.serial)
            self._job = None
            if self._doomed:
                self._remove_doomed()
        elif job and job.state is SyncState.FAILED:
            self._failure = DiskFailed(
                errno.EIO, "a sync of the log failed; it must be opened anew"
            )
        if self._failure:
            raise self._failure

    def _sync_now(self, segment: Segment) -> None:
        try:
            segment.file.sync()
            self._disk.sync_names()
        except OSError as error:
            self._failure = DiskFailed(error.errno, f"syncing {segment.name} failed: {error}")
            raise self._failure from error
        self._synced = self._serial
        self._names_dirty = False

    def _remove_doomed(self) -> None:
        """Remove files nobody syncs any more, one after another: a crash must not leave a gap."""
        busy = self._job.segments if self._job else ()
        self._doomed = [
            segment for segment in self._doomed if segment in busy or not self._removed(segment)
        ]

    def _removed(self, segment: Segment) -> bool:
        try:
            remove_segment(self._disk, segment)
            self._disk.sync_names()
        except OSError as error:
            problem = self._noted(disk_error(error, f"removing {segment.name}"))
            if isinstance(problem, NoSpace):
                return False  # some file systems need room to remove; there will be
            raise problem from error
        return True

    def _segment(self, number: int) -> Segment:
        return self._segments[number - self._segments[0].number]

    def _tail(self, tail_bytes: int) -> tuple[Entry, ...]:
        """Return the newest entries with up to `tail_bytes` of data, one at least if there is any."""
        batches: list[Sequence[Entry]] = []
        stop = self.last_index + 1
        while stop > self.first_index and tail_bytes > 0:
            number, offset, _ = self._contents.place_of(stop - 1)
            first = self._contents.first_from(stop - 1)
            batch = list(self._segment(number).read_entries(offset, first, stop))
            batches.append(batch)
            tail_bytes -= sum(len(entry.data) for entry in batch)
            stop = first
        return tuple(entry for batch in reversed(batches) for entry in batch)

    def _settle_files(self, found: Recovered) -> None:
        """After reading: make durable what is taken for durable, and be ready to append."""
        if not self._segments:
            self._create()
            return
        # A sync that failed leaves pages that read well and are not on disk, and that another sync
        # does not write: only written again are they durable.
        synced = found.synced
        first = found.serial - sum(map(len, found.unproven.values())) + 1
        for number in sorted(found.unproven):
            offsets = found.unproven[number]
            if offsets:
                segment = self._segment(number)
                begin = offsets[max(synced + 1 - first, 0)] if first <= synced else 0
                data = segment.file.read_at(begin, segment.end - begin)
                segment.file.write_at(begin, data)
                segment.file.sync()
            first += len(offsets)
        if self._segments[-1].end == 0 and len(self._segments) == 1:
            self._begin(self._segments[0])
        self._disk.remove(SPARE_NAME)
        self._disk.sync_names()
        try:
            self._mark()
        except NoSpace:
            return

    def _create(self) -> None:
        """Make the first segment: zeros and a head, durable before it is used."""
        size = self._limits.segment_bytes
        segment = Segment(1, self._disk.open(segment_name(1), create=True), 0, 0)
        self._segments.append(segment)
        if self._disk.free_bytes() > size + self._limits.reserve_bytes:
            write_zeros(segment.file, 0, size)
            segment.allocated = size
        self._begin(segment)
        self._disk.sync_names()

    def _begin(self, segment: Segment) -> None:
        """Write the head of the very first segment: that it was there tells damage from a crash."""
        segment.file.write_at(0, head(segment.number))
        segment.file.sync()
        segment.end = HEAD_BYTES
        segment.allocated = max(segment.allocated, HEAD_BYTES)

    def _mark(self) -> None:
        """Write that all before is synced, so that a later open can tell damage from a crash."""
        if self._synced == self._serial and self._serial:
            segment, _ = self._write([Run(self.last_index + 1, 0, 0, MARK, b"")])
            self._sync_now(segment)
            self._dirty = []

    def _close_files(self) -> None:
        self._spare.close()
        for segment in (*self._segments, *self._doomed):
            segment.file.close()


def _members_in(entries: Sequence[Entry]) -> list[tuple[int, Members]]:
    """Return what MEMBERS entries hold; raises Bug when one cannot be decoded."""
    try:
        return [
            (entry.index, _members.decode(entry.data)) for entry in entries if entry.kind == MEMBERS
        ]
    except msgspec.MsgspecError as problem:
        raise Bug(f"a MEMBERS entry cannot be decoded: {problem}") from problem
