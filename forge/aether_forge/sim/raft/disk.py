"""A member's disk: what was synced survives a power cut, the rest may, whole, torn or not at all.

A killed process loses nothing it wrote; only `power_cut` does. A file handle belongs to the process
that opened it: after `revive` the handles of the process before it are dead.
"""

import errno
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

SECTORS = (64, 512)
"""Bytes a disk writes whole or not at all; smaller than real ones, as the writes are here."""


CAPACITY = 1 << 30
"""Bytes of a disk that is not full."""


class PowerLost(BaseException):
    """The machine stopped in the middle of a call; nothing may catch this but its member."""


@dataclass(slots=True)
class _Write:
    offset: int
    data: bytes


@dataclass(slots=True)
class _Resize:
    size: int


def _carry_out(content: bytearray, step: _Write | _Resize) -> None:
    if isinstance(step, _Resize):
        if step.size < len(content):
            del content[step.size :]
        else:
            content.extend(bytes(step.size - len(content)))
        return
    end = step.offset + len(step.data)
    if len(content) < step.offset:
        content.extend(bytes(step.offset - len(content)))
    content[step.offset : end] = step.data


@dataclass(slots=True, eq=False)
class _Inode:
    """One file's content: as processes see it, as it is on the platter, and what lies between."""

    live: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    pending: list[_Write | _Resize] = field(default_factory=list)

    def carry_out(self, step: _Write | _Resize) -> None:
        _carry_out(self.live, step)
        self.pending.append(step)

    def sync(self) -> None:
        for step in self.pending:
            _carry_out(self.durable, step)
        self.pending.clear()


@dataclass(slots=True)
class DiskTrouble:
    """What is wrong with a disk now."""

    capacity: int = CAPACITY
    """Bytes it holds."""
    broken: bool = False
    """Whether the next sync fails, and all writes after it."""
    ignores_sync: bool = False
    """Whether `sync` does nothing: a liar of a disk, for broken variants."""
    reorders: bool = True
    """Whether unsynced writes may survive a power cut without those before them."""


class SimDisk:
    """`ports.Disk` in memory. `power_cut` is what it is for."""

    def __init__(self, dice: random.Random) -> None:
        self.trouble = DiskTrouble()
        self.on_torn: Callable[[str], None] = lambda _: None
        """Told the name of each file a power cut tore a write of."""
        self.fuse: int | None = None
        """Steps until the machine stops in the middle of one; None for never."""
        self.stopped_in = ""
        """The step it stopped in, as `sync vote`."""
        self.process = 0
        """Counts the processes that had this disk; handles of earlier ones are dead."""
        self._dice = dice
        self._names: dict[str, _Inode] = {}
        self._durable_names: dict[str, _Inode] = {}
        self._name_steps: list[dict[str, _Inode]] = []

    def names(self) -> Sequence[str]:
        """Names of the files, sorted."""
        return sorted(self._names)

    def open(self, name: str, *, create: bool = False) -> "SimFile":
        """Open a file; with `create` a new one, which must not exist."""
        if create:
            if name in self._names:
                raise FileExistsError(errno.EEXIST, "file exists", name)
            self._step("create", name)
            self._names[name] = _Inode()
            self._remember_names()
        elif name not in self._names:
            raise FileNotFoundError(errno.ENOENT, "no such file", name)
        return SimFile(self, self._names[name], name)

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, replacing what had it."""
        if old not in self._names:
            raise FileNotFoundError(errno.ENOENT, "no such file", old)
        self._step("rename", new)
        self._names[new] = self._names.pop(old)
        self._remember_names()

    def remove(self, name: str) -> None:
        """Take a file away; no error when there is none."""
        if name in self._names:
            self._step("remove", name)
            del self._names[name]
            self._remember_names()

    def sync_names(self) -> None:
        """Make creations, renames and removals durable."""
        self._step("sync", "names")
        if not self.trouble.ignores_sync:
            self._durable_names = dict(self._names)
            self._name_steps.clear()

    def free_bytes(self) -> int:
        """Bytes that can still be written."""
        return max(0, self.trouble.capacity - self.used_bytes())

    def used_bytes(self) -> int:
        """Bytes in all files."""
        return sum(len(inode.live) for inode in self._names.values())

    def _remember_names(self) -> None:
        self._name_steps.append(dict(self._names))

    def _step(self, what: str, name: str) -> None:
        """Begin a step that changes the disk: it may be the one the machine stops in."""
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.stopped_in = f"{what} {name}"
                raise PowerLost(self.stopped_in)
        if self.trouble.broken:
            raise OSError(errno.EIO, "the simulated disk is broken")

    def revive(self) -> None:
        """Begin the life of another process on this disk."""
        self.process += 1
        self.fuse = None
        self.trouble.broken = False

    def power_cut(self) -> None:
        """Lose what was not synced: of names some of the last steps, of files any of the writes."""
        steps = [self._durable_names, *self._name_steps]
        self._names = dict(steps[self._dice.randrange(len(steps))])
        self._durable_names = dict(self._names)
        self._name_steps.clear()
        for name in sorted(self._names):
            self._settle(name, self._names[name])
        self.revive()

    def _settle(self, name: str, inode: _Inode) -> None:
        """Leave of a file what was synced, and of the rest what the dice say."""
        survive = self._dice.randrange(len(inode.pending) + 1)
        for position, step in enumerate(inode.pending):
            if position < survive:
                _carry_out(inode.durable, step)
            elif isinstance(step, _Write):
                if position == survive or self.trouble.reorders:
                    self._tear(name, inode, step)
            elif position > survive and not self.trouble.reorders:
                break
        inode.pending.clear()
        inode.live = bytearray(inode.durable)

    def _tear(self, name: str, inode: _Inode, step: _Write) -> None:
        """Write any of the sectors of a write; past the end of the file, only a beginning."""
        size = self._dice.choice(SECTORS)
        first, last = step.offset // size, (step.offset + len(step.data) - 1) // size
        kept = 0
        for sector in range(first, last + 1):
            begin = max(step.offset, sector * size)
            end = min(step.offset + len(step.data), (sector + 1) * size)
            if begin > len(inode.durable) or self._dice.random() < 0.5:
                continue
            kept += 1
            piece = step.data[begin - step.offset : end - step.offset]
            _carry_out(inode.durable, _Write(begin, piece))
        if 0 < kept <= last - first:
            self.on_torn(name)

    def flip_bit(self, pick: Callable[[str], bool], spare: Mapping[str, int]) -> str | None:
        """Damage one bit of a synced file whose name `pick` likes; return the name.

        Of a file in `spare` only bytes before the offset given there.
        """
        names = [name for name in self.names() if pick(name) and self._names[name].durable]
        if not names:
            return None
        name = self._dice.choice(names)
        inode = self._names[name]
        used = [at for at, byte in enumerate(inode.durable[: spare.get(name)]) if byte]
        if not used:
            return None
        at = self._dice.choice(used)
        inode.durable[at] ^= 1 << self._dice.randrange(8)
        if at < len(inode.live):
            inode.live[at] = inode.durable[at]
        return name

    def durable(self) -> Mapping[str, bytes]:
        """Return what a power cut would leave of each file."""
        return {name: bytes(inode.durable) for name, inode in self._names.items()}

    def wipe(self) -> None:
        """Replace the disk by an empty one."""
        self._names.clear()
        self._durable_names.clear()
        self._name_steps.clear()
        self.trouble = DiskTrouble()
        self.revive()


class SimFile:
    """`ports.DiskFile` of a simulated disk."""

    def __init__(self, disk: SimDisk, inode: _Inode, name: str) -> None:
        self._disk = disk
        self._inode = inode
        self._name = name
        self._process = disk.process
        self._open = True

    def _check(self, what: str) -> None:
        if not self._open or self._process != self._disk.process:
            raise OSError(errno.EBADF, "the file is closed, or its process has ended")
        self._disk._step(what, self._name)  # noqa: SLF001 - disk and file are one thing in two classes

    def size(self) -> int:
        """Length in bytes."""
        return len(self._inode.live)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`."""
        return bytes(self._inode.live[offset : offset + size])

    def write_at(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`."""
        step = _Write(offset, bytes(data))
        try:
            self._check("write")
        except PowerLost:
            self._inode.carry_out(step)
            raise
        self._make_room(offset + len(data))
        self._inode.carry_out(step)

    def truncate(self, size: int) -> None:
        """Cut or lengthen the file."""
        self._check("truncate")
        self._make_room(size)
        self._inode.carry_out(_Resize(size))

    def _make_room(self, size: int) -> None:
        if size - len(self._inode.live) > self._disk.free_bytes():
            raise OSError(errno.ENOSPC, "the simulated disk is full")

    def sync(self) -> None:
        """Make what was written durable; raises OSError on a broken disk."""
        self._check("sync")
        if not self._disk.trouble.ignores_sync:
            self._inode.sync()

    def close(self) -> None:
        """Give the file back."""
        self._open = False
