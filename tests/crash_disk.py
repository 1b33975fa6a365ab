"""A disk in memory that loses what was not synced, fails when told, and counts what is done to it."""

import errno
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from aether.ports import Disk, DiskFile

SECTOR = 512


class Step(NamedTuple):
    """One call: `read`, `write`, `sync`…, the file, and how many calls there were."""

    what: str
    name: str
    call: int


@dataclass
class Content:
    """What a file holds for those who read it, and what is on the platter."""

    live: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Writes since the last sync; (size, None) for a truncation."""


class CrashDisk(Disk):
    def __init__(self, capacity: int = 1 << 40) -> None:
        self.files: dict[str, Content] = {}
        self.durable: dict[str, Content] = {}
        self.steps: list[Callable[[dict[str, Content]], object]] = []
        self.capacity = capacity
        self.calls = 0
        self.fail: Callable[[Step], OSError | None] | None = None
        """Asked before each call; what it returns is raised."""
        self.free_lies = False
        """Whether free_bytes promises room that is not there."""

    def step(self, what: str, name: str) -> None:
        self.calls += 1
        error = self.fail(Step(what, name, self.calls)) if self.fail else None
        if error:
            raise error

    def names(self) -> Sequence[str]:
        return sorted(self.files)

    def open(self, name: str, *, create: bool = False) -> "CrashFile":
        if create:
            self.step("create", name)
            if name in self.files:
                raise FileExistsError(errno.EEXIST, name)
            content = Content()
            self.files[name] = content
            self.steps.append(lambda names: names.__setitem__(name, content))
        if name not in self.files:
            raise FileNotFoundError(errno.ENOENT, name)
        return CrashFile(self, name, self.files[name])

    def rename(self, old: str, new: str) -> None:
        self.step("rename", new)
        content = self.files.pop(old)
        self.files[new] = content

        def moved(names: dict[str, Content]) -> None:
            names[new] = content
            if names.get(old) is content:
                del names[old]

        self.steps.append(moved)

    def remove(self, name: str) -> None:
        self.step("remove", name)
        content = self.files.pop(name, None)

        def removed(names: dict[str, Content]) -> None:
            if names.get(name) is content:
                del names[name]

        if content is not None:
            self.steps.append(removed)

    def sync_names(self) -> None:
        self.step("sync", "names")
        self.durable = dict(self.files)
        self.steps.clear()

    def free_bytes(self) -> int:
        if self.free_lies:
            return 1 << 40
        return self.capacity - sum(len(content.live) for content in self.files.values())

    def copy(self) -> "CrashDisk":
        """Return a disk with the same files, all synced."""
        other = CrashDisk(self.capacity)
        for name, content in self.files.items():
            other.put(name, bytes(content.live))
        return other

    def put(self, name: str, data: bytes) -> None:
        """Have a synced file."""
        self.files[name] = self.durable[name] = Content(bytearray(data), bytearray(data))

    def crash(self, dice: random.Random) -> None:
        """Lose power: any of the unsynced steps and sectors are there, the others are not."""
        for step in self.steps:
            if dice.random() < 0.5:
                step(self.durable)
        self.steps.clear()
        keep = dice.choice((0.0, 0.5, 0.9, 1.0))
        for content in self.durable.values():
            self._settle(content, dice, keep)
        self.files = dict(self.durable)

    def _settle(self, content: Content, dice: random.Random, keep: float) -> None:
        for offset, data in content.pending:
            if data is None:
                if dice.random() < keep:
                    resize(content.durable, offset)
                continue
            start = 0
            while start < len(data):
                end = min((offset + start) // SECTOR * SECTOR + SECTOR - offset, len(data))
                if dice.random() < keep:
                    patch(content.durable, offset + start, data[start:end])
                start = end
        content.pending.clear()
        content.live = bytearray(content.durable)


class CrashFile(DiskFile):
    def __init__(self, disk: CrashDisk, name: str, content: Content) -> None:
        self.disk, self.name, self.content = disk, name, content

    def size(self) -> int:
        return len(self.content.live)

    def read_at(self, offset: int, size: int) -> bytes:
        self.disk.step("read", self.name)
        return bytes(self.content.live[offset : offset + size])

    def write_at(self, offset: int, data: bytes) -> None:
        error = None
        grown = offset + len(data) - len(self.content.live)
        used = sum(len(content.live) for content in self.disk.files.values())
        if grown > 0 and used + grown > self.disk.capacity:
            data = data[: max(len(data) - (used + grown - self.disk.capacity), 0)]
            error = OSError(errno.ENOSPC, "the disk is full")
        try:
            self.disk.step("write", self.name)
        except OSError as failed:
            data, error = data[: len(data) // 2], failed
        patch(self.content.live, offset, data)
        self.content.pending.append((offset, bytes(data)))
        if error:
            raise error

    def truncate(self, size: int) -> None:
        self.disk.step("truncate", self.name)
        resize(self.content.live, size)
        self.content.pending.append((size, None))

    def sync(self) -> None:
        try:
            self.disk.step("sync", self.name)
        except OSError:
            self.content.pending.clear()  # as Linux does: the pages are clean, and not on disk
            raise
        for offset, data in self.content.pending:
            if data is None:
                resize(self.content.durable, offset)
            else:
                patch(self.content.durable, offset, data)
        self.content.pending.clear()

    def close(self) -> None:
        pass


def patch(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def resize(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))
