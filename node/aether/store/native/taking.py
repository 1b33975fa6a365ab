"""Takes snapshots of this member's own state machine, in slices, beside everything else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aether.core.raft.entries import SnapshotPoint
from aether.store.disk.snapshot_files import SnapshotFiles
from aether.store.disk.snapshot_writing import SnapshotWriter
from aether.store.native.jobs import BackgroundJob

SLICE_S = 0.003
"""Longest time given to a snapshot in one turn."""


@dataclass(slots=True)
class _Underway:
    point: SnapshotPoint
    parts: Iterator[bytes]
    writer: SnapshotWriter


class Taking:
    """At most one snapshot being made."""

    def __init__(
        self,
        files: SnapshotFiles,
        stopwatch: Callable[[], float],
        published: Callable[[SnapshotPoint, float], None],
    ) -> None:
        self._files = files
        self._stopwatch = stopwatch
        self._published = published
        self._now: _Underway | None = None
        self._finishing = False
        self.job: BackgroundJob | None = None
        """What has to be run before the snapshot counts; whoever takes it sets this to None."""

    @property
    def idle(self) -> bool:
        """Whether none is being made."""
        return self._now is None

    @property
    def more(self) -> bool:
        """Whether `step` has something to do."""
        return self._now is not None and not self._finishing

    def begin(self, point: SnapshotPoint, parts: Iterator[bytes]) -> None:
        """Begin to write the state as of `point`. Raises OSError."""
        self._now = _Underway(point, parts, self._files.writer(point))

    def step(self) -> None:
        """Write for a few milliseconds. Raises OSError, after which none is being made."""
        if self._now is None or self._finishing:
            return
        ends_at = self._stopwatch() + SLICE_S
        try:
            for part in self._now.parts:
                self._now.writer.write(part)
                if self._stopwatch() >= ends_at:
                    return
            self._finishing = True
            self.job = BackgroundJob(self._now.writer.finish(), self._finished, self._failed)
        except OSError:
            self.abort()
            raise

    def abort(self) -> None:
        """Give up on the one being made, if any; one whose job is out is left to it."""
        if not self._finishing or self.job is not None:
            self._failed()

    def _failed(self) -> None:
        underway, self._now = self._now, None
        self._finishing, self.job = False, None
        if underway is not None:
            underway.writer.abort()

    def _finished(self, now: float) -> None:
        underway, self._now = self._now, None
        self._finishing = False
        if underway is not None:
            underway.writer.publish()
            self._published(underway.point, now)
