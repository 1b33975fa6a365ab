import msgspec
import pytest

from aether.core.model.ids import NodeId
from aether.store.disk.errors import IdentityDamaged, WrongMember
from aether.store.disk.identity import IDENTITY_NAME, Identity, claim, read_identity
from aether.store.disk.sealed_files import write_sealed
from tests.crash_disk import CrashDisk

A, B = NodeId("node-a"), NodeId("node-b")


def test_a_directory_is_claimed_once_and_known_again() -> None:
    disk = CrashDisk()
    assert read_identity(disk) is None
    assert claim(disk, "one", A) is True
    assert claim(disk, "one", A) is False
    assert read_identity(disk) == Identity("one", A)


@pytest.mark.parametrize(("cluster", "node"), [("two", A), ("one", B)])
def test_the_directory_of_another_is_refused(cluster: str, node: NodeId) -> None:
    disk = CrashDisk()
    claim(disk, "one", A)
    with pytest.raises(WrongMember, match="node-a of cluster one"):
        claim(disk, cluster, node)


def test_a_later_format_is_refused() -> None:
    disk = CrashDisk()
    body = msgspec.msgpack.encode(Identity("one", A, format=2))
    write_sealed(disk, IDENTITY_NAME, b"AEMEMB\x00\x01", body)
    with pytest.raises(WrongMember, match="format 2"):
        claim(disk, "one", A)


def test_a_damaged_identity_is_told() -> None:
    disk = CrashDisk()
    for content in (b"", b"x" * 100, b"AEMEMB\x00\x01" + bytes(8)):
        disk.put(IDENTITY_NAME, content)
        with pytest.raises(IdentityDamaged):
            claim(disk, "one", A)
