"""A sync of the log that may run in a thread while the log goes on being written."""

from collections.abc import Sequence
from enum import Enum

from aether.ports import Disk
from aether.store.disk.errors import DiskFailed
from aether.store.disk.segments import Segment
from aether.store.disk.spare import Spare


class SyncState(Enum):
    """How a job stands."""

    OUT = "out"
    DONE = "done"
    FAILED = "failed"


class SyncJob:
    """Makes everything appended before `begin_sync` durable. Run it once.

    `index` and `term` are those of the last entry covered, for `Raft.persisted`.
    """

    def __init__(
        self,
        disk: Disk,
        segments: Sequence[Segment],
        covers: tuple[int, int, int],
        spare: Spare | None,
        *,
        names: bool,
    ) -> None:
        self.index, self.term, self.serial = covers
        self.state = SyncState.OUT
        self.segments = segments
        self._disk = disk
        self._names = names
        self._spare = spare

    def run(self) -> None:
        """Sync; raises DiskFailed, after which nothing more may be written to this log."""
        try:
            for segment in self.segments:
                segment.file.sync()
            if self._names:
                self._disk.sync_names()
            if self._spare:
                self._spare.advance()
        except OSError as error:
            self.state = SyncState.FAILED
            raise DiskFailed(error.errno, f"syncing the log failed: {error}") from error
        self.state = SyncState.DONE
