"""Real time for the ports: the operating system's monotonic clock."""

import asyncio
import time


class MonotonicClock:
    """`ports.Clock` of a real node; wall-clock jumps do not touch it."""

    def now(self) -> float:
        """Seconds on the monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
