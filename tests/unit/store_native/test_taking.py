"""A snapshot of one's own is written in slices and counts once its job has run."""

import pytest

from aether.core.raft.entries import SnapshotPoint
from aether.store.disk.errors import NoSpace
from aether.store.disk.snapshot_files import SnapshotFiles
from aether.store.native.taking import SLICE_S, Taking
from tests.unit.store_native.memory_disk import MemoryDisk
from tests.unit.store_native.test_sending import POINT


class World:
    def __init__(self) -> None:
        self.time = 0.0
        self.disk = MemoryDisk()
        self.files = SnapshotFiles(self.disk)
        self.published: list[SnapshotPoint] = []
        self.taking = Taking(
            self.files, self.stopwatch, lambda point, _now: self.published.append(point)
        )

    def stopwatch(self) -> float:
        self.time += SLICE_S / 4
        return self.time

    def finish(self) -> None:
        job, self.taking.job = self.taking.job, None
        assert job is not None
        job.run()
        job.then(0.0)


def test_it_is_written_in_slices_and_published_after_its_job() -> None:
    world = World()
    parts = [b"%d" % number for number in range(20)]
    world.taking.begin(POINT, iter(parts))
    steps = 0
    while world.taking.more:
        world.taking.step()
        steps += 1
    assert steps > 4
    assert not world.taking.idle
    assert world.files.latest() is None
    world.finish()
    assert world.published == [POINT]
    assert world.taking.idle
    assert list(world.files.read(POINT)) == parts


def test_a_full_disk_gives_up_and_leaves_nothing() -> None:
    world = World()
    world.taking.begin(POINT, iter([bytes(5000)]))
    world.disk.capacity = 100
    with pytest.raises(NoSpace):
        world.taking.step()
    assert world.taking.idle
    assert world.disk.names() == []


def test_one_that_is_aborted_is_gone() -> None:
    world = World()
    world.taking.begin(POINT, iter([b"x"] * 20))
    world.taking.step()
    world.taking.abort()
    assert world.taking.idle
    assert not world.taking.more
    world.taking.step()
    assert world.disk.names() == []
