"""Reads: one barrier for all readers that wait, and looks at the machine, also into its past."""

import asyncio

from aether.core.store.commands import Range
from aether.core.store.history import HistoryGone
from aether.core.store.machine import KvMachine
from aether.errors import AetherError, Invalid, NoQuorum, OutcomeUnknown, Unavailable
from aether.ports import Consensus
from aether.store.watch import Compacted
from aether.tasks import Tasks

ATTEMPT_S = 1.5
"""Longest wait for one barrier before it is tried again: about one election."""
RETRY_S = 0.05


class ReadBarrier:
    """Lets readers through once this member has applied what was acknowledged before they came.

    Readers that come while a barrier is under way wait for the next one: the one under way may
    stand in the log before a write that was acknowledged meanwhile.
    """

    def __init__(self, consensus: Consensus, tasks: Tasks) -> None:
        self._consensus = consensus
        self._tasks = tasks
        self._forming: asyncio.Future[bool] | None = None
        self._running = False

    async def wait(self, timeout_s: float) -> None:
        """Return when a read may look; raises NoQuorum when no quorum let it within the time."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                while not await asyncio.shield(self._join(loop)):  # noqa: ASYNC110 - a pause between tries
                    await asyncio.sleep(RETRY_S)
        except TimeoutError as late:
            raise no_quorum_for_read(timeout_s) from late

    def _join(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[bool]:
        if self._forming is None:
            self._forming = loop.create_future()
        if not self._running:
            self._running = True
            self._tasks.start("store-read-barrier", self._run())
        return self._forming

    async def _run(self) -> None:
        batch: asyncio.Future[bool] | None = None
        try:
            while (batch := self._forming) is not None:
                self._forming = None
                passed = await self._passes()
                if not batch.done():
                    batch.set_result(passed)
        finally:
            self._running = False
            for left in (batch, self._forming):
                if left is not None and not left.done():
                    left.set_result(False)
            self._forming = None

    async def _passes(self) -> bool:
        try:
            await self._consensus.barrier(ATTEMPT_S)
        except (Unavailable, OutcomeUnknown):
            return False
        return True


def no_quorum_for_read(timeout_s: float, cause: AetherError | None = None) -> NoQuorum:
    """Return the error of a linearizable read whose time is over."""
    why = f" ({cause.message})" if cause else ""
    return NoQuorum(
        f"no quorum confirmed a read within {timeout_s:g} s{why}; "
        "retry, or read with consistency=stale"
    )


def range_of(
    machine: KvMachine, prefix: str, limit: int, start: str, revision: int | None
) -> Range:
    """Return a range of the machine, now or as it stood at `revision`.

    Raises Conflict `compacted` when that is gone, Invalid when it is still to come.
    """
    try:
        return machine.range(prefix, limit=limit, start=start, revision=revision)
    except HistoryGone as problem:
        raise Compacted(str(problem), fields={"compacted": machine.compacted}) from problem
    except ValueError as problem:
        raise Invalid(str(problem)) from problem
