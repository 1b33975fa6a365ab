"""A member's disk: an ext4 image mounted through a loop device, so that its power can be cut.

What a process wrote and did not sync is in the cache of the mounted file system and not in the image. A copy of the image, made
while it is mounted, is what a disk holds after the power went.
"""

import errno
import os
from pathlib import Path

from tests.soak.enclosure import run

SIZE_BYTES = 192 * 1024 * 1024
FILLER = "filler"
SPARE_PAGES = 4
ATTEMPTS = 10
"""How often to look at the room that is left: a member that writes takes some of it meanwhile."""
OPTIONS = "loop,noatime,commit=300"
"""The journal commits when asked to, or after 300 s: nothing is saved by luck."""


class Image:
    """One image file, mounted at `place`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._cuts = 0
        self.place = folder / name

    def up(self) -> None:
        """Make an empty file system and mount it."""
        self.place.mkdir(parents=True)
        with self._file().open("wb") as file:
            file.truncate(SIZE_BYTES)
        run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._file()))
        self._mount()

    def cut_power(self) -> None:
        """Keep what is on the disk and lose what is in the cache; no process may have files open."""
        old = self._file()
        self._cuts += 1
        run("cp", "--sparse=always", str(old), str(self._file()))
        run("umount", str(self.place))
        old.unlink()
        self._mount()

    def fill(self) -> None:
        """Take all room but a few pages, while others may be writing."""
        with (self.place / FILLER).open("wb") as file:
            for _ in range(ATTEMPTS):
                stat = os.statvfs(self.place)
                room = (stat.f_bavail - SPARE_PAGES) * stat.f_frsize
                if room <= 0:
                    return
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), room)
                except OSError as problem:
                    if problem.errno != errno.ENOSPC:
                        raise

    def clear(self) -> None:
        """Give the room back; no error when none was taken."""
        (self.place / FILLER).unlink(missing_ok=True)

    def down(self) -> None:
        """Unmount and remove."""
        run("umount", str(self.place))
        self._file().unlink()

    def _file(self) -> Path:
        return self._folder / f"{self._name}.{self._cuts}.img"

    def _mount(self) -> None:
        run("mount", "-o", OPTIONS, str(self._file()), str(self.place))
