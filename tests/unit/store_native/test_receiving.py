"""A snapshot is put together from chunks of one sender, verified, and only then there."""

import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.entries import SnapshotPoint
from aether.store.disk.errors import NoSpace
from aether.store.disk.snapshot_files import SnapshotFiles
from aether.store.native.packets import SnapshotChunk
from aether.store.native.receiving import MOST_BYTES, Receiving
from aether.store.native.sending import FAILED, RECEIVING
from tests.unit.store_native.memory_disk import MemoryDisk
from tests.unit.store_native.test_sending import POINT, files

A, B = NodeId("a"), NodeId("b")


class World:
    def __init__(self) -> None:
        self.source = files()
        self.size = self.source.size(POINT)
        self.disk = MemoryDisk()
        self.files = SnapshotFiles(self.disk)
        self.verified: list[SnapshotPoint] = []
        self.damaged: list[str] = []
        self.receiving = Receiving(
            self.files,
            lambda _sender, point, _now: self.verified.append(point),
            lambda _sender, _point, problem: self.damaged.append(problem),
        )

    def chunk(self, offset: int, size: int) -> SnapshotChunk:
        data = self.source.chunk(POINT, offset, size)
        return SnapshotChunk(7, POINT, self.size, offset, data)

    def finish(self) -> None:
        job, self.receiving.job = self.receiving.job, None
        assert job is not None
        job.run()
        job.then(0.0)


def test_a_complete_file_is_verified_and_read_back() -> None:
    world = World()
    for offset in range(0, world.size, 500):
        told = world.receiving.take(A, world.chunk(offset, 500))
        assert (told.state, told.offset) == (RECEIVING, min(offset + 500, world.size))
    assert world.files.latest() is None
    world.finish()
    assert world.verified == [POINT]
    assert list(world.files.read(POINT)) == list(world.source.read(POINT))


def test_gaps_and_repeats_are_answered_with_what_is_missing() -> None:
    world = World()
    assert world.receiving.take(A, world.chunk(0, 0)).offset == 0
    assert world.receiving.take(A, world.chunk(0, 500)).offset == 500
    assert world.receiving.take(A, world.chunk(1000, 500)).offset == 500
    assert world.receiving.take(A, world.chunk(0, 500)).offset == 500


def test_another_sender_begins_anew() -> None:
    world = World()
    world.receiving.take(A, world.chunk(0, 500))
    assert world.receiving.take(B, world.chunk(500, 500)).offset == 0
    assert world.receiving.take(A, world.chunk(500, 500)).offset == 0


def test_damage_is_told_and_leaves_nothing() -> None:
    world = World()
    data = bytearray(world.source.chunk(POINT, 0, world.size))
    data[world.size // 2] ^= 1
    world.receiving.take(A, SnapshotChunk(7, POINT, world.size, 0, bytes(data)))
    world.finish()
    assert world.damaged
    assert not world.verified
    assert world.disk.names() == []
    assert world.receiving.take(A, world.chunk(0, 0)).offset == 0


def test_while_it_is_verified_nothing_else_is_taken() -> None:
    world = World()
    world.receiving.take(A, world.chunk(0, world.size))
    world.receiving.abort()
    assert world.receiving.take(B, world.chunk(0, 500)).offset == 0
    assert world.receiving.take(A, world.chunk(0, 0)).offset == world.size
    world.finish()
    assert world.verified == [POINT]


def test_a_full_disk_gives_up() -> None:
    world = World()
    world.disk.capacity = 100
    with pytest.raises(NoSpace):
        world.receiving.take(A, world.chunk(0, 500))
    assert world.disk.names() == []


def test_a_giant_is_refused() -> None:
    world = World()
    told = world.receiving.take(A, SnapshotChunk(7, POINT, MOST_BYTES + 1, 0, b""))
    assert told.state == FAILED
