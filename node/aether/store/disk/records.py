"""The form of a record: one run of entries of one term, as it stands in a segment.

```
magic u32 | crc32c u32 | length u32 | count u32 | flags u32 | serial u64 | synced u64 | first u64 |
term u64 | payload: msgpack of the entries
```

All little-endian. The checksum covers everything after itself and is seeded with the segment's
number and the record's offset, so a record verifies only where it was written. `serial` counts
the records of a log; `synced` is the serial up to which all was on disk when this one was written.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import google_crc32c
import msgspec

from aether.core.raft.entries import MEMBERS, Entry

HAS_MEMBERS = 1
"""At least one of the entries is of kind MEMBERS."""
RESET = 2
"""The log is emptied: it goes on with entry `first`, after one of `term`. No payload."""
MARK = 4
"""Nothing but a `synced`. No payload."""

_HEADER = struct.Struct("<IIIIIQQQQ")
_REST = struct.Struct("<IIIQQQQ")
_MAGIC = 0xC1AE0B5E
_MAGIC_BYTES = struct.pack("<I", _MAGIC)
_CHECKED_FROM = 8
_SPREAD = 0x9E3779B1
"""Keeps equal offsets of neighbouring segments apart."""
HEADER_BYTES = _HEADER.size

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Entry])
_extend = google_crc32c.extend


class Record(NamedTuple):
    """What the head of a verified record says, and where the record stands."""

    offset: int
    end: int
    """Where the next one may begin."""
    entry_count: int
    flags: int
    serial: int
    synced: int
    first: int
    term: int


class Run(NamedTuple):
    """Entries of one term, encoded, that are to become one record."""

    first: int
    term: int
    entry_count: int
    flags: int
    payload: bytes


def runs(entries: Sequence[Entry], most_bytes: int) -> list[Run]:
    """Cut a batch where the term changes, and where a record would carry more than `most_bytes`."""
    found: list[Run] = []
    start = size = flags = 0
    term = entries[0].term
    for place, entry in enumerate(entries):
        size += len(entry.data)
        if (entry.term != term or size > most_bytes) and place > start:
            found.append(_run(entries[start:place], flags))
            start, size, flags, term = place, len(entry.data), 0, entry.term
        if entry.kind == MEMBERS:
            flags = HAS_MEMBERS
    found.append(_run(entries[start:] if start else entries, flags))
    return found


def _run(entries: Sequence[Entry], flags: int) -> Run:
    return Run(entries[0].index, entries[0].term, len(entries), flags, _encoder.encode(entries))


def seal(run: Run, number: int, offset: int, serial: int, synced: int) -> bytes:
    """Return the record of `run` as it is to stand at `offset` of segment `number`."""
    checked = (
        _REST.pack(
            len(run.payload), run.entry_count, run.flags, serial, synced, run.first, run.term
        )
        + run.payload
    )
    crc: int = _extend(_seed(number, offset), checked)
    return b"".join((_MAGIC_BYTES, crc.to_bytes(4, "little"), checked))


def walk(data: bytes, number: int, start: int, base: int = 0) -> Iterator[Record]:
    """Return the records in `data` from `start` on, up to one that does not verify.

    `data` begins at byte `base` of segment `number`; the records' offsets are those in the segment.
    """
    unpack, extend, total = _HEADER.unpack_from, _extend, len(data)
    salt = number * _SPREAD + base
    new = tuple.__new__  # half the cost of Record(…), for millions of them
    while start <= total - HEADER_BYTES:
        magic, crc, length, count, flags, serial, synced, first, term = unpack(data, start)
        end = start + HEADER_BYTES + length
        if magic != _MAGIC or end > total:
            return
        if extend((salt + start) & 0xFFFFFFFF, data[start + _CHECKED_FROM : end]) != crc:
            return
        yield new(Record, (start + base, end + base, count, flags, serial, synced, first, term))
        start = end


def search(data: bytes, number: int, base: int) -> Iterator[Record]:
    """Return every verified record in `data`, which begins at `base`, wherever it begins."""
    start = data.find(_MAGIC_BYTES)
    while start >= 0:
        record = next(walk(data, number, start, base), None)
        if record:
            yield record
        start = data.find(_MAGIC_BYTES, record.end - base if record else start + 1)


def entries_of(data: bytes, record: Record, base: int = 0) -> list[Entry]:
    """Decode a record's entries; `base` is where `data` begins. Raises ValueError on nonsense."""
    try:
        found = _decoder.decode(data[record.offset - base + HEADER_BYTES : record.end - base])
    except msgspec.MsgspecError as problem:
        raise ValueError(f"entries cannot be decoded: {problem}") from problem
    if len(found) != record.entry_count or found[0].index != record.first:
        raise ValueError("its entries are not those its head announces")
    return found


def end_of(head: bytes, offset: int) -> int | None:
    """Return where the record beginning with `head` at `offset` says it ends; None if it is none."""
    if len(head) < HEADER_BYTES:
        return None
    magic, _, length, *_ = _HEADER.unpack_from(head)
    return offset + HEADER_BYTES + int(length) if magic == _MAGIC else None


def _seed(number: int, offset: int) -> int:
    return (number * _SPREAD + offset) & 0xFFFFFFFF
