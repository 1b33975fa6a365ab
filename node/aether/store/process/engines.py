"""How the server hands commands to an engine: with a callback, without a task for each call."""

import asyncio
from typing import Protocol, runtime_checkable

from aether.errors import AetherError, OutcomeUnknown
from aether.ports import Consensus
from aether.store.native.results import Applied, Done, ReadDone, Refused, Result, Unknown
from aether.store.reads import ReadBarrier
from aether.tasks import Tasks


@runtime_checkable
class CallbackEngine(Protocol):
    """An engine that answers by calling back, exactly once a call."""

    def submit(self, command: bytes, done: Done, timeout_s: float) -> None:
        """Commit `command`; `done` is told what became of it."""
        ...

    def read(self, done: ReadDone, timeout_s: float) -> None:
        """Tell `done` None once this member has applied all that was acknowledged before."""
        ...


@runtime_checkable
class MayFail(Protocol):
    """An engine that knows when it takes no part any more and must be made anew."""

    async def wait_failed(self) -> BaseException:
        """Return the fault, once there is one."""
        ...


async def wait_failed(consensus: Consensus) -> BaseException:
    """Return the fault after which an engine takes no part; wait for ever when it tells of none."""
    if isinstance(consensus, MayFail):
        return await consensus.wait_failed()
    never: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    return await never


class AwaitedEngine:
    """Gives an engine that is awaited the callbacks the server wants: a task for each call."""

    def __init__(self, consensus: Consensus, tasks: Tasks) -> None:
        self._consensus = consensus
        self._tasks = tasks
        self._reads = ReadBarrier(consensus, tasks)

    def submit(self, command: bytes, done: Done, timeout_s: float) -> None:
        """Propose in a task."""
        self._tasks.start("store-submit", self._submit(command, done, timeout_s))

    async def _submit(self, command: bytes, done: Done, timeout_s: float) -> None:
        result: Result
        try:
            result = Applied(await self._consensus.propose(command, timeout_s))
        except OutcomeUnknown as problem:
            result = Unknown(problem.message)
        except AetherError as problem:
            result = Refused(problem.code, problem.message)
        done(result)

    def read(self, done: ReadDone, timeout_s: float) -> None:
        """Wait in a task for the barrier all readers share."""
        self._tasks.start("store-read", self._read(done, timeout_s))

    async def _read(self, done: ReadDone, timeout_s: float) -> None:
        try:
            await self._reads.wait(timeout_s)
        except AetherError as problem:
            done(Refused(problem.code, problem.message))
        else:
            done(None)


def callbacks_of(consensus: Consensus, tasks: Tasks) -> CallbackEngine:
    """Return the callback side of any engine."""
    if isinstance(consensus, CallbackEngine):
        return consensus
    return AwaitedEngine(consensus, tasks)
