"""The form of a snapshot file: a magic, then frames, each a length, a checksum and a body.

The first frame holds the SnapshotPoint, the last one the number of parts and their bytes, those
between hold the parts. A checksum is seeded with the frame's place, so parts cannot be swapped,
repeated or left out.
"""

import struct
from collections.abc import Iterator

import google_crc32c
import msgspec

from aether.core.raft.entries import SnapshotPoint
from aether.ports import DiskFile
from aether.store.disk.errors import SnapshotDamaged, disk_error

MAGIC = b"AESNAP\x00\x01"
MOST_PART_BYTES = 16 * 1024 * 1024
_FRAME = struct.Struct("<II")
_END = struct.Struct("<QQ")
_END_SEED = 0xFFFFFFFF
_END_BYTES = _FRAME.size + _END.size
_WINDOW_BYTES = 256 * 1024
_decoder = msgspec.msgpack.Decoder(SnapshotPoint)


def first_frame(point: SnapshotPoint) -> bytes:
    """Return what a snapshot file begins with."""
    return MAGIC + _frame(msgspec.msgpack.encode(point), 0)


def part_frame(part: bytes, ordinal: int) -> bytes:
    """Return the frame of a part; the first has ordinal 1."""
    return _frame(part, ordinal)


def last_frame(parts: int, size: int) -> bytes:
    """Return what a snapshot file of so many parts, and bytes in them, ends with."""
    return _frame(_END.pack(parts, size), _END_SEED)


def _frame(body: bytes, seed: int) -> bytes:
    head = len(body).to_bytes(4, "little")
    return b"".join((head, google_crc32c.extend(seed, body).to_bytes(4, "little"), body))


class SnapshotReader:
    """Reads one file from its beginning; raises SnapshotDamaged where it does not verify."""

    def __init__(self, name: str, file: DiskFile) -> None:
        self._name = name
        self._file = file
        self._offset = len(MAGIC)
        self._window = b""
        self._window_at = 0
        try:
            self._size = file.size()
        except OSError as error:
            raise disk_error(error, f"reading {name}") from error

    def point(self) -> SnapshotPoint:
        """Return where in the log the snapshot stands."""
        if self._read(0, len(MAGIC)) != MAGIC:
            raise self._damaged("it does not begin as a snapshot of this version does")
        try:
            return _decoder.decode(self._next(0))
        except msgspec.MsgspecError as problem:
            raise self._damaged(f"its head cannot be decoded: {problem}") from problem

    def parts(self) -> Iterator[bytes]:
        """Return the parts that follow the point, then check that none is missing."""
        count = size = 0
        while self._offset < self._size - _END_BYTES:
            count += 1
            part = self._next(count)
            size += len(part)
            yield part
        if self._next(_END_SEED) != _END.pack(count, size) or self._offset != self._size:
            raise self._damaged("it does not end as it should")

    def _next(self, seed: int) -> bytes:
        head = self._read(self._offset, _FRAME.size)
        if len(head) < _FRAME.size:
            raise self._damaged("it is cut off")
        length, crc = _FRAME.unpack(head)
        if length > MOST_PART_BYTES:
            raise self._damaged(f"a part of {length} bytes, {MOST_PART_BYTES} at most")
        body = self._read(self._offset + _FRAME.size, length)
        if len(body) < length or google_crc32c.extend(seed & 0xFFFFFFFF, body) != crc:
            raise self._damaged("a checksum does not match")
        self._offset += _FRAME.size + length
        return body

    def _read(self, offset: int, size: int) -> bytes:
        begin = offset - self._window_at
        if begin < 0 or begin + size > len(self._window):
            try:
                self._window = self._file.read_at(offset, max(size, _WINDOW_BYTES))
            except OSError as error:
                raise disk_error(error, f"reading {self._name}") from error
            self._window_at, begin = offset, 0
        return self._window[begin : begin + size]

    def _damaged(self, what: str) -> SnapshotDamaged:
        return SnapshotDamaged(self._name, self._offset, what)
