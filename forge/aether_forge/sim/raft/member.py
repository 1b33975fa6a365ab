"""One simulated member: its process, its clock, its disk, and the turns of its loop.

Nothing reaches a replica but through `tell`, which keeps what arrives while the process is paused.
"""

import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from aether.core.model.ids import NodeId
from aether.store.native.jobs import Job
from aether.store.native.replica import Replica
from aether_forge.sim.raft.agenda import Agenda, Appointment
from aether_forge.sim.raft.disk import PowerLost, SimDisk
from aether_forge.sim.raft.watched import WatchedMachine

QUICK_SYNCS = 0.5
"""Share of turns in which the disk is as quick as a process waits for."""

Input = Callable[[Replica, float], None]
"""Something to tell a replica, with the time on its clock."""


class LocalClock:
    """Monotonic time on one machine: its own beginning, its own rate."""

    def __init__(self, offset: float, rate: float) -> None:
        self.rate = rate
        self._offset = offset
        self._since = 0.0

    def read(self, now: float) -> float:
        """Return what the clock shows."""
        return self._offset + (now - self._since) * self.rate

    def run_at(self, rate: float, now: float) -> None:
        """Change the rate; what the clock shows does not jump."""
        self._offset, self._since, self.rate = self.read(now), now, rate

    def until(self, shown: float, now: float) -> float:
        """Return the seconds until the clock shows `shown`."""
        return max(0.0, (shown - self.read(now)) / self.rate)


@dataclass(slots=True)
class Pace:
    """How fast a member works, in seconds."""

    turn_s: float = 0.0004
    sync_s: float = 0.0015


class Watcher(Protocol):
    """Who is told what members do."""

    def turned(self, member: "SimMember") -> None:
        """Look at a member after a turn."""
        ...

    def crashed(self, member: "SimMember", trace: str) -> None:
        """Take note that a replica raised, which ends its process."""
        ...

    def would_not_start(self, member: "SimMember", problem: str) -> None:
        """Take note that a process ended while it opened its files."""
        ...

    def lost_power(self, member: "SimMember", step: str, *, power: bool) -> None:
        """Take note that a machine, or only the process, stopped in the middle of a step."""
        ...


class SimMember:
    """A member and the process that runs it, if one does."""

    def __init__(
        self, node: NodeId, agenda: Agenda, throw: random.Random, watcher: Watcher
    ) -> None:
        self.node = node
        self.agenda = agenda
        self.clock = LocalClock(throw.uniform(0.0, 1000.0), throw.uniform(0.97, 1.03))
        self.disk = SimDisk(throw)
        self.pace = Pace()
        self.replica: Replica | None = None
        self.machine: WatchedMachine | None = None
        self.life = 0
        """Counts the processes of this member."""
        self.paused = False
        self.joins = False
        """Whether its next process starts without knowing any member."""
        self.fuse_cuts_power = True
        """Whether the fuse of its disk stops the machine, or only the process."""
        self._dice = throw
        self._watcher = watcher
        self._backlog: list[Input] = []
        self._turn: Appointment | None = None
        self._tick: Appointment | None = None
        self._tick_at = 0.0
        self._stopwatch = 0.0

    @property
    def runs(self) -> bool:
        """Whether a process runs, paused or not."""
        return self.replica is not None

    def now(self) -> float:
        """Return what the member's clock shows."""
        return self.clock.read(self.agenda.now)

    def stopwatch(self) -> float:
        """Return seconds that pass as work is done: each look costs some microseconds."""
        self._stopwatch += self._dice.random() * 0.0004
        return self._stopwatch

    def begin(self, replica: Replica, machine: WatchedMachine) -> None:
        """Run a process; it opens its files at once, and may end in that."""
        self.life += 1
        self.paused = False
        self._backlog.clear()
        self.replica, self.machine = replica, machine
        try:
            replica.open(self.now())
        except PowerLost as stop:
            self._watcher.lost_power(self, str(stop), power=self.fuse_cuts_power)
        except OSError as problem:
            self.end()
            self._watcher.would_not_start(self, str(problem))
        except Exception:  # noqa: BLE001 - the watcher takes the trace: a crash is a finding
            self._watcher.crashed(self, traceback.format_exc())
        if self.replica is replica:
            self._schedule_turn()

    def end(self) -> None:
        """End the process as `kill -9` does; files keep what was written."""
        self.replica = self.machine = None
        self._backlog.clear()
        for appointment in (self._turn, self._tick):
            if appointment is not None:
                appointment.cancel()
        self._turn = self._tick = None
        self.disk.revive()

    def tell(self, given: Input) -> None:
        """Give the replica an input, or keep it until the process runs again."""
        if self.replica is None:
            return
        if self.paused:
            self._backlog.append(given)
            return
        self._give(given)
        self._schedule_turn()

    def pause(self) -> None:
        """Stop the process where it stands."""
        self.paused = True

    def resume(self) -> None:
        """Let the process go on; everything that came meanwhile comes now."""
        if not self.paused or self.replica is None:
            return
        self.paused = False
        backlog, self._backlog = self._backlog, []
        for given in backlog:
            self._give(given)
        self._schedule_turn()

    def _give(self, given: Input) -> None:
        if self.replica is not None:
            self._guarded(lambda: given(self.replica, self.now()))  # type: ignore[arg-type] # checked above; nothing runs in between

    def _guarded(self, call: Callable[[], None]) -> bool:
        """Run a replica's code; what it raises ends its process and is told."""
        try:
            call()
        except PowerLost as stop:
            self._watcher.lost_power(self, str(stop), power=self.fuse_cuts_power)
            return False
        except Exception:  # noqa: BLE001 - the watcher takes the trace: a crash is a finding
            self._watcher.crashed(self, traceback.format_exc())
            return False
        return True

    def _schedule_turn(self) -> None:
        if self._turn is None:
            delay = self.pace.turn_s * self._dice.uniform(0.5, 1.5)
            self._turn = self.agenda.after(delay, self._take_turn)

    def _take_turn(self) -> None:
        self._turn = None
        replica = self.replica
        if replica is None:
            return
        if self.paused:
            self._backlog.append(_nothing)
            return
        if not self._runs_on(replica, lambda: replica.decide(self.now())):
            return
        # As in a process: what is written is often on disk before anything is applied.
        if self._dice.random() < QUICK_SYNCS and not self._sync_at_once(replica):
            return
        if not self._runs_on(replica, lambda: replica.apply(self.now())):
            return
        self._watcher.turned(self)
        self._begin_syncs(replica)
        if replica.more:
            self._schedule_turn()
        self._schedule_tick(replica)

    def _runs_on(self, replica: Replica, half: Callable[[], None]) -> bool:
        """Run half a turn; return whether the process is still there."""
        return self._guarded(half) and self.replica is replica

    def _sync_at_once(self, replica: Replica) -> bool:
        """Have the disk done with a job within the turn; return whether the process is still there."""
        job = replica.sync_job()
        if job is None:
            return True
        problem: OSError | None = None
        try:
            job.run()
        except PowerLost as stop:
            self._watcher.lost_power(self, str(stop), power=self.fuse_cuts_power)
            return False
        except OSError as error:
            problem = error
        self._give(lambda replica, now: _tell_end(replica, job, problem, now))
        return self.replica is replica and self._runs_on(
            replica, lambda: replica.decide(self.now())
        )

    def _schedule_tick(self, replica: Replica) -> None:
        wake_at = replica.wake_at()
        if self._tick is not None:
            if self._tick_at == wake_at:
                return
            self._tick.cancel()
        self._tick_at = wake_at
        delay = max(0.0001, self.clock.until(wake_at, self.agenda.now))
        self._tick = self.agenda.after(delay, self._wake)

    def _wake(self) -> None:
        self._tick = None
        self.tell(lambda replica, now: replica.tick(now))

    def _begin_syncs(self, replica: Replica) -> None:
        """Have jobs done after a while: each reaches the disk somewhere in between."""
        while (job := replica.sync_job()) is not None:
            whole = self.pace.sync_s * self._dice.uniform(0.3, 2.0)
            reached = whole * self._dice.random()
            self.agenda.after(reached, partial(self._sync, job, self.life, whole - reached))

    def _sync(self, job: Job, life: int, rest: float) -> None:
        if self.replica is None or self.life != life:
            return
        problem: OSError | None = None
        try:
            job.run()
        except PowerLost as stop:
            self._watcher.lost_power(self, str(stop), power=self.fuse_cuts_power)
            return
        except OSError as error:
            problem = error
        self.agenda.after(rest, partial(self._synced, job, life, problem))

    def _synced(self, job: Job, life: int, problem: OSError | None) -> None:
        if self.replica is None or self.life != life:
            return
        self.tell(lambda replica, now: _tell_end(replica, job, problem, now))


def _tell_end(replica: Replica, job: Job, problem: OSError | None, now: float) -> None:
    """Tell a replica how a sync ended."""
    if problem is None:
        replica.synced(job, now)
    else:
        replica.sync_failed(job, problem, now)


def _nothing(replica: Replica, now: float) -> None:
    """Tell a replica nothing: its loop only has to turn."""
