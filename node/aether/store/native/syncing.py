"""Where work on the disk is done: in the loop while the disk is quick, else in a thread.

Handing a sync to a thread and back costs about as much as a quick sync takes, and a loop busy with
Python makes the thread wait for the interpreter; a slow sync in the loop would stop everything.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from aether.store.native.jobs import Job, LogSync

SLOW_S = 0.005
"""Syncs that take longer on average are run in a thread ..."""
QUICK_S = 0.002
"""... until they take less than this."""
BUSY_ENTRIES = 8
"""A sync of as many entries has callers enough behind it that the loop has work meanwhile ..."""
BUSY_S = 0.001
"""... so that a thread pays from this average on. Measured with 64 writers: 1.4 times as many writes
at 1.3 ms a sync; with one writer a thread makes each write half a millisecond later."""
WEIGHT = 0.2
"""Of the newest sync in the running average; a single stall of 25 ms is enough for a thread."""
CLOSE_S = 5.0
"""How long a member that stops waits for its disk."""

Ended = Callable[[Job, BaseException | None], None]
"""Told that a job ran, or what it raised: OSError when the disk failed, else a fault of ours."""


class Syncing:
    """Runs jobs and tells `ended` of each one's end, on the event loop.

    `stopwatch` measures how long syncs take, in seconds.
    """

    def __init__(self, ended: Ended, stopwatch: Callable[[], float]) -> None:
        self._ended = ended
        self._stopwatch = stopwatch
        self._average_s = 0.0
        self._slow = False
        self._synced = 0
        # One for the log, one for a snapshot: neither waits for the other.
        self._threads = ThreadPoolExecutor(2, "raft-disk")
        self._out: set[asyncio.Future[None]] = set()

    @property
    def average_s(self) -> float:
        """Running average of what a sync takes."""
        return self._average_s

    def is_quick(self, job: Job) -> bool:
        """Whether a job may be run in the loop."""
        if job.background or self._slow:
            return False
        return self._average_s < BUSY_S or self._entries(job) < BUSY_ENTRIES

    def _entries(self, job: Job) -> int:
        return job.sync.index - self._synced if isinstance(job, LogSync) else 0

    def run(self, job: Job) -> None:
        """Run a job here and now and tell its end."""
        try:
            self._timed(job)
        except OSError as problem:
            self._ended(job, problem)
        else:
            self._ended(job, None)

    def start(self, job: Job) -> None:
        """Run a job in a thread; its end is told later."""
        loop = asyncio.get_running_loop()
        running: asyncio.Future[None] = loop.create_future()
        self._out.add(running)
        # `run_in_executor` makes two futures more and comes back one turn of the loop later.
        self._threads.submit(self._work, job, running, loop)

    def _work(
        self, job: Job, running: "asyncio.Future[None]", loop: asyncio.AbstractEventLoop
    ) -> None:
        problem: BaseException | None = None
        try:
            if job.background:
                job.run()
            else:
                self._timed(job)
        except Exception as found:  # noqa: BLE001 - told to the owner, whatever it is
            problem = found
        loop.call_soon_threadsafe(self._done, job, running, problem)

    def _timed(self, job: Job) -> None:
        self._synced += self._entries(job)
        began = self._stopwatch()
        try:
            job.run()
        finally:
            self._average_s += WEIGHT * (self._stopwatch() - began - self._average_s)
            self._slow = self._average_s > (QUICK_S if self._slow else SLOW_S)

    def _done(
        self, job: Job, running: "asyncio.Future[None]", problem: BaseException | None
    ) -> None:
        self._out.discard(running)
        if not running.done():
            running.set_result(None)
        self._ended(job, problem)

    async def close(self) -> bool:
        """Wait for what runs, CLOSE_S at most; False when the disk did not answer by then."""
        if self._out:
            await asyncio.wait(self._out, timeout=CLOSE_S)
        answered = not self._out
        self._threads.shutdown(wait=False)
        return answered
