"""Damage and torn ends, byte class by byte class: what is cut and what is refused."""

from collections.abc import Callable

import pytest

from aether.core.raft.entries import COMMAND, Entry
from aether.store.disk.entry_log import EntryLog, LogLimits
from aether.store.disk.errors import LogDamaged
from aether.store.disk.records import HEADER_BYTES, Record
from aether.store.disk.segments import HEAD_BYTES, Segment, segment_name
from tests.crash_disk import CrashDisk

LIMITS = LogLimits(segment_bytes=2048, slice_bytes=512, reserve_bytes=0)
COUNT = 45


def entry(index: int, term: int = 1) -> Entry:
    return Entry(index, term, COMMAND, index, bytes([index % 251 + 1]) * 50)


def written(count: int = COUNT) -> CrashDisk:
    """Return a disk with a log of one synced record for each entry."""
    disk = CrashDisk()
    log = EntryLog.open(disk, LIMITS, 0)
    for index in range(1, count + 1):
        log.append([entry(index)])
        job = log.begin_sync()
        assert job is not None
        job.run()
    return disk


DISK = written()
SEGMENTS = [name for name in DISK.names() if name.endswith(".seg")]


def records_of(name: str) -> list[Record]:
    file = DISK.open(name)
    segment = Segment(int(name[4:20], 16), file, 0, file.size())
    return [
        record for _, _, records in segment.stretches(HEAD_BYTES, file.size()) for record in records
    ]


def reopened(disk: CrashDisk) -> list[Entry]:
    log = EntryLog.open(disk, LIMITS, 0)
    held = list(log.read(1, log.last_index, 1 << 30)) if log.last_index else []
    assert held == [entry(index) for index in range(1, len(held) + 1)]
    log.append([entry(len(held) + 1)])
    return held


PLACES: dict[str, Callable[[Record], int]] = {
    "magic": lambda record: record.offset,
    "checksum": lambda record: record.offset + 4,
    "length": lambda record: record.offset + 8,
    "high byte of the length": lambda record: record.offset + 11,
    "count": lambda record: record.offset + 12,
    "flags": lambda record: record.offset + 16,
    "serial": lambda record: record.offset + 20,
    "synced": lambda record: record.offset + 28,
    "first index": lambda record: record.offset + 36,
    "term": lambda record: record.offset + 44,
    "payload": lambda record: record.offset + HEADER_BYTES + 20,
    "last byte": lambda record: record.end - 1,
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("segment", [0, len(SEGMENTS) // 2, -1])
@pytest.mark.parametrize("which", [0, 3, -1])
def test_a_flipped_byte_is_damage_unless_it_is_in_the_last_record(
    place: str, segment: int, which: int
) -> None:
    disk, name = DISK.copy(), SEGMENTS[segment]
    record = records_of(name)[which]
    disk.files[name].live[PLACES[place](record)] ^= 0x41
    if segment == -1 and which == -1:
        assert len(reopened(disk)) == COUNT - 1
    else:
        with pytest.raises(LogDamaged, match=name):
            EntryLog.open(disk, LIMITS, 0)


@pytest.mark.parametrize("segment", range(len(SEGMENTS)))
@pytest.mark.parametrize("offset", [0, 7, 8, 15, 16, 20, HEAD_BYTES - 1])
def test_a_flipped_byte_in_a_segments_head_is_damage(segment: int, offset: int) -> None:
    disk, name = DISK.copy(), SEGMENTS[segment]
    disk.files[name].live[offset] ^= 1
    with pytest.raises(LogDamaged, match=name):
        EntryLog.open(disk, LIMITS, 0)


@pytest.mark.parametrize("segment", range(len(SEGMENTS)))
def test_a_flipped_byte_behind_the_records_harms_nothing(segment: int) -> None:
    disk, name = DISK.copy(), SEGMENTS[segment]
    disk.files[name].live[-3] ^= 1
    assert len(reopened(disk)) == COUNT


def test_a_record_cut_anywhere_is_torn_when_it_is_the_last() -> None:
    last = records_of(SEGMENTS[-1])[-1]
    for size in range(last.offset, last.end):
        disk = DISK.copy()
        del disk.files[SEGMENTS[-1]].live[size:]
        assert len(reopened(disk)) == COUNT - 1


def test_a_segment_cut_anywhere_is_damage_when_it_is_not_the_last() -> None:
    last = records_of(SEGMENTS[0])[-1]
    for size in range(0, last.end, 7):
        disk = DISK.copy()
        del disk.files[SEGMENTS[0]].live[size:]
        with pytest.raises(LogDamaged):
            EntryLog.open(disk, LIMITS, 0)


@pytest.mark.parametrize("segment", range(len(SEGMENTS)))
def test_a_page_of_zeros_is_damage_unless_it_is_the_end(segment: int) -> None:
    name = SEGMENTS[segment]
    for begin in range(0, 2048, 512):
        disk = DISK.copy()
        disk.files[name].live[begin : begin + 512] = bytes(512)
        records = records_of(name)
        if begin >= records[-1].end:
            assert len(reopened(disk)) == COUNT
        elif segment == len(SEGMENTS) - 1 and records[-1].offset < begin + 512 and begin:
            lost = sum(record.end > begin for record in records)
            assert len(reopened(disk)) == COUNT - lost  # nothing is left that was written later
        else:
            with pytest.raises(LogDamaged):
                EntryLog.open(disk, LIMITS, 0)


@pytest.mark.parametrize("segment", range(len(SEGMENTS) - 1))
def test_a_missing_segment_is_damage(segment: int) -> None:
    disk = DISK.copy()
    disk.remove(SEGMENTS[segment])
    with pytest.raises(LogDamaged):
        EntryLog.open(disk, LIMITS, 0)


def test_missing_segments_that_a_snapshot_covers_are_none() -> None:
    disk = DISK.copy()
    second = records_of(SEGMENTS[1])[0].first
    disk.remove(SEGMENTS[0])
    log = EntryLog.open(disk, LIMITS, second - 1)
    assert (log.first_index, log.last_index) == (second, COUNT)
    with pytest.raises(LogDamaged, match="missing"):
        EntryLog.open(disk.copy(), LIMITS, second - 2)


@pytest.mark.parametrize("copied", [0, -1])
def test_a_segment_under_another_number_is_not_taken(copied: int) -> None:
    disk = DISK.copy()
    disk.put(segment_name(len(SEGMENTS) + 1), bytes(disk.files[SEGMENTS[copied]].live))
    assert len(reopened(disk)) == COUNT


def test_an_older_copy_of_a_segment_is_damage() -> None:
    disk = DISK.copy()
    older = written(12)
    disk.put(
        SEGMENTS[1], bytes(older.files[SEGMENTS[1]].live) if SEGMENTS[1] in older.files else b""
    )
    with pytest.raises(LogDamaged):
        EntryLog.open(disk, LIMITS, 0)


def test_all_files_missing_is_damage_for_a_member_that_had_some() -> None:
    with pytest.raises(LogDamaged, match="missing"):
        EntryLog.open(CrashDisk(), LIMITS, 0, fresh=False)


def test_after_a_clean_stop_the_last_record_is_known_to_be_synced() -> None:
    disk = CrashDisk()
    log = EntryLog.open(disk, LIMITS, 0)
    log.append([entry(1)])
    log.close()
    disk.files[SEGMENTS[0]].live[HEAD_BYTES + 60] ^= 1
    with pytest.raises(LogDamaged, match="had been synced"):
        EntryLog.open(disk, LIMITS, 0)
