"""One file of the log: a head, records one after another, and zeros up to the end."""

import re
import struct
from collections.abc import Iterator

import google_crc32c

from aether.core.raft.entries import Entry
from aether.ports import Disk, DiskFile
from aether.store.disk.errors import LogDamaged, disk_error
from aether.store.disk.records import HEADER_BYTES, Record, end_of, entries_of, walk

_HEAD = struct.Struct("<8sQI")
_MAGIC = b"AELOG\x00\x00\x01"
HEAD_BYTES = 32
"""Where the first record begins."""
_NAME = re.compile(r"log-([0-9a-f]{16})\.seg")
_WINDOW_BYTES = 64 * 1024
_ZEROS = bytes(256 * 1024)


def segment_name(number: int) -> str:
    """Return the name of segment `number`."""
    return f"log-{number:016x}.seg"


def segment_number(name: str) -> int | None:
    """Return the number of the segment a file is, None when it is none."""
    found = _NAME.fullmatch(name)
    return int(found[1], 16) if found else None


def head(number: int) -> bytes:
    """Return the first HEAD_BYTES of segment `number`."""
    start = _MAGIC + number.to_bytes(8, "little")
    crc = google_crc32c.value(start)
    return _HEAD.pack(_MAGIC, number, crc).ljust(HEAD_BYTES, b"\0")


def write_zeros(file: DiskFile, start: int, end: int) -> None:
    """Fill `file` with zeros from `start` to `end`."""
    while start < end:
        size = min(len(_ZEROS), end - start)
        file.write_at(start, _ZEROS if size == len(_ZEROS) else _ZEROS[:size])
        start += size


class Segment:
    """An open segment: where its records end, how much of it is allocated."""

    def __init__(self, number: int, file: DiskFile, end: int, allocated: int) -> None:
        self.number = number
        self.name = segment_name(number)
        self.file = file
        self.end = end
        """Where the next record begins; 0 while even the head is not written."""
        self.allocated = allocated
        """Bytes that can be written without asking the disk for room."""

    def read_entries(self, offset: int, first: int, stop: int) -> Iterator[Entry]:
        """Return entries `first` to `stop` - 1, which the records from `offset` on hold.

        Raises LogDamaged, DiskFailed.
        """
        for data, base, record in self._records(offset):
            if not record.entry_count or record.first + record.entry_count <= first:
                continue
            try:
                entries = entries_of(data, record, base)
            except ValueError as problem:
                raise LogDamaged(self.name, record.offset, str(problem)) from problem
            yield from entries[max(first - record.first, 0) : stop - record.first]
            if record.first + record.entry_count >= stop:
                return

    def _records(self, offset: int) -> Iterator[tuple[bytes, int, Record]]:
        """Return verified records with the bytes they are in and where those begin in the file."""
        size = _WINDOW_BYTES
        while offset < self.end:
            data = self._read(offset, min(size, self.end - offset))
            after = offset
            for record in walk(data, self.number, 0, offset):
                yield data, offset, record
                after = record.end
            if after > offset:
                offset, size = after, _WINDOW_BYTES
                continue
            claimed = end_of(data[:HEADER_BYTES], offset)
            if claimed is None or claimed - offset <= len(data) or claimed > self.end:
                break
            size = claimed - offset
        raise LogDamaged(self.name, offset, "a record that was there cannot be read any more")

    def _read(self, offset: int, size: int) -> bytes:
        try:
            return self.file.read_at(offset, size)
        except OSError as error:
            raise disk_error(error, f"reading {self.name}") from error


def remove_segment(disk: Disk, segment: Segment) -> None:
    """Take a segment's file away and close it."""
    disk.remove(segment.name)
    segment.file.close()
