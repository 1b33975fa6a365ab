"""Drives one replica from the event loop: when it takes a turn, where its disk work is done.

One turn per iteration of the loop covers everything that arrived meanwhile: callers, packets,
finished syncs, the timer. What a turn writes is synced once, after what it sends has left.
"""

import asyncio
import math
import time

import structlog

from aether.core.model.ids import NodeId
from aether.store.native.jobs import Job
from aether.store.native.links import Links
from aether.store.native.packets import Packet
from aether.store.native.replica import Replica
from aether.store.native.syncing import Syncing

LATE_S = 0.1
"""A timer as late as this means that the process was paused: what peers said meanwhile is still in
the sockets, so they are heard before their silence is judged ..."""
CATCH_UP_TURNS = 8
"""... for so many iterations of the loop at most."""
LOOK_S = 0.005
"""How late the timer may be set: when the next turn without an input is due costs about as much to
find out as a small turn, so a busy loop asks LOOKS times in so long, and once at its end."""
LOOKS = 2
ROUNDING_S = 0.001
"""Timers count whole milliseconds, and one that is rung too early rings again and again until it
is time: they are set a little later."""

log = structlog.get_logger()


class Driver:
    """Gives one replica its turns, from `start` to `stop` or to its first fault.

    A fault is an exception no rule provides for: the replica's state is not known any more, so it
    takes no further turn and says nothing more to anybody. `failed` is set then.
    """

    def __init__(self, replica: Replica, links: Links) -> None:
        self.failed = asyncio.Event()
        self.failure: BaseException | None = None
        self._replica = replica
        self._links = links
        self._loop = asyncio.get_running_loop()
        self._syncing = Syncing(self._job_ended, time.perf_counter)
        self.running = False
        """Whether the replica gets its turns."""
        self.now = self._loop.time
        """Seconds on the clock the replica is driven by."""
        self._turn_due = False
        self._after_sending: Job | None = None
        """A quick job that waits for what was sent before it to leave the process."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._late_turns = 0
        self._looks_at = 0.0
        self._looks = 0
        self._looking = False

    def start(self) -> None:
        """Give the replica its first turn soon, and every other when something is to be done."""
        self.running = True
        self.wake()

    async def stop(self) -> None:
        """Take no further turn; wait for the disk."""
        self.running = False
        if self._timer is not None:
            self._timer.cancel()
        if not await self._syncing.close():
            log.warning("the disk does not answer; what it was given may not be on it")

    def wake(self) -> None:
        """Have a turn taken in the next iteration of the loop."""
        if not self._turn_due:
            self._turn_due = True
            self._loop.call_soon(self._turn)

    def received(self, sender: NodeId, packet: Packet) -> None:
        """Hand on what a peer said."""
        if not self.running:
            return
        try:
            self._replica.receive(sender, packet, self.now())
        except Exception as fault:  # noqa: BLE001 - the supervisor of a replica: it is stopped
            self._fail(fault)
        self.wake()

    def lost(self, node: NodeId) -> None:
        """Tell the replica that the connection from a peer ended."""
        if not self.running:
            return
        try:
            self._replica.link_lost(node, self.now())
        except Exception as fault:  # noqa: BLE001 - the supervisor of a replica: it is stopped
            self._fail(fault)
        self.wake()

    # -- a turn --------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._turn_due = False
        if not self.running:
            return
        try:
            waited, self._after_sending = self._after_sending, None
            if waited is not None:
                self._syncing.run(waited)
            sent = self._step()
            # No longer true after a sync that showed a fault of ours.
            if self.running:
                self._sync(sent=sent)
            # Last: what others wait for, an acknowledgement, does not wait for what is applied.
            if self.running:
                self._replica.apply(self.now())
                self._links.flush()
            if not self._replica.takes_part:
                # Its peers would else wait a whole election time-out for one that says nothing.
                self._links.fall_silent()
            if self._replica.more:
                self.wake()
            self._set_timer()
        except Exception as fault:  # noqa: BLE001 - the supervisor of a replica: it is stopped
            self._fail(fault)

    def _step(self) -> bool:
        """Send and write what follows from all that was put in; say whether anything was sent."""
        self._replica.decide(self.now())
        return self._links.flush()

    def _sync(self, *, sent: bool) -> None:
        """Have everything synced that waits for it; what was `sent` leaves the process first."""
        while (job := self._replica.sync_job()) is not None:
            if not self._syncing.is_quick(job):
                self._syncing.start(job)
            elif sent:
                # The peers' disks then work at the same time as ours.
                self._after_sending = job
                self.wake()
                return
            else:
                self._syncing.run(job)
                sent = self._step()

    def _job_ended(self, job: Job, problem: BaseException | None) -> None:
        if not self.running:
            return
        try:
            self._tell_end(job, problem)
        except Exception as fault:  # noqa: BLE001 - the supervisor of a replica: it is stopped
            self._fail(fault)
        self.wake()

    def _tell_end(self, job: Job, problem: BaseException | None) -> None:
        if problem is None:
            self._replica.synced(job, self.now())
        elif isinstance(problem, OSError):
            log.error("the disk of this member failed", problem=str(problem))
            self._replica.sync_failed(job, problem, self.now())
        else:
            self._fail(problem)

    def _fail(self, fault: BaseException) -> None:
        log.critical("this member of the store stops after a fault", exc_info=fault)
        self.failure = fault
        self.running = False
        if self._timer is not None:
            self._timer.cancel()
        self.failed.set()

    # -- time ----------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        """See to it that the replica gets a turn when it is due, LOOK_S later at most."""
        now = self.now()
        if self._timer is not None and self._timer_at <= now + LOOK_S:
            # It looks then. One writer's leader, soon to tell of a commit, asks once in three writes.
            return
        if now >= self._looks_at:
            self._looks_at, self._looks = now + LOOK_S, 0
        elif self._looks >= LOOKS:
            if not self._looking:
                self._looking = True
                self._loop.call_at(self._looks_at + ROUNDING_S, self._look)
            return
        self._looks += 1
        at = self._replica.wake_at()
        if at == math.inf or not self.running:
            return
        if self._timer is not None:
            if at >= self._timer_at:
                # Too early does no harm: it looks again then.
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at + ROUNDING_S, self._time_has_come)

    def _look(self) -> None:
        self._looking = False
        if self.running:
            self._set_timer()

    def _time_has_come(self) -> None:
        self._timer = None
        if not self.running:
            return
        now = self.now()
        if now - self._timer_at > LATE_S and self._late_turns < CATCH_UP_TURNS:
            self._late_turns += 1
            self._timer = self._loop.call_later(0.001, self._time_has_come)
            return
        self._late_turns = 0
        try:
            if now < self._replica.wake_at():
                # What it was set for has been done meanwhile.
                self._looks_at = now
                self._set_timer()
                return
            self._replica.tick(now)
        except Exception as fault:  # noqa: BLE001 - the supervisor of a replica: it is stopped
            self._fail(fault)
        self.wake()
