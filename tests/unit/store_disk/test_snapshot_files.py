import random

import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Members, Peer, SnapshotPoint
from aether.store.disk.errors import DiskFailed, NoSpace, SnapshotDamaged
from aether.store.disk.snapshot_files import SnapshotFiles, snapshot_name
from tests.crash_disk import CrashDisk

MEMBERS = Members((Peer(NodeId("a"), "a:1"),))
PARTS = [b"", b"one", b"t" * 70_000, b"\0" * 10]


def point(index: int, term: int = 2) -> SnapshotPoint:
    return SnapshotPoint(index, term, index * 10, MEMBERS)


def write(files: SnapshotFiles, at: SnapshotPoint, parts: list[bytes] = PARTS) -> None:
    writer = files.writer(at)
    for part in parts:
        writer.write(part)
    writer.finish()()
    writer.publish()


def test_the_newest_is_found_again_with_all_its_parts() -> None:
    disk = CrashDisk()
    files = SnapshotFiles(disk)
    assert files.latest() is None
    for index in (5, 300, 20):
        write(files, point(index))
    for found in (files, SnapshotFiles(disk)):
        assert found.latest() == point(300)
        assert list(found.read(point(300))) == PARTS


def test_a_snapshot_counts_only_when_it_is_finished() -> None:
    disk = CrashDisk()
    files = SnapshotFiles(disk)
    writer = files.writer(point(5))
    writer.write(b"part")
    assert SnapshotFiles(disk.copy()).latest() is None
    job = writer.finish()
    assert files.latest() is None
    job()
    disk.crash(random.Random(0))
    assert SnapshotFiles(disk).latest() == point(5)
    other = files.writer(point(6))
    other.abort()
    assert disk.names() == [snapshot_name(point(5))]


def test_what_was_left_unfinished_is_removed() -> None:
    disk = CrashDisk()
    SnapshotFiles(disk).writer(point(5))
    SnapshotFiles(disk).receiver(point(6), 10)
    SnapshotFiles(disk)
    assert disk.names() == []


def test_every_flipped_byte_and_every_cut_is_found_and_the_one_before_is_used() -> None:
    disk = CrashDisk()
    files = SnapshotFiles(disk)
    write(files, point(5))
    parts = [b"one", b"two"]
    write(files, point(9), parts)
    name = snapshot_name(point(9))
    good = bytes(disk.files[name].live)
    bad = [good[:size] for size in range(len(good))] + [good + b"\0"]
    bad += [good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :] for at in range(len(good))]
    for content in bad:
        copy = disk.copy()
        copy.put(name, content)
        found = SnapshotFiles(copy)
        with pytest.raises(SnapshotDamaged):
            list(found.read(point(9)))
        assert found.latest() == point(5)
        assert name + ".damaged" in copy.names()


def test_parts_cannot_be_swapped() -> None:
    disk = CrashDisk()
    files = SnapshotFiles(disk)
    write(files, point(9), [b"one", b"two"])
    name = snapshot_name(point(9))
    content = bytes(disk.files[name].live)
    first, second = content.index(b"one") - 8, content.index(b"two") - 8
    swapped = content[:first] + content[second : second + 11] + content[first : first + 11]
    disk.put(name, swapped + content[second + 11 :])
    with pytest.raises(SnapshotDamaged, match="checksum"):
        list(files.read(point(9)))


def test_the_bytes_of_one_member_make_the_snapshot_of_another() -> None:
    source, disk = SnapshotFiles(CrashDisk()), CrashDisk()
    write(source, point(9))
    size, target = source.size(point(9)), SnapshotFiles(disk)
    receiver = target.receiver(point(9), size)
    with pytest.raises(ValueError, match="does not fit"):
        receiver.write(10, b"later")
    for offset in range(0, size, 30_000):
        receiver.write(offset, source.chunk(point(9), offset, 30_000))
        receiver.write(offset, source.chunk(point(9), offset, 10))
    with pytest.raises(ValueError, match="does not fit"):
        receiver.write(size, b"more")
    receiver.finish()
    assert target.latest() == point(9)
    disk.crash(random.Random(3))
    assert list(SnapshotFiles(disk).read(point(9))) == PARTS


@pytest.mark.parametrize("what", ["short", "flipped", "another"])
def test_a_received_snapshot_that_is_not_what_was_announced_is_not_published(what: str) -> None:
    source, disk = SnapshotFiles(CrashDisk()), CrashDisk()
    write(source, point(9))
    data = source.chunk(point(9), 0, 1 << 20)
    announced = point(10) if what == "another" else point(9)
    target = SnapshotFiles(disk)
    receiver = target.receiver(announced, len(data))
    if what == "flipped":
        data = data[:500] + b"!" + data[501:]
    receiver.write(0, data[:-1] if what == "short" else data)
    with pytest.raises(SnapshotDamaged):
        receiver.finish()
    assert target.latest() is None
    assert disk.names() == []


def test_old_ones_are_dropped_but_never_the_two_newest() -> None:
    disk = CrashDisk()
    files = SnapshotFiles(disk)
    for index in (5, 20, 300, 4000):
        write(files, point(index))
    for number in range(4):
        disk.put(f"snap-000000000000000{number}-1.damaged", b"")
    files.drop_before(20)
    kept = [name for name in disk.names() if not name.endswith("damaged")]
    assert kept == [snapshot_name(point(each)) for each in (20, 300, 4000)]
    assert len(disk.names()) == 5
    files.drop_before(10_000)
    assert files.latest() == point(4000)
    assert files.size(point(300)) > 0
    with pytest.raises(SnapshotDamaged, match="gone"):
        files.chunk(point(20), 0, 1)


def test_trouble_with_the_disk_is_told_and_leaves_nothing() -> None:
    disk = CrashDisk()
    files = SnapshotFiles(disk)
    write(files, point(5))
    disk.capacity = 90_000
    writer = files.writer(point(9))
    writer.write(b"x" * 10_000)
    with pytest.raises(NoSpace):
        writer.write(b"x" * 20_000)
    writer.abort()
    disk.capacity = 1 << 30
    writer = files.writer(point(9))
    job = writer.finish()
    disk.fail = lambda step: OSError(5, "no") if step.what == "sync" else None
    with pytest.raises(DiskFailed):
        job()
    disk.fail = None
    assert SnapshotFiles(disk).latest() == point(5)
