"""When a level-triggered loop looks again: once a period, and at once when something changed."""

import asyncio
from collections.abc import Sequence

import structlog

from aether.errors import AetherError
from aether.ports import Clock, Store

_log = structlog.get_logger()


class Wakeups:
    """A bell that rings by itself every `period_s`; rings in between melt into one.

    It is for one loop: two that wait at a time would take each other's rings.
    """

    def __init__(self, clock: Clock, period_s: float) -> None:
        self._clock = clock
        self._period_s = period_s
        self._rung = False
        self._waiting: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Have the loop look now."""
        self._rung = True
        if self._waiting is not None:
            _end(self._waiting)

    async def wait(self) -> None:
        """Return when the bell rings or the period is over."""
        if not self._rung:
            # A time-out of asyncio's around an event would do; every loop of a node waits here all the
            # time, and this takes half as long.
            loop = asyncio.get_running_loop()
            self._waiting = waiting = loop.create_future()
            period = loop.call_later(self._period_s, _end, waiting)
            try:
                await waiting
            finally:
                period.cancel()
                self._waiting = None
        self._rung = False

    async def follow(self, store: Store, prefixes: Sequence[str]) -> None:
        """Ring for every change below any of `prefixes`, for ever; a watch cut off begins anew."""
        async with asyncio.TaskGroup() as group:
            for prefix in prefixes:
                group.create_task(self._follow(store, prefix))

    async def _follow(self, store: Store, prefix: str) -> None:
        while True:
            try:
                async for _ in store.watch(prefix):
                    self.ring()
            except AetherError as problem:
                _log.info("watch begins anew", prefix=prefix, error=problem.message)
            self.ring()
            await self._clock.sleep(self._period_s)


def _end(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
