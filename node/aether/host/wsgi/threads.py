"""The threads of a WSGI application: bounded, started when needed, with a bounded line before them.

Rules for this file: everything but `_work` runs on the event loop, so counts need no lock. A place
belongs to a request from `place` until its thread is done with it, whoever else has given it up.
"""

import asyncio
import contextlib
import queue
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from aether.sdk import HttpError

DEFAULT_THREADS = 8
LINE_PER_THREAD = 64
"""512 with the default threads: half of the connections a host takes, each of which waits once at most."""
LINE_S = 10.0
"""Longest wait for a thread; a third of what a router gives a request unless its route says more."""
STOP_S = 1.0
"""How long requests that were cut off may take to notice it."""
RETRY_AFTER_S = 1
TELL_EVERY_S = 60.0
MAX_STACK_CHARS = 2_000

log = structlog.get_logger()


class Threads:
    """`size` threads and up to `LINE_PER_THREAD` waiting requests for each."""

    def __init__(self, size: int) -> None:
        self.busy = 0
        """Requests that have a thread, those given up included."""
        self._size = size
        self._line: deque[asyncio.Future[None]] = deque()
        self._threads: list[threading.Thread] = []
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._quiet_until = 0.0
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()

    @property
    def waiting(self) -> int:
        """Requests in the line."""
        return len(self._line)

    async def place(self, wait_gone: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Wait for a thread; False when the client has left meanwhile.

        Raises HttpError 503 when the line is full or does not move for `LINE_S`.
        """
        if self.busy < self._size and not self._line:
            self._take()
            return True
        if len(self._line) >= self._size * LINE_PER_THREAD:
            raise self._refusal("as many requests wait for one")
        return await self._stand_in_line(wait_gone)

    async def _stand_in_line(self, wait_gone: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            async with asyncio.TaskGroup() as group:
                gone = group.create_task(wait_gone())
                await asyncio.wait(
                    (turn, gone), timeout=LINE_S, return_when=asyncio.FIRST_COMPLETED
                )
                gone.cancel()
        except BaseException:
            if turn.done():
                self.release()  # the place was given to a request that is no more
            raise
        finally:
            with contextlib.suppress(ValueError):
                self._line.remove(turn)
        if turn.done():
            return True
        if gone.cancelled():
            self._tell_stuck()
            raise self._refusal(f"none came free within {LINE_S:g} s")
        return False

    def run(self, work: Callable[[], None]) -> None:
        """Have a thread do `work`, which must not raise; the caller holds a place."""
        if len(self._threads) < self.busy:
            name = f"wsgi-{len(self._threads) + 1}"
            # A daemon: a thread that hangs must not keep the process from ending.
            thread = threading.Thread(target=_work, args=(self._work,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        self._work.put(work)

    def release(self) -> None:
        """Give a place back: to the first in the line, if there is one."""
        self.busy -= 1
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                self._take()
                turn.set_result(None)
                return
        if self.busy == 0:
            self._is_quiet.set()

    async def stop(self) -> None:
        """End the threads; one that hangs is left behind, and the log says where it stands."""
        try:
            async with asyncio.timeout(STOP_S):
                await self._is_quiet.wait()
        except TimeoutError:
            log.warning("threads left behind", busy=self.busy, stacks=self._stacks())
        for _ in self._threads:
            self._work.put(None)

    def _take(self) -> None:
        self.busy += 1
        self._is_quiet.clear()

    def _refusal(self, why: str) -> HttpError:
        detail = f"all {self._size} threads of this instance are busy and {why}: try again later"
        return HttpError(503, detail, code="busy", headers={"retry-after": str(RETRY_AFTER_S)})

    def _tell_stuck(self) -> None:
        """Say now and then where threads stand of which none came free: perhaps they hang."""
        now = asyncio.get_running_loop().time()
        if now >= self._quiet_until:
            self._quiet_until = now + TELL_EVERY_S
            log.warning("no thread came free", after_s=LINE_S, stacks=self._stacks())

    def _stacks(self) -> list[str]:
        frames = sys._current_frames()  # noqa: SLF001 - the documented way to see where a thread stands
        found = []
        for thread in self._threads:
            frame = frames.get(thread.ident or 0)
            if frame is not None:
                found.append("".join(traceback.format_stack(frame))[-MAX_STACK_CHARS:])
        return found


def _work(work: "queue.SimpleQueue[Callable[[], None] | None]") -> None:
    while (item := work.get()) is not None:
        item()
        del item  # or the last request would live until the next
