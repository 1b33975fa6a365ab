"""Making a snapshot file: part by part from this member's machine, or as bytes from another member.

A file gets its name only when it is whole and synced.
"""

from collections.abc import Callable

from aether.core.raft.entries import SnapshotPoint
from aether.ports import Disk
from aether.store.disk.errors import SnapshotDamaged, disk_error
from aether.store.disk.snapshot_format import (
    MOST_PART_BYTES,
    SnapshotReader,
    first_frame,
    last_frame,
    part_frame,
)

Published = Callable[[SnapshotPoint], None]


class _Fresh:
    """A file on its way to a name."""

    def __init__(self, disk: Disk, name: str, suffix: str) -> None:
        self._disk = disk
        self.name = name
        self.temporary = name + suffix
        self._is_open = True
        try:
            disk.remove(self.temporary)
            self.file = disk.open(self.temporary, create=True)
        except OSError as error:
            raise disk_error(error, f"making {self.temporary}") from error

    def write(self, offset: int, data: bytes) -> None:
        try:
            self.file.write_at(offset, data)
        except OSError as error:
            raise disk_error(error, f"writing {self.temporary}") from error

    def sync(self) -> None:
        try:
            self.file.sync()
        except OSError as error:
            raise disk_error(error, f"syncing {self.temporary}") from error

    def take_name(self) -> None:
        try:
            self._close()
            self._disk.rename(self.temporary, self.name)
            self._disk.sync_names()
        except OSError as error:
            raise disk_error(error, f"giving {self.name} its name") from error

    def discard(self) -> None:
        try:
            self._close()
            self._disk.remove(self.temporary)
        except OSError as error:
            raise disk_error(error, f"removing {self.temporary}") from error

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            self.file.close()


class SnapshotWriter:
    """Writes the parts of one snapshot: `write`…, `finish`, run what it returned, `publish`."""

    def __init__(self, disk: Disk, name: str, point: SnapshotPoint, published: Published) -> None:
        self._fresh = _Fresh(disk, name, ".new")
        self._point = point
        self._published = published
        self._parts = self._bytes = 0
        self._offset = 0
        self._put(first_frame(point))

    def write(self, part: bytes) -> None:
        """Write the next part, 16 MiB at most. Raises NoSpace, DiskFailed: abort then."""
        if len(part) > MOST_PART_BYTES:
            raise ValueError(f"a part of {len(part)} bytes, {MOST_PART_BYTES} at most")
        self._parts += 1
        self._bytes += len(part)
        self._put(part_frame(part, self._parts))

    def finish(self) -> Callable[[], None]:
        """Write the end; return what syncs the file and gives it its name, to be run in a thread.

        Both raise NoSpace, DiskFailed.
        """
        self._put(last_frame(self._parts, self._bytes))
        return self._settle

    def publish(self) -> None:
        """Have it be the latest, after what `finish` returned has run."""
        self._published(self._point)

    def abort(self) -> None:
        """Give up and remove the file. Not after `publish`."""
        self._fresh.discard()

    def _settle(self) -> None:
        self._fresh.sync()
        self._fresh.take_name()

    def _put(self, data: bytes) -> None:
        self._fresh.write(self._offset, data)
        self._offset += len(data)


class SnapshotReceiver:
    """Takes the bytes of another member's snapshot file, in order."""

    def __init__(
        self, disk: Disk, name: str, point: SnapshotPoint, size: int, published: Published
    ) -> None:
        self._fresh = _Fresh(disk, name, ".part")
        self._point = point
        self._size = size
        self._published = published
        self.received = 0
        """Bytes that are there: where the next chunk begins."""

    def write(self, offset: int, data: bytes) -> None:
        """Take a chunk; one that is there already changes nothing.

        Raises ValueError when it does not continue what is there or goes beyond the size announced,
        NoSpace, DiskFailed.
        """
        end = offset + len(data)
        if offset < 0 or offset > self.received or end > self._size:
            raise ValueError(
                f"a chunk of bytes {offset} to {end} does not fit: {self.received} of "
                f"{self._size} bytes are there"
            )
        if end > self.received:
            self._fresh.write(offset, data)
            self.received = end

    def finish(self) -> None:
        """Sync, verify everything, and have it be the latest. May run in a thread.

        Raises SnapshotDamaged, after which it is gone, NoSpace, DiskFailed.
        """
        try:
            self._verify()
        except SnapshotDamaged:
            self.abort()
            raise
        self._fresh.sync()
        self._fresh.take_name()
        self._published(self._point)

    def abort(self) -> None:
        """Give up and remove the file."""
        self._fresh.discard()

    def _verify(self) -> None:
        name = self._fresh.temporary
        if self.received != self._size:
            raise SnapshotDamaged(name, self.received, f"{self._size} bytes were announced")
        reader = SnapshotReader(name, self._fresh.file)
        if reader.point() != self._point:
            raise SnapshotDamaged(name, 0, "it is not the snapshot that was announced")
        for _ in reader.parts():
            pass
