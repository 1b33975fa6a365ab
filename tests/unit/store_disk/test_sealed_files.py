import pytest

from aether.store.disk.errors import DiskFailed
from aether.store.disk.sealed_files import read_sealed, rewrite_sealed, write_sealed
from tests.crash_disk import CrashDisk

MAGIC = b"AETEST\x00\x01"


def test_what_is_sealed_is_read_again_and_only_under_its_magic() -> None:
    disk = CrashDisk()
    assert read_sealed(disk, "a", MAGIC) is None
    write_sealed(disk, "a", MAGIC, b"one")
    write_sealed(disk, "a", MAGIC, b"two")
    assert read_sealed(disk, "a", MAGIC) == b"two"
    assert disk.names() == ["a"]
    with pytest.raises(ValueError, match="this version"):
        read_sealed(disk, "a", b"AEOTHER\x01")


def test_a_rewrite_makes_durable_what_a_failed_sync_left_in_memory() -> None:
    disk = CrashDisk()
    write_sealed(disk, "a", MAGIC, b"one")
    disk.files["a"].durable[:] = b""
    rewrite_sealed(disk, "a")
    assert bytes(disk.files["a"].durable).endswith(b"one")
    disk.fail = lambda step: OSError(5, step.what)
    with pytest.raises(DiskFailed):
        rewrite_sealed(disk, "a")
    with pytest.raises(DiskFailed):
        write_sealed(disk, "a", MAGIC, b"three")
