"""One thread for calls that may hang: it belongs to nobody who waits for it at the end of the process."""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

_T = TypeVar("_T")


class Worker:
    """Does one thing after the other, off the event loop. A daemon: the process ends without it."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[], _T]) -> _T:
        """Return what `work` returns, or raise what it raises. Who gives up waiting does not stop it."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_T] = loop.create_future()

        def job() -> None:
            try:
                result = work()
            except Exception as problem:  # noqa: BLE001 - handed to whoever waits
                _tell(loop, lambda problem=problem: _fail(done, problem))  # type: ignore[misc] # a lambda with a default
            else:
                _tell(loop, lambda: _finish(done, result))

        self._jobs.put(job)
        return await done

    def close(self) -> None:
        """End the thread after what it does now."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:
        return  # the loop has ended: nobody waits any more


def _finish(done: "asyncio.Future[_T]", result: _T) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: "asyncio.Future[_T]", problem: Exception) -> None:
    if not done.done():
        done.set_exception(problem)
