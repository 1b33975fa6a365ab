import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether.core.raft.entries import Members, SnapshotPoint
from aether.store.disk.errors import SnapshotDamaged
from aether.store.disk.snapshot_format import (
    MAGIC,
    SnapshotReader,
    first_frame,
    last_frame,
    part_frame,
)
from tests.crash_disk import CrashDisk

POINT = SnapshotPoint(9, 2, 90, Members(()))


def reader(data: bytes) -> SnapshotReader:
    disk = CrashDisk()
    disk.put("snap", data)
    return SnapshotReader("snap", disk.open("snap"))


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_parts_come_back_as_they_were(parts: list[bytes]) -> None:
    frames = b"".join(part_frame(part, ordinal) for ordinal, part in enumerate(parts, 1))
    found = reader(first_frame(POINT) + frames + last_frame(len(parts), sum(map(len, parts))))
    assert found.point() == POINT
    assert list(found.parts()) == parts


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_raise_nothing_but_damage(noise: bytes, begins: bool) -> None:
    found = reader((MAGIC if begins else b"") + noise)
    with pytest.raises(SnapshotDamaged):
        found.point()


def test_a_length_beyond_reason_is_not_read() -> None:
    with pytest.raises(SnapshotDamaged, match="at most"):
        reader(MAGIC + b"\xff" * 40).point()
