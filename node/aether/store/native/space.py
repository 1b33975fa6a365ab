"""What a member does about a full disk: takes nothing new, gives its ballast up, looks each second.

Nothing acknowledged is lost by it, and no restart is needed: once there is space the member goes on.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from aether.core.raft.raft import Raft
from aether.ports import Disk
from aether.store.disk.ballast import Ballast
from aether.store.disk.errors import NoSpace
from aether.store.native.conditions import Condition, Health
from aether.store.native.durability import Durability
from aether.store.native.jobs import BackgroundJob

_log = structlog.get_logger(__name__)

CHECK_S = 1.0
"""Between two looks whether a full disk has space again, and two slices of the ballast."""


@dataclass(slots=True)
class Space:
    """The room one member has on its disk."""

    disk: Disk
    needed_bytes: int
    """Free space from which a disk that was full counts as having space again."""
    ballast: Ballast
    health: Health
    raft: Raft
    durability: Durability
    abort: Callable[[], None]
    """Gives up on what else takes space."""
    wake_at: float = -math.inf
    """When `step` has something to do."""
    _filling: bool = False
    _job: BackgroundJob | None = None

    def write(self, now: float) -> None:
        """Write what waits to be written; when there is no space, later again. Raises DiskFailed."""
        if not self.health.has(Condition.DISK_FULL):
            try:
                self.durability.write()
            except NoSpace as full:
                self.lost(full, now)

    def lost(self, error: NoSpace, now: float) -> None:
        """Take nothing new from now on, and write what waits with what the ballast leaves."""
        self.wake_at = now + CHECK_S
        if self.health.has(Condition.DISK_FULL):
            return
        self.health.enter(Condition.DISK_FULL, str(error))
        _log.warning("disk_full", problem=str(error))
        self.abort()
        self.raft.set_writable(writable=False, now=now)
        if not self._filling:
            self.ballast.free()
        self._write_rest()

    def step(self, now: float) -> None:
        """Look for space when the disk is full; else make the ballast whole, slice by slice."""
        if now < self.wake_at:
            return
        self.wake_at = now + CHECK_S
        if not self.health.has(Condition.DISK_FULL):
            if self.ballast.whole:
                self.wake_at = math.inf
            elif not self._filling:
                self._filling = True
                self._job = BackgroundJob(self._fill, self._filled, self._not_filled)
            return
        self._write_rest()
        if not self.durability.stuck and self.disk.free_bytes() >= self.needed_bytes:
            self.health.leave(Condition.DISK_FULL)
            self.raft.set_writable(writable=True, now=now)
            _log.info("disk_has_space")

    def job(self) -> BackgroundJob | None:
        """Return work for a thread, if any."""
        job, self._job = self._job, None
        return job

    def _write_rest(self) -> None:
        try:
            self.durability.write()
        except NoSpace:
            _log.warning("disk_still_full")

    def _fill(self) -> None:
        self.ballast.fill()

    def _not_filled(self) -> None:
        self._filling = False

    def _filled(self, now: float) -> None:
        self._filling = False
        if self.health.has(Condition.DISK_FULL):
            self.ballast.free()
        elif self.ballast.whole:
            self.wake_at = math.inf
        else:
            self.wake_at = now + CHECK_S
