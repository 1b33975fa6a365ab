import random
from contextlib import suppress

import pytest

from aether.core.raft.entries import COMMAND, Entry, HardState, Members, SnapshotPoint
from aether.errors import Bug
from aether.store.disk.entry_log import EntryLog, LogLimits
from aether.store.disk.errors import DiskFailed, NoSpace
from tests.crash_disk import CrashDisk

LIMITS = LogLimits(segment_bytes=4096, slice_bytes=1024, reserve_bytes=0)
NOBODY = Members(())


def entries(first: int, last: int, term: int = 1, size: int = 50) -> list[Entry]:
    return [Entry(index, term, COMMAND, 0, b"x" * size) for index in range(first, last + 1)]


def sync(log: EntryLog) -> tuple[int, int]:
    job = log.begin_sync()
    assert job is not None
    job.run()
    return job.index, job.term


def opened(disk: CrashDisk | None = None, snapshot: int = 0) -> EntryLog:
    return EntryLog.open(disk or CrashDisk(), LIMITS, snapshot)


def fill(log: EntryLog) -> None:
    for index in range(log.last_index + 1, 200):
        log.append(entries(index, index))


def test_a_job_covers_what_was_appended_before_it_and_one_is_out_at_a_time() -> None:
    log = opened()
    assert log.begin_sync() is None
    log.append(entries(1, 3))
    job = log.begin_sync()
    assert job is not None
    assert (job.index, job.term) == (3, 1)
    log.append(entries(4, 5, term=2))
    assert log.begin_sync() is None
    job.run()
    assert sync(log) == (5, 2)
    assert log.begin_sync() is None


def test_later_entries_replace_those_that_stand_there() -> None:
    disk = CrashDisk()
    log = opened(disk)
    log.append(entries(1, 10))
    log.append(entries(6, 7, term=2))
    assert [entry.term for entry in log.read(1, 99, 1 << 20)] == [1] * 5 + [2] * 2
    assert log.start(SnapshotPoint(0, 0, 0, NOBODY), HardState(2, ""), 0).term_starts == (
        (1, 1),
        (6, 2),
    )
    sync(log)
    assert [entry.term for entry in opened(disk).read(1, 7, 1 << 20)] == [1] * 5 + [2] * 2


def test_a_read_gives_one_entry_at_least_and_no_more_than_fit() -> None:
    log = opened()
    log.append(entries(1, 10))
    assert [entry.index for entry in log.read(3, 9, 0)] == [3]
    assert [entry.index for entry in log.read(3, 9, 149)] == [3, 4]
    assert [entry.index for entry in log.read(3, 9, 1 << 20)] == [3, 4, 5, 6, 7, 8, 9]
    for index in (0, 11):
        with pytest.raises(LookupError):
            log.read(index, index, 1)


def test_an_append_that_leaves_a_gap_is_a_bug() -> None:
    log = opened()
    for wrong in (entries(2, 2), [*entries(1, 1), *entries(3, 3)]):
        with pytest.raises(Bug):
            log.append(wrong)
    assert log.last_index == 0


def test_an_entry_larger_than_a_segment_gets_one_of_its_own() -> None:
    disk = CrashDisk()
    log = opened(disk)
    log.append(entries(1, 2))
    log.append(entries(3, 3, size=10_000))
    log.append(entries(4, 4))
    sync(log)
    assert [len(entry.data) for entry in opened(disk).read(1, 4, 1 << 20)] == [50, 50, 10_000, 50]


def test_the_next_segment_is_ready_before_it_is_needed_and_writes_then_need_no_room() -> None:
    disk = CrashDisk()
    log = opened(disk)
    while log.last_index < 30:
        index = log.last_index + 1
        log.append(entries(index, index))
        sync(log)
    disk.capacity = 0
    log.append(entries(31, 40))
    sync(log)
    with pytest.raises(NoSpace):
        fill(log)
    assert log.last_index > 60
    assert log.bytes == 2 * 4096
    disk.capacity = 1 << 30
    log.append(entries(log.last_index + 1, log.last_index + 1))


def test_only_whole_segments_before_the_index_are_dropped() -> None:
    disk = CrashDisk()
    log = opened(disk)
    for index in range(1, 101):
        log.append(entries(index, index))
        sync(log)
    log.drop_before(60)
    assert 1 < log.first_index <= 60
    start = log.start(SnapshotPoint(70, 1, 0, NOBODY), HardState(1, ""), 200)
    assert start.term_starts == ((log.first_index, 1),)
    assert start.tail[-1].index == 100
    assert opened(disk, 70).first_index == log.first_index
    log.drop_before(10_000)
    assert log.last_index == 100
    assert log.read(100, 100, 1)[0].index == 100


def test_a_log_that_ends_before_or_contradicts_the_snapshot_is_emptied() -> None:
    for point in (SnapshotPoint(20, 3, 0, NOBODY), SnapshotPoint(5, 3, 0, NOBODY)):
        disk = CrashDisk()
        log = opened(disk)
        log.append(entries(1, 10))
        sync(log)
        start = log.start(point, HardState(3, ""), 1 << 20)
        assert (start.first_index, start.last_index, start.tail) == (
            point.index + 1,
            point.index,
            (),
        )
        assert opened(disk, point.index).last_index == point.index


def test_a_log_that_goes_on_behind_the_snapshot_is_kept() -> None:
    log = opened()
    log.append(entries(1, 10))
    start = log.start(SnapshotPoint(5, 1, 0, NOBODY), HardState(1, ""), 1 << 20)
    assert (start.first_index, start.last_index) == (1, 10)


def test_a_reset_while_a_sync_is_out_leaves_its_files_until_it_is_done() -> None:
    disk = CrashDisk()
    log = opened(disk)
    log.append(entries(1, 10))
    job = log.begin_sync()
    assert job is not None
    log.reset(SnapshotPoint(30, 2, 0, NOBODY))
    log.append(entries(31, 32, term=2))
    assert len([name for name in disk.names() if name.endswith(".seg")]) == 2
    job.run()
    assert sync(log) == (32, 2)
    log.begin_sync()
    assert len([name for name in disk.names() if name.endswith(".seg")]) == 1
    assert opened(disk, 30).last_index == 32


def test_a_power_cut_at_any_step_of_a_reset_leaves_the_old_log_or_the_new_one() -> None:
    for stop in range(1, 20):
        disk = CrashDisk()
        log = opened(disk)
        log.append(entries(1, 90))
        sync(log)
        end = disk.calls + stop
        disk.fail = lambda step, end=end: OSError(5, "power") if step.call >= end else None
        with suppress(DiskFailed):
            log.reset(SnapshotPoint(200, 2, 0, NOBODY))
            log.append(entries(201, 201, term=2))
        disk.fail = None
        found = opened(disk, 200)
        assert found.last_index in (90, 200, 201)
        found.start(SnapshotPoint(200, 2, 0, NOBODY), HardState(2, ""), 0)
        assert found.first_index == 201


def test_nothing_is_written_after_a_failed_sync() -> None:
    disk = CrashDisk()
    log = opened(disk)
    log.append(entries(1, 1))
    disk.fail = lambda step: OSError(5, "no") if step.what == "sync" else None
    job = log.begin_sync()
    assert job is not None
    with pytest.raises(DiskFailed, match="syncing the log"):
        job.run()
    disk.fail = None
    for refused in (lambda: log.append(entries(2, 2)), log.begin_sync):
        with pytest.raises(DiskFailed, match="opened anew"):
            refused()
    assert opened(disk).last_index == 1
    disk.crash(random.Random(1))
    assert opened(disk).last_index == 1  # written once more when it was opened, and synced


def test_failed_reads_and_writes_are_told_as_such() -> None:
    disk = CrashDisk()
    log = opened(disk)
    log.append(entries(1, 1))
    disk.fail = lambda step: OSError(5, "no") if step.what in ("read", "write") else None
    with pytest.raises(DiskFailed):
        log.read(1, 1, 1)
    with pytest.raises(DiskFailed):
        opened(disk)
    with pytest.raises(DiskFailed):
        log.append(entries(2, 2))
    with pytest.raises(DiskFailed):
        log.begin_sync()
