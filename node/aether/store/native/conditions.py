"""What is wrong with a member, and the marks on its disk that outlive the process."""

from enum import StrEnum
from typing import Self

from aether.ports import Disk

_MOST_MARK = 4096


class Condition(StrEnum):
    """How a member is; the later in this list, the worse."""

    OK = "ok"
    RECOVERING = "recovering"
    """It lost part of what it had promised and neither votes nor leads until it has refetched it."""
    DISK_FULL = "disk_full"
    """It takes nothing new until there is space again."""
    DISK_FAILED = "disk_failed"
    """It takes no part until its process is started anew."""
    QUARANTINED = "quarantined"
    """Its state differs from that of the others; started anew, it refetches everything."""


_WORST_FIRST = tuple(reversed(Condition))
_TAKES_NO_PART = frozenset({Condition.DISK_FAILED, Condition.QUARANTINED})


class Health:
    """The conditions a member is in, each with its reason; the worst one counts."""

    def __init__(self) -> None:
        self._details: dict[Condition, str] = {}
        # Looked at for every request and packet, so kept rather than found out each time.
        self.takes_part = True
        """Whether the member may still send, write and answer."""
        self.takes_commands = True
        """Whether it may, and has room on its disk."""

    def enter(self, condition: Condition, detail: str) -> None:
        """Be in a condition; its first reason stays."""
        self._details.setdefault(condition, detail)
        self._judge()

    def leave(self, condition: Condition) -> None:
        """Be in a condition no longer."""
        self._details.pop(condition, None)
        self._judge()

    def _judge(self) -> None:
        self.takes_part = not self._details.keys() & _TAKES_NO_PART
        self.takes_commands = self.takes_part and Condition.DISK_FULL not in self._details

    def has(self, condition: Condition) -> bool:
        """Whether a member is in a condition, be it the worst or not."""
        return condition in self._details

    @property
    def condition(self) -> Condition:
        """The worst condition."""
        return next((each for each in _WORST_FIRST if each in self._details), Condition.OK)

    @property
    def detail(self) -> str:
        """Why the condition is not `ok`; empty when it is."""
        return self._details.get(self.condition, "")


class Mark:
    """A small file whose presence means something and whose text says why."""

    def __init__(self, disk: Disk, name: str) -> None:
        self._disk = disk
        self._name = name

    @classmethod
    def recovering(cls, disk: Disk) -> Self:
        """Present while a member must not vote, over restarts too."""
        return cls(disk, "recovering")

    @classmethod
    def quarantined(cls, disk: Disk) -> Self:
        """Present when a member's state was found to differ; its next start empties it."""
        return cls(disk, "quarantined")

    @property
    def text(self) -> str | None:
        """Why it is there; None when it is not."""
        if self._name not in self._disk.names():
            return None
        file = self._disk.open(self._name)
        try:
            return file.read_at(0, _MOST_MARK).decode(errors="replace") or "no reason was kept"
        finally:
            file.close()

    def put(self, text: str) -> None:
        """Have it there, on disk, when this returns. Raises OSError."""
        fresh = f"{self._name}.new"
        self._disk.remove(fresh)
        file = self._disk.open(fresh, create=True)
        try:
            file.write_at(0, text.encode()[:_MOST_MARK])
            file.sync()
        finally:
            file.close()
        self._disk.rename(fresh, self._name)
        self._disk.sync_names()

    def clear(self) -> None:
        """Have it gone, on disk, when this returns. Raises OSError."""
        self._disk.remove(self._name)
        self._disk.sync_names()
