"""Jobs say whether they may take long."""

from aether.core.raft.entries import COMMAND, Entry
from aether.store.disk.entry_log import EntryLog, LogLimits
from aether.store.native.jobs import BackgroundJob, LogSync
from tests.unit.store_native.memory_disk import MemoryDisk


def test_a_sync_of_the_log_is_run_by_its_job() -> None:
    disk = MemoryDisk()
    log = EntryLog.open(disk, LogLimits(segment_bytes=4096, reserve_bytes=0), 0)
    log.append([Entry(1, 1, COMMAND, 0, b"x")])
    sync = log.begin_sync()
    assert sync is not None
    job, before = LogSync(sync), disk.syncs
    assert not job.background
    job.run()
    assert disk.syncs > before


def test_a_background_job_calls_and_is_told() -> None:
    calls: list[object] = []
    job = BackgroundJob(lambda: calls.append("ran"), calls.append, lambda: calls.append("failed"))
    assert job.background
    job.run()
    job.then(3.0)
    job.otherwise()
    assert calls == ["ran", 3.0, "failed"]
