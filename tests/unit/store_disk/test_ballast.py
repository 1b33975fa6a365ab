import pytest

from aether.store.disk.ballast import BALLAST_NAME, Ballast
from aether.store.disk.errors import DiskFailed
from tests.crash_disk import CrashDisk


def test_it_is_filled_slice_by_slice_known_again_and_freed_at_once() -> None:
    disk = CrashDisk()
    ballast = Ballast(disk, 1000, 300)
    assert [ballast.fill() for _ in range(5)] == [False, False, False, True, True]
    assert disk.files[BALLAST_NAME].durable == bytes(1000)
    again = Ballast(disk, 1000, 300)
    assert again.whole
    assert again.free() is True
    assert disk.names() == []
    assert again.free() is False
    assert again.fill() is False


def test_it_never_takes_the_last_room() -> None:
    disk = CrashDisk(1200)
    ballast = Ballast(disk, 1000, 300)
    assert ballast.fill() is False
    assert disk.names() == []
    disk.capacity, disk.free_lies = 100, True
    assert ballast.fill() is False


def test_a_failing_disk_is_told() -> None:
    disk = CrashDisk()
    ballast = Ballast(disk, 1000, 300)
    ballast.fill()
    disk.fail = lambda step: OSError(5, step.what)
    with pytest.raises(DiskFailed):
        ballast.fill()
    with pytest.raises(DiskFailed):
        ballast.free()
