import pytest

from aether.core.raft.entries import Members, SnapshotPoint
from aether.store.disk.snapshot_format import MOST_PART_BYTES
from aether.store.disk.snapshot_writing import SnapshotReceiver, SnapshotWriter
from tests.crash_disk import CrashDisk

POINT = SnapshotPoint(9, 2, 90, Members(()))


def test_a_file_has_its_name_only_when_its_job_has_run_and_counts_when_published() -> None:
    disk, published = CrashDisk(), list[SnapshotPoint]()
    writer = SnapshotWriter(disk, "snap", POINT, published.append)
    job = writer.finish()
    assert disk.names() == ["snap.new"]
    job()
    assert (disk.names(), published) == (["snap"], [])
    assert list(disk.durable) == ["snap"]
    assert disk.files["snap"].durable == disk.files["snap"].live
    writer.publish()
    assert published == [POINT]


def test_a_part_that_could_not_be_read_back_is_refused() -> None:
    writer = SnapshotWriter(CrashDisk(), "snap", POINT, print)
    with pytest.raises(ValueError, match="at most"):
        writer.write(bytes(MOST_PART_BYTES + 1))


def test_a_receiver_that_is_given_up_leaves_nothing() -> None:
    disk = CrashDisk()
    receiver = SnapshotReceiver(disk, "snap", POINT, 10, print)
    receiver.write(0, b"abc")
    assert receiver.received == 3
    receiver.abort()
    receiver.abort()
    assert disk.names() == []
