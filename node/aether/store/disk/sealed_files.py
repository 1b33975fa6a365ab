"""Small files that are there whole or not at all, and that verify."""

from google_crc32c import value as crc32c

from aether.ports import Disk
from aether.store.disk.errors import disk_error

_MOST_BYTES = 64 * 1024
_HEAD_BYTES = 16


def read_sealed(disk: Disk, name: str, magic: bytes) -> bytes | None:
    """Return what is sealed in a file, None when there is no such file.

    `magic` is 8 bytes that tell the kind of file and its version. Raises ValueError when the file
    does not verify, DiskFailed.
    """
    try:
        if name not in disk.names():
            return None
        file = disk.open(name)
        try:
            data = file.read_at(0, _MOST_BYTES + 1)
        finally:
            file.close()
    except OSError as error:
        raise disk_error(error, f"reading {name}") from error
    body = data[_HEAD_BYTES:]
    length, crc = int.from_bytes(data[8:12], "little"), int.from_bytes(data[12:16], "little")
    if data[:8] != magic:
        raise ValueError("it does not begin with what this version writes")
    if length != len(body) or crc != crc32c(data[:12] + body):
        raise ValueError("its checksum does not match")
    return body


def write_sealed(disk: Disk, name: str, magic: bytes, body: bytes) -> None:
    """Replace a file and return when the new one is durable. Raises NoSpace, DiskFailed.

    After NoSpace the old one stands.
    """
    fresh = f"{name}.new"
    head = magic + len(body).to_bytes(4, "little")
    data = head + crc32c(head + body).to_bytes(4, "little") + body
    try:
        disk.remove(fresh)
        file = disk.open(fresh, create=True)
        try:
            file.write_at(0, data)
            file.sync()
        finally:
            file.close()
        disk.rename(fresh, name)
        disk.sync_names()
    except OSError as error:
        raise disk_error(error, f"writing {name}") from error


def rewrite_sealed(disk: Disk, name: str) -> None:
    """Write what was read once more, in its place, and return when it is durable.

    Needs no room on the disk. Raises DiskFailed.
    """
    try:
        file = disk.open(name)
        try:
            file.write_at(0, file.read_at(0, _MOST_BYTES))
            file.sync()
        finally:
            file.close()
        disk.remove(f"{name}.new")
        disk.sync_names()
    except OSError as error:
        raise disk_error(error, f"writing {name}") from error
