"""Background tasks with an owner: nothing runs that nobody stops, and no failure goes unseen.

Long work on the loop is done in turns, between which the loop does everything else it has to do.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

from aether.core.metrics.work import Work

_log = structlog.get_logger()

TURN_S = 0.001
"""After so long a turn ends at the next pause: nothing else waits much longer for the loop."""

_T = TypeVar("_T")


class Tasks:
    """A set of background tasks that end with their owner.

    A task that raises is handed to `on_failure`; without one it is logged as an error and the
    first such failure is raised by `stop`.
    """

    def __init__(self, on_failure: Callable[[str, BaseException], None] | None = None) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_failure = on_failure
        self._failure: BaseException | None = None

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` until it ends or the owner stops."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        failure = task.exception()
        if failure is None:
            return
        if self._on_failure is not None:
            self._on_failure(task.get_name(), failure)
        else:
            _log.error("task failed", task=task.get_name(), exc_info=failure)
            self._failure = self._failure or failure

    async def stop(self) -> None:
        """Cancel what still runs and wait for it; raise the first failure nobody handled."""
        running = list(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._failure is not None:
            raise self._failure


async def by_turns(work: Work[_T], now: Callable[[], float]) -> _T:
    """Do work that may pause, and return its result; `now` is seconds on a monotonic clock.

    Nothing else runs between its last pause and the line after this call: what it changes at its end
    changes together with what the caller changes then. Cancelled, it gives the work up at a pause.
    """
    until = now() + TURN_S
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: _T = done.value
            return result
        if now() >= until:
            await asyncio.sleep(0)
            until = now() + TURN_S
