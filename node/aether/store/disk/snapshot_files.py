"""The snapshots of a member: which there are, reading, sending, making them.

A snapshot file has its name only when it is whole and synced, and its name tells index and term.
"""

import re
from collections.abc import Iterator

from aether.core.raft.entries import SnapshotPoint
from aether.ports import Disk, DiskFile
from aether.store.disk.errors import NoSpace, SnapshotDamaged, disk_error
from aether.store.disk.snapshot_format import SnapshotReader
from aether.store.disk.snapshot_writing import SnapshotReceiver, SnapshotWriter

_NAME = re.compile(r"snap-([0-9a-f]{16})-([0-9a-f]{1,16})")
_ASIDE = ".damaged"
_UNFINISHED = (".new", ".part")
_KEPT = 2
"""Newest snapshots that are never removed."""
_MOST_ASIDE = 2
"""Damaged snapshots kept to be looked at."""


def snapshot_name(point: SnapshotPoint) -> str:
    """Return the name of the file of the snapshot at `point`."""
    return f"snap-{point.index:016x}-{point.term:x}"


class SnapshotFiles:
    """Snapshots that are whole. Opening removes what was not finished. Raises DiskFailed."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._latest: SnapshotPoint | None = None
        self._looked = False
        try:
            for name in disk.names():
                if name.startswith("snap-") and name.endswith(_UNFINISHED):
                    disk.remove(name)
        except OSError as error:
            raise disk_error(error, "removing unfinished snapshots") from error

    def latest(self) -> SnapshotPoint | None:
        """Return the newest snapshot; the first call verifies it whole.

        Those that do not verify are renamed `*.damaged` and the next older one is tried.
        """
        if self._looked:
            return self._latest
        for name in reversed(self._names()):
            try:
                point = self._verified(name)
            except SnapshotDamaged:
                self._set_aside(name)
                continue
            if self._latest is None or point.index > self._latest.index:
                self._latest = point
            break
        self._looked = True
        return self._latest

    def read(self, point: SnapshotPoint) -> Iterator[bytes]:
        """Return the parts of a snapshot, each verified. Raises SnapshotDamaged, DiskFailed.

        Only when the iterator ends without an error was everything there.
        """
        name = snapshot_name(point)
        file = self._open(name)
        try:
            reader = SnapshotReader(name, file)
            if reader.point() != point:
                raise SnapshotDamaged(name, 0, "it is not the snapshot its name tells")
            yield from reader.parts()
        finally:
            file.close()

    def size(self, point: SnapshotPoint) -> int:
        """Return the size of the file in bytes. Raises SnapshotDamaged when it is gone."""
        name = snapshot_name(point)
        file = self._open(name)
        try:
            return file.size()
        except OSError as error:
            raise disk_error(error, f"reading {name}") from error
        finally:
            file.close()

    def chunk(self, point: SnapshotPoint, offset: int, size: int) -> bytes:
        """Return raw bytes of the file, for sending. Raises SnapshotDamaged when it is gone."""
        name = snapshot_name(point)
        file = self._open(name)
        try:
            return file.read_at(offset, size)
        except OSError as error:
            raise disk_error(error, f"reading {name}") from error
        finally:
            file.close()

    def writer(self, point: SnapshotPoint) -> SnapshotWriter:
        """Begin to write a snapshot. Raises NoSpace, DiskFailed."""
        return SnapshotWriter(self._disk, snapshot_name(point), point, self._published)

    def receiver(self, point: SnapshotPoint, size: int) -> SnapshotReceiver:
        """Begin to receive a snapshot file of `size` bytes. Raises NoSpace, DiskFailed."""
        return SnapshotReceiver(self._disk, snapshot_name(point), point, size, self._published)

    def drop_before(self, index: int) -> None:
        """Remove snapshots before `index`, but never the two newest. Raises DiskFailed.

        Two, so that a member whose newest is damaged starts from the one before if its log still
        goes back that far.
        """
        names = self._names()
        aside = [name for name in self._all_names() if name.endswith(_ASIDE)]
        old = [name for name in names[:-_KEPT] if _order(name)[0] < index]
        try:
            for name in (*old, *aside[:-_MOST_ASIDE]):
                self._disk.remove(name)
        except OSError as error:
            problem = disk_error(error, "removing old snapshots")
            if not isinstance(problem, NoSpace):
                raise problem from error

    def _published(self, point: SnapshotPoint) -> None:
        if self._latest is None or point.index >= self._latest.index:
            self._latest = point

    def _verified(self, name: str) -> SnapshotPoint:
        file = self._open(name)
        try:
            reader = SnapshotReader(name, file)
            point = reader.point()
            if snapshot_name(point) != name:
                raise SnapshotDamaged(name, 0, "it is not the snapshot its name tells")
            for _ in reader.parts():
                pass
        finally:
            file.close()
        return point

    def _open(self, name: str) -> DiskFile:
        try:
            return self._disk.open(name)
        except FileNotFoundError as gone:
            raise SnapshotDamaged(name, 0, "the file is gone") from gone
        except OSError as error:
            raise disk_error(error, f"opening {name}") from error

    def _set_aside(self, name: str) -> None:
        try:
            self._disk.rename(name, name + _ASIDE)
            self._disk.sync_names()
        except OSError as error:
            raise disk_error(error, f"setting {name} aside") from error

    def _all_names(self) -> list[str]:
        try:
            return [name for name in self._disk.names() if name.startswith("snap-")]
        except OSError as error:
            raise disk_error(error, "listing snapshots") from error

    def _names(self) -> list[str]:
        """Return the names of finished snapshots, oldest first."""
        return sorted((name for name in self._all_names() if _NAME.fullmatch(name)), key=_order)


def _order(name: str) -> tuple[int, int]:
    found = _NAME.fullmatch(name)
    return (int(found[1], 16), int(found[2], 16)) if found else (0, 0)
