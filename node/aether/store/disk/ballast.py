"""Room kept for a bad day: a file that is given up when the disk is full."""

from aether.ports import Disk
from aether.store.disk.errors import DiskFailed, NoSpace, disk_error
from aether.store.disk.segments import write_zeros

BALLAST_NAME = "ballast"


class Ballast:
    """A file of `size` bytes; filled slice by slice, freed at once."""

    def __init__(
        self, disk: Disk, size: int = 10 * 1024 * 1024, slice_bytes: int = 1024 * 1024
    ) -> None:
        self._disk = disk
        self._size = size
        self._slice = slice_bytes
        try:
            self._done = self._found()
        except OSError as error:
            raise disk_error(error, "looking for the ballast") from error

    @property
    def whole(self) -> bool:
        """Whether there is as much to give up as there should be."""
        return self._done >= self._size

    def fill(self) -> bool:
        """Write and sync one slice more; whether the ballast is whole now. Raises DiskFailed.

        Nothing is written while that would leave less free than the ballast is large: it must not
        fill the disk itself.
        """
        if self.whole:
            return True
        end = min(self._done + self._slice, self._size)
        try:
            if self._disk.free_bytes() < (end - self._done) + self._size:
                return False
            file = self._disk.open(BALLAST_NAME, create=self._done == 0)
            try:
                write_zeros(file, self._done, end)
                file.sync()
            finally:
                file.close()
        except OSError as error:
            problem = disk_error(error, "filling the ballast")
            if isinstance(problem, NoSpace):
                return False
            raise problem from error
        self._done = end
        return self.whole

    def free(self) -> bool:
        """Give the file up; whether there was any. Raises DiskFailed."""
        had = self._done > 0
        try:
            self._disk.remove(BALLAST_NAME)
            self._disk.sync_names()
        except OSError as error:
            raise DiskFailed(error.errno, f"the ballast cannot be removed: {error}") from error
        self._done = 0
        return had

    def _found(self) -> int:
        if BALLAST_NAME not in self._disk.names():
            return 0
        file = self._disk.open(BALLAST_NAME)
        try:
            size = file.size()
        finally:
            file.close()
        if size == 0:
            self._disk.remove(BALLAST_NAME)
        return size
