"""The next segment, made ready slice by slice: zeros on disk, so that a sync need not allocate."""

from aether.ports import Disk, DiskFile
from aether.store.disk.errors import NoSpace, disk_error
from aether.store.disk.segments import write_zeros

SPARE_NAME = "log-next"


class Spare:
    """A file on its way to `size` bytes of synced zeros.

    `advance` may run in a thread; everything else must not be called meanwhile.
    """

    def __init__(self, disk: Disk, size: int, slice_bytes: int, reserve_bytes: int) -> None:
        self._disk = disk
        self._size = size
        self._slice = slice_bytes
        self._reserve = reserve_bytes
        self._file: DiskFile | None = None
        self._done = 0
        self.ready = False
        """Whether `take` may be called. Set last, so that it can be asked at any time."""

    def wants(self, used: int) -> bool:
        """Tell whether a slice is due, now that `used` bytes of the present segment are.

        It grows twice as fast as the segment fills: ready when that is half full.
        """
        return not self.ready and self._done < 2 * used

    def advance(self) -> None:
        """Write and sync one slice; a few milliseconds. On a full disk, nothing. Raises DiskFailed."""
        end = min(self._done + self._slice, self._size)
        try:
            if self._disk.free_bytes() < end - self._done + self._reserve:
                return
            if self._file is None:
                self._disk.remove(SPARE_NAME)
                self._file = self._disk.open(SPARE_NAME, create=True)
            write_zeros(self._file, self._done, end)
            self._file.sync()
        except OSError as error:
            problem = disk_error(error, "making the next segment of the log ready")
            if isinstance(problem, NoSpace):
                return
            raise problem from error
        self._done = end
        self.ready = end == self._size

    def take(self, name: str) -> DiskFile:
        """Give the file away under `name`, and begin another."""
        assert self._file is not None  # noqa: S101 - `ready` says so
        self._disk.rename(SPARE_NAME, name)
        file, self._file = self._file, None
        self._done, self.ready = 0, False
        return file

    def close(self) -> None:
        """Close the file; it is made anew after a start."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._done, self.ready = 0, False
