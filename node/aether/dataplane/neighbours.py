"""The lanes of a node's router processes: files in shared memory, each mapped by all of them.

A process writes its own lane and holds a lock on its file for as long as it lives. The kernel lets go of the
lock with the process, however that ends: a lane nobody locks is that of a process that is gone, and is
removed by whoever notices. A lane is locked before it gets its name, so none is ever taken for left behind.

The files are in the system's shared memory and not below the data directory: a write to a mapped file may
wait for its disk, and a router must not.
"""

import asyncio
import contextlib
import fcntl
import mmap
import os
import secrets
import stat
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import structlog

from aether.core.dataplane.crowds import Crowds
from aether.core.dataplane.lanes import SIZE, Lane
from aether.core.dataplane.retry_budget import LEAST_PER_S, RetryBudget
from aether.core.dataplane.shared_rate import SharedBuckets
from aether.dataplane.context import Context

LOOK_S = 0.05
"""How often a process looks at the lanes of the others; between looks it reads those it knows at each decision."""
MOST_LANES = 256
"""Files looked at; twice as many as 32 workers that are all being replaced, twice over."""
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where the system has it; the folder there is ours alone
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAME_BYTES = 8

log = structlog.get_logger()


class _Mapped:
    """A lane and the file it stands in."""

    def __init__(self, descriptor: int, *, is_ours: bool) -> None:
        self.descriptor = descriptor
        access = mmap.ACCESS_WRITE if is_ours else mmap.ACCESS_READ
        self._map = mmap.mmap(descriptor, SIZE, access=access)
        self._memory = memoryview(self._map)
        self.lane = Lane(self._memory)

    @property
    def is_left(self) -> bool:
        """Whether the process that wrote it is gone."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Let go of memory and file."""
        self.lane.release()
        self._memory.release()
        self._map.close()
        os.close(self.descriptor)


def join(context: Context, data_dir: Path, worker: int, workers: int) -> "Neighbours | None":
    """Have the limits of one of several router processes hold for all of them together.

    Return None for the only one of its node, and when lanes cannot be made: then, as the log says, each limits
    for itself.
    """
    if workers == 1:
        return None
    # What a retry may follow are requests of this process; only what is granted besides is divided.
    context.retry_budget = RetryBudget(least_per_s=LEAST_PER_S / workers)
    try:
        neighbours = Neighbours(folder_of(data_dir), worker, workers)
    except OSError as problem:
        log.error("each router process limits for itself", problem=str(problem))  # noqa: TRY400 - the sentence says it all
        return None
    context.rates = neighbours.rates
    context.admission.crowds = neighbours.crowds
    return neighbours


def folder_of(data_dir: Path) -> Path:
    """Return where the router processes of a node have their lanes: in shared memory, if there is any."""
    if not os.access(_SHARED_MEMORY, os.W_OK | os.X_OK):
        return data_dir / "run" / "limits"
    name = blake2b(os.fsencode(data_dir.resolve()), digest_size=_NAME_BYTES).hexdigest()
    return _SHARED_MEMORY / f"aether-{os.getuid()}-{name}"


class Neighbours:
    """This process's lane, and those of the others as they come and go."""

    def __init__(self, folder: Path, worker: int, workers: int) -> None:
        """Make a lane in `folder`. Raises OSError when that cannot be done, or others may write there."""
        self._folder = folder
        self._path = folder / f"{worker}-{os.getpid()}-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_is_ours(folder)
        self._own = _make(self._path)
        self._others: dict[str, _Mapped] = {}
        self._strange: set[str] = set()
        self.rates = SharedBuckets(self._own.lane, workers)
        self.crowds = Crowds(self._own.lane, _secret(folder))
        self.look_around()

    @property
    def count(self) -> int:
        """How many other processes it limits together with; one that has just come is met in a moment."""
        return len(self._others)

    async def run(self, now: Callable[[], float]) -> None:
        """Look at the others until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look_around()
            self.rates.look(now())

    def look_around(self) -> None:
        """Meet processes that have come, part with those that have ended."""
        for name in self._names():
            if name not in self._others and name != self._path.name:
                self._meet(name)
        for name, mapped in list(self._others.items()):
            if mapped.is_left:
                self._part(name, mapped)

    def _names(self) -> list[str]:
        """Return the files there are, lanes and others; none when somebody has cleared the folder away."""
        try:
            found = sorted(os.listdir(self._folder))  # noqa: PTH208 - a few names, twenty times a second
        except FileNotFoundError:
            return []
        return [name for name in found[:MOST_LANES] if not name.startswith(".")]

    def _meet(self, name: str) -> None:
        path = self._folder / name
        try:
            mapped = _open(path)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as problem:
            if name not in self._strange:
                self._strange.add(name)
                log.warning("limits of another process unread", path=str(path), why=str(problem))
            return
        self._others[name] = mapped
        self.rates.meet(mapped.lane)
        self.crowds.meet(mapped.lane)

    def _part(self, name: str, mapped: _Mapped) -> None:
        del self._others[name]
        self.rates.part(mapped.lane)
        self.crowds.part(mapped.lane)
        mapped.close()
        (self._folder / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Leave: what this process counted counts no more."""
        for mapped in self._others.values():
            self.rates.part(mapped.lane)
            self.crowds.part(mapped.lane)
            mapped.close()
        self._others.clear()
        # Its memory stays: what ends later still counts itself out.
        fcntl.flock(self._own.descriptor, fcntl.LOCK_UN)
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._folder.rmdir()  # unless others are there


def _check_is_ours(folder: Path) -> None:
    """Raise PermissionError when somebody else may have made or may write what is in a folder."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of this user alone: remove it")


def _make(path: Path) -> _Mapped:
    """Make a lane, locked before anybody else can find it."""
    hidden = path.with_name(f".{path.name}")
    descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # All of it now: a page that there is no room for later would end the process.
        os.posix_fallocate(descriptor, 0, SIZE)
        mapped = _Mapped(descriptor, is_ours=True)
        mapped.lane.begin()
        hidden.rename(path)
    except BaseException:
        os.close(descriptor)
        hidden.unlink(missing_ok=True)
        raise
    return mapped


def _open(path: Path) -> _Mapped:
    """Open another's lane; raises ValueError when it is of another form."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        mapped = _Mapped(descriptor, is_ours=False)  # ValueError when it is shorter than a lane
    except BaseException:
        os.close(descriptor)
        raise
    if not mapped.lane.is_sound:
        mapped.close()
        raise ValueError("it was written by another version of Aether")
    return mapped


def _secret(folder: Path) -> bytes:
    """Return what the node's processes draw cells by: the same for all until the machine starts anew."""
    try:
        boot = _BOOT.read_bytes()
    except OSError:
        boot = b""
    return blake2b(boot + os.fsencode(folder)).digest()
