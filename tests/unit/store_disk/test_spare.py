import pytest

from aether.store.disk.errors import DiskFailed
from aether.store.disk.spare import SPARE_NAME, Spare
from tests.crash_disk import CrashDisk


def test_it_grows_twice_as_fast_as_the_segment_fills_and_is_given_away_whole() -> None:
    disk = CrashDisk()
    spare = Spare(disk, 1000, 250, 0)
    for used, wanted in ((32, True), (100, False), (130, True), (251, True), (380, True)):
        assert spare.wants(used) is wanted
        if wanted:
            spare.advance()
    assert spare.ready
    assert not spare.wants(1000)
    file = spare.take("log")
    assert file.read_at(0, 2000) == bytes(1000)
    assert disk.names() == ["log"]
    assert spare.wants(32)


def test_a_full_disk_only_keeps_it_from_growing() -> None:
    disk = CrashDisk(300)
    spare = Spare(disk, 1000, 250, 100)
    spare.advance()
    assert disk.names() == []
    disk.free_lies, disk.capacity = True, 100
    spare.advance()
    disk.capacity = 2000
    for _ in range(4):
        spare.advance()
    assert spare.ready


def test_a_failing_disk_is_told() -> None:
    disk = CrashDisk()
    disk.fail = lambda step: OSError(5, step.what) if step.what == "sync" else None
    with pytest.raises(DiskFailed):
        Spare(disk, 1000, 250, 0).advance()
    assert disk.names() == [SPARE_NAME]
