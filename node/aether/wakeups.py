"""When a level-triggered loop looks again: once a period, and at once when something changed."""

import asyncio
from collections.abc import Sequence

import structlog

from aether.errors import AetherError
from aether.ports import Clock, Store

_log = structlog.get_logger()


class Wakeups:
    """A bell that rings by itself every `period_s`; rings in between melt into one."""

    def __init__(self, clock: Clock, period_s: float) -> None:
        self._clock = clock
        self._period_s = period_s
        self._bell = asyncio.Event()

    def ring(self) -> None:
        """Have the loop look now."""
        self._bell.set()

    async def wait(self) -> None:
        """Return when the bell rings or the period is over."""
        try:
            async with asyncio.timeout(self._period_s):
                await self._bell.wait()
        except TimeoutError:
            pass
        self._bell.clear()

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
