"""Background tasks with an owner: nothing runs that nobody stops, and no failure goes unseen."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

_log = structlog.get_logger()


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
