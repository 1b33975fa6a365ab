import pytest

from aether.store.disk.errors import DiskFailed
from aether.store.disk.segments import Segment
from aether.store.disk.sync_job import SyncJob, SyncState
from tests.crash_disk import CrashDisk


def job(disk: CrashDisk, *, names: bool) -> SyncJob:
    file = disk.open("a", create=True)
    file.write_at(0, b"x")
    return SyncJob(disk, [Segment(1, file, 1, 1)], (7, 2, 9), None, names=names)


def test_it_syncs_files_and_names_and_tells_when_it_is_done() -> None:
    for names in (False, True):
        disk = CrashDisk()
        made = job(disk, names=names)
        made.run()
        assert made.state is SyncState.DONE
        assert (made.index, made.term, made.serial) == (7, 2, 9)
        assert disk.files["a"].durable == b"x"
        assert ("a" in disk.durable) is names


@pytest.mark.parametrize("failing", ["a", "names"])
def test_a_failure_is_told_and_remembered(failing: str) -> None:
    disk = CrashDisk()
    made = job(disk, names=True)
    disk.fail = lambda step: OSError(28, "no") if step.name == failing else None
    with pytest.raises(DiskFailed, match="syncing"):
        made.run()
    assert made.state is SyncState.FAILED
