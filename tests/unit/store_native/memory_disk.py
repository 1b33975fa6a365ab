"""A disk in memory that never forgets, and can be full or broken on request."""

import errno
from collections.abc import Sequence


class MemoryDisk:
    """`ports.Disk`; `capacity` in bytes, `broken` makes every sync fail."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.capacity = 1 << 30
        self.broken = False
        self.syncs = 0

    def used(self) -> int:
        return sum(map(len, self.files.values()))

    def names(self) -> Sequence[str]:
        return sorted(self.files)

    def open(self, name: str, *, create: bool = False) -> "MemoryFile":
        if create:
            if name in self.files:
                raise FileExistsError(errno.EEXIST, "exists", name)
            self.files[name] = bytearray()
        elif name not in self.files:
            raise FileNotFoundError(errno.ENOENT, "missing", name)
        return MemoryFile(self, self.files[name])

    def rename(self, old: str, new: str) -> None:
        self.files[new] = self.files.pop(old)

    def remove(self, name: str) -> None:
        self.files.pop(name, None)

    def sync_names(self) -> None:
        self.sync()

    def free_bytes(self) -> int:
        return max(0, self.capacity - self.used())

    def sync(self) -> None:
        self.syncs += 1
        if self.broken:
            raise OSError(errno.EIO, "the disk is broken")


class MemoryFile:
    """`ports.DiskFile`."""

    def __init__(self, disk: MemoryDisk, content: bytearray) -> None:
        self._disk = disk
        self._content = content

    def size(self) -> int:
        return len(self._content)

    def read_at(self, offset: int, size: int) -> bytes:
        return bytes(self._content[offset : offset + size])

    def write_at(self, offset: int, data: bytes) -> None:
        end = offset + len(data)
        if end > len(self._content) and end - len(self._content) > self._disk.free_bytes():
            raise OSError(errno.ENOSPC, "full")
        if len(self._content) < offset:
            self._content.extend(bytes(offset - len(self._content)))
        self._content[offset:end] = data

    def truncate(self, size: int) -> None:
        if size <= len(self._content):
            del self._content[size:]
        else:
            self._content.extend(bytes(size - len(self._content)))

    def sync(self) -> None:
        self._disk.sync()

    def close(self) -> None:
        pass
