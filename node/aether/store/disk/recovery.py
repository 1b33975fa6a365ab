"""Reading a log after a start: what is in it, what was never synced and may go, what is damage.

Records are numbered without gaps over all segments. Where the number expected does not verify, the
log is torn; every record found behind that place tells up to which number all was synced when it was
written. Does one say that the torn one was, synced entries are lost: LogDamaged. Else
the torn one and what follows were never synced, so nobody was promised them, and they are cut.

Segments before one that begins with a RESET record are leftovers, whatever is in them.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

import msgspec

from aether.core.raft.entries import MEMBERS, Members
from aether.ports import Disk
from aether.store.disk.contents import Contents
from aether.store.disk.errors import LogDamaged, disk_error
from aether.store.disk.records import (
    HAS_MEMBERS,
    RESET,
    Record,
    entries_of,
    search,
)
from aether.store.disk.segments import (
    HEAD_BYTES,
    SCAN_BYTES,
    Segment,
    head,
    remove_segment,
    segment_name,
    segment_number,
    write_zeros,
)

_OPENING_BYTES = 4096
_members = msgspec.msgpack.Decoder(Members)


@dataclass(frozen=True, slots=True)
class _Tear:
    """Where the log stops verifying."""

    number: int
    offset: int
    serial: int
    """Of the record that should stand there."""
    used: int = 0
    """Where the last byte behind the tear that is not zero ends."""

    def damaged(self, evidence: Record, where: str) -> LogDamaged:
        return LogDamaged(
            segment_name(self.number),
            self.offset,
            f"record {self.serial} does not verify, and {where} at byte {evidence.offset} tells "
            "that it had been synced",
        )


@dataclass(slots=True)
class Recovered:
    """A log as it was found, its files open."""

    contents: Contents = field(default_factory=Contents)
    segments: list[Segment] = field(default_factory=list)
    serial: int = 0
    """Of the last record."""
    synced: int = 0
    """Up to which serial the records themselves tell that they were synced."""
    unproven: dict[int, "array[int]"] = field(default_factory=dict)
    """Segment number to offsets of its records, for segments with records after `synced`."""


class Recovery:
    """One pass over the segments, in order; then `finish`."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._log = Recovered()
        self._doomed: list[Segment] = []
        self._tear: _Tear | None = None

    def run(self, snapshot_index: int) -> Recovered:
        """Read every segment; raises LogDamaged, DiskFailed. Closes what it opened when it raises."""
        try:
            found = (segment_number(name) for name in self._disk.names())
            for number in self._needed(sorted(each for each in found if each is not None)):
                self._take(number)
            return self._finish(snapshot_index)
        except BaseException as error:
            for segment in chain(self._log.segments, self._doomed):
                segment.file.close()
            if isinstance(error, OSError):
                raise disk_error(error, "reading the log") from error
            raise

    def _needed(self, numbers: list[int]) -> list[int]:
        """Return the segments from the last RESET on: what is before it does not count any more."""
        for place in range(len(numbers) - 1, 0, -1):
            opening = _opening(self._open(numbers[place]))
            self._doomed.pop().file.close()
            if opening and opening.flags & RESET:
                for number in numbers[:place]:
                    self._open(number)
                return numbers[place:]
        return numbers

    def _open(self, number: int) -> Segment:
        """Open a segment, doomed until it is known to be part of the log."""
        segment = Segment(number, self._disk.open(segment_name(number)), 0, 0)
        self._doomed.append(segment)
        segment.allocated = segment.file.size()
        if segment.read(0, HEAD_BYTES) == head(number):
            segment.end = HEAD_BYTES
        return segment

    def _take(self, number: int) -> None:
        segment = self._open(number)
        opening = _opening(segment)
        if not self._log.segments:
            self._base(segment, opening)
        elif self._is_torn_before(number, opening):
            self._look_behind(segment)
        if self._tear:
            return
        self._doomed.pop()
        self._log.segments.append(segment)
        self._read(segment)

    def _base(self, segment: Segment, opening: Record | None) -> None:
        """Check how the log begins: that was synced before anything was made of it.

        In the very first segment that is the head, in any other the first record.
        """
        if segment.number > 1:
            if opening is None:
                what = "the first record of the log does not verify"
                raise LogDamaged(segment.name, HEAD_BYTES, what)
            self._log.serial = opening.serial - 1
        elif not segment.end and segment.used() > HEAD_BYTES:
            raise LogDamaged(segment.name, 0, "the head of the log does not verify")

    def _is_torn_before(self, number: int, opening: Record | None) -> bool:
        before, expected = self._log.segments[-1], self._log.serial + 1
        adjacent = before.number + 1 == number
        if self._tear is None and not adjacent:
            self._tear = _Tear(before.number, before.end, expected)
        elif self._tear and adjacent and opening and opening.serial == expected:
            self._tear = None  # what does not verify had been given up; its number stands here
        return self._tear is not None

    def _look_behind(self, segment: Segment) -> None:
        """Look for proof, in a segment behind the tear, that what is torn had been synced."""
        tear = self._tear
        data = segment.read(0, segment.allocated)
        proof = _proof(search(data, segment.number, 0), tear.serial) if tear else None
        if tear and proof:
            raise tear.damaged(proof, segment.name)

    def _read(self, segment: Segment) -> None:
        offsets: array[int] = array("Q")
        if segment.end:
            for data, base, records in segment.stretches(HEAD_BYTES, segment.allocated, SCAN_BYTES):
                if not self._take_records(segment, data, base, records, offsets):
                    break
        self._log.unproven[segment.number] = offsets
        self._forget_proven()
        self._check_rest(segment)

    def _take_records(
        self, segment: Segment, data: bytes, base: int, records: list[Record], offsets: "array[int]"
    ) -> bool:
        """Take records as long as they are numbered without a gap; whether all were."""
        log, contents = self._log, self._log.contents
        expected = log.serial + 1
        for record in records:
            offset, end, count, flags, serial, synced, first, term = record
            if serial != expected:
                return False
            if flags or not contents.begun:
                self._note(segment, data, base, record)
            elif count:
                try:
                    contents.add(segment.number, offset, first, count, term)
                except (ValueError, OverflowError) as problem:
                    raise LogDamaged(segment.name, offset, str(problem)) from problem
            offsets.append(offset)
            log.serial, segment.end = serial, end
            log.synced = max(log.synced, synced)
            expected += 1
        return True

    def _note(self, segment: Segment, data: bytes, base: int, record: Record) -> None:
        """Take a record that is not like most."""
        contents = self._log.contents
        first = record.first
        try:
            if record.flags & RESET or (record.entry_count and not contents.begun):
                contents.begin_after(first - 1)
            if record.entry_count:
                contents.add(segment.number, record.offset, first, record.entry_count, record.term)
            if record.flags & HAS_MEMBERS:
                contents.add_members(
                    (entry.index, _members.decode(entry.data))
                    for entry in entries_of(data, record, base)
                    if entry.kind == MEMBERS
                )
        except (ValueError, OverflowError, msgspec.MsgspecError) as problem:
            raise LogDamaged(segment.name, record.offset, str(problem)) from problem

    def _forget_proven(self) -> None:
        """Keep the offsets only of segments whose last record may be unsynced."""
        log = self._log
        serial = log.serial
        for number in sorted(log.unproven, reverse=True):
            if serial <= log.synced:
                del log.unproven[number]
            else:
                serial -= len(log.unproven[number])

    def _check_rest(self, segment: Segment) -> None:
        """Find out whether anything but zeros stands behind the records."""
        used = segment.used()
        if used <= segment.end:
            return
        serial = self._log.serial + 1
        data = segment.read(
            segment.end, segment.allocated - segment.end
        )  # a record may end with zeros
        self._tear = _Tear(segment.number, segment.end, serial, used)
        proof = _proof(search(data, segment.number, segment.end), serial)
        if proof:
            raise self._tear.damaged(proof, "a record")

    def _finish(self, snapshot_index: int) -> Recovered:
        log = self._log
        if not log.contents.begun:
            log.contents.begin_after(snapshot_index)
        if log.contents.first_index > snapshot_index + 1:
            raise LogDamaged(
                log.segments[0].name if log.segments else "the log",
                0,
                f"the log begins with entry {log.contents.first_index}, the snapshot ends with "
                f"{snapshot_index}: what is between is missing",
            )
        self._cut()
        return log

    def _cut(self) -> None:
        """Make the files what was read from them."""
        tear, segments = self._tear, self._log.segments
        if tear and tear.used:
            segment = segments[-1]
            write_zeros(segment.file, tear.offset, tear.used)
            segment.file.sync()
        while self._doomed:
            remove_segment(self._disk, self._doomed[-1])
            self._doomed.pop()


def _opening(segment: Segment) -> Record | None:
    """Return the first record of a segment, None when that or the head does not verify."""
    if not segment.end:
        return None
    found = next(segment.stretches(HEAD_BYTES, segment.allocated, _OPENING_BYTES), None)
    return found[2][0] if found else None


def _proof(records: Iterator[Record], serial: int) -> Record | None:
    """Return a record that tells that record `serial` had been synced."""
    return next((record for record in records if record.synced >= serial), None)
