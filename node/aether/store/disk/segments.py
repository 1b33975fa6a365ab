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
SCAN_BYTES = 1024 * 1024
"""Read at once when a whole segment is looked through: more would stay with the process."""
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
        for data, base, records in self.stretches(offset, self.end):
            for record in records:
                offset = record.end
                if not record.entry_count or record.first + record.entry_count <= first:
                    continue
                try:
                    entries = entries_of(data, record, base)
                except ValueError as problem:
                    raise LogDamaged(self.name, record.offset, str(problem)) from problem
                yield from entries[max(first - record.first, 0) : stop - record.first]
                if record.first + record.entry_count >= stop:
                    return
        raise LogDamaged(self.name, offset, "a record that was there cannot be read any more")

    def stretches(
        self, offset: int, end: int, size: int = _WINDOW_BYTES
    ) -> Iterator[tuple[bytes, int, list[Record]]]:
        """Return what is between `offset` and `end`, up to what does not verify, by some 64 KiB.

        Each with the bytes, where they begin in the file, and the records in them. Raises DiskFailed.
        """
        wanted = size
        while offset < end:
            data = self.read(offset, min(wanted, end - offset))
            records = list(walk(data, self.number, 0, offset))
            if records:
                yield data, offset, records
                offset, wanted = records[-1].end, size
                continue
            claimed = end_of(data[:HEADER_BYTES], offset)
            if claimed is None or claimed - offset <= len(data) or claimed > end:
                return
            wanted = claimed - offset

    def used(self) -> int:
        """Return where the last byte of the file that is not zero ends. Raises DiskFailed."""
        end = self.allocated
        while end > 0:
            begin = max(end - SCAN_BYTES, 0)
            rest = len(self.read(begin, end - begin).rstrip(b"\0"))
            if rest:
                return begin + rest
            end = begin
        return 0

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes of the file. Raises DiskFailed."""
        try:
            return self.file.read_at(offset, size)
        except OSError as error:
            raise disk_error(error, f"reading {self.name}") from error


def remove_segment(disk: Disk, segment: Segment) -> None:
    """Take a segment's file away and close it."""
    disk.remove(segment.name)
    segment.file.close()
