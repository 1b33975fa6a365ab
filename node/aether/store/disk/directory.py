"""The real Disk: plain files below one directory, which one process has at a time."""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from aether.ports import Disk, DiskFile
from aether.store.disk.errors import DirectoryInUse
from aether.whole_files import sync_directory

LOCK_NAME = "lock"


class RealFile(DiskFile):
    """One open file. `read_at` and `sync` may run in a thread while others write."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def size(self) -> int:
        """Length in bytes."""
        return os.fstat(self._descriptor).st_size

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`; less only at the end of the file."""
        data = os.pread(self._descriptor, size, offset)
        if len(data) == size or not data:
            return data
        parts = [data]
        while data:
            offset += len(data)
            size -= len(data)
            data = os.pread(self._descriptor, size, offset) if size else b""
            parts.append(data)
        return b"".join(parts)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`."""
        written = os.pwrite(self._descriptor, data, offset)
        if written == len(data):
            return
        rest = memoryview(data)
        while written < len(data):
            written += os.pwrite(self._descriptor, rest[written:], offset + written)

    def truncate(self, size: int) -> None:
        """Cut or lengthen the file."""
        os.ftruncate(self._descriptor, size)

    def sync(self) -> None:
        """Return once everything written before the call is on disk."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Give the file back; once is enough."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class Directory(Disk):
    """Files below `path`, made when missing. Raises DirectoryInUse when another process has it."""

    def __init__(self, path: Path) -> None:
        made = not path.exists()
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if made:
            sync_directory(path.parent)
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._lock = os.open(path / LOCK_NAME, flags, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as held:
            os.close(self._lock)
            raise DirectoryInUse(f"{path} is in use by another process; stop it first") from held

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def names(self) -> Sequence[str]:
        """Names of the files there, sorted."""
        with os.scandir(self.path) as found:
            return sorted(
                item.name
                for item in found
                if item.is_file(follow_symlinks=False) and item.name != LOCK_NAME
            )

    def open(self, name: str, *, create: bool = False) -> DiskFile:
        """Open a file for reading and writing; with `create` a new one, which must not exist."""
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        if create:
            flags |= os.O_CREAT | os.O_EXCL
        return RealFile(os.open(self._path(name), flags, 0o600))

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, replacing what had it."""
        self._path(old).replace(self._path(new))

    def remove(self, name: str) -> None:
        """Take a file away; no error when there is none."""
        self._path(name).unlink(missing_ok=True)

    def sync_names(self) -> None:
        """Return once creations, renames and removals made before the call are on disk."""
        sync_directory(self.path)

    def free_bytes(self) -> int:
        """Bytes that can still be written without privileges."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def close(self) -> None:
        """Let the directory go; open files stay open."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)

    def _path(self, name: str) -> Path:
        if not name or "/" in name or "\0" in name or name in (".", "..", LOCK_NAME):
            raise ValueError(f"{name!r} cannot be the name of a file in {self.path}")
        return self.path / name
