"""Replaces the state machine by a snapshot, in slices; until the end the old state is served."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aether.core.model.ids import NodeId
from aether.core.raft.entries import SnapshotPoint
from aether.ports import Restoring, StateMachine
from aether.store.disk.errors import SnapshotDamaged
from aether.store.disk.snapshot_files import SnapshotFiles

SLICE_S = 0.005
"""Longest time given to a restore in one turn."""


@dataclass(slots=True)
class Restore:
    """One restore under way."""

    sender: NodeId
    point: SnapshotPoint
    parts: Iterator[bytes]
    machine: Restoring


class Installing:
    """At most one snapshot being restored."""

    def __init__(
        self, files: SnapshotFiles, machine: StateMachine, stopwatch: Callable[[], float]
    ) -> None:
        self._files = files
        self._machine = machine
        self._stopwatch = stopwatch
        self.now: Restore | None = None
        """The one under way."""

    def begin(self, sender: NodeId, point: SnapshotPoint) -> None:
        """Begin to restore a snapshot that verified, instead of any other."""
        self.now = Restore(sender, point, self._files.read(point), self._machine.restoring())

    def step(self) -> bool:
        """Go on for a few milliseconds; whether `finish` may be called.

        Raises ValueError or SnapshotDamaged when the snapshot cannot be used, OSError when the
        disk fails; nothing is under way then.
        """
        if self.now is None:
            return False
        ends_at = self._stopwatch() + SLICE_S
        try:
            for part in self.now.parts:
                self.now.machine.feed(part)
                if self._stopwatch() >= ends_at:
                    return False
        except (ValueError, SnapshotDamaged, OSError):
            self.now = None
            raise
        return True

    def finish(self) -> SnapshotPoint | None:
        """Replace the machine's state; return what it holds now. Raises ValueError."""
        restore, self.now = self.now, None
        if restore is None:
            return None
        restore.machine.finish()
        return restore.point
