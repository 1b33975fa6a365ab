"""What one router process counts, and how that reaches its node: one reading a second.

A reading goes out as frames `{"op": "counts", …}` on the table link. Counts are those since the
start of the process, so a frame that is not sent, or a node that restarts, loses nothing.
"""

import asyncio
import secrets
import time
from collections.abc import Iterator
from itertools import islice

from aether.core.dataplane.route_counts import MOST_SERIES, RouteCounts
from aether.frames import pack

PERIOD_S = 1.0
LAST_S = 0.5
"""Longest wait of a router that stops for its node to take the last reading."""
MOST_SERIES_A_READING = 512
SERIES_A_FRAME = 64
"""Packing a frame of so many takes about a millisecond, in which no request is served."""
_LOOK_S = 0.005
MOST_IN_FLIGHT = 1024
"""Routes whose requests in flight are told."""


class Observer(RouteCounts):
    """The counts of one router process; `began` and `ended` are called for every request."""

    def __init__(self) -> None:
        super().__init__()
        self._run = secrets.token_hex(8)
        self._began = time.monotonic()

    def frames(self, most: int = MOST_SERIES_A_READING) -> Iterator[bytes]:
        """Make a reading of `most` series and yield it packed, in one frame at least."""
        first = {
            "op": "counts",
            "run": self._run,
            "age_s": time.monotonic() - self._began,
            "opened": self.opened,
            "overflowed": self.overflowed,
            "in_flight": dict(islice(self.in_flight.items(), MOST_IN_FLIGHT)),
        }
        yield pack(first)
        changed = self.changed(most)
        while series := list(islice(changed, SERIES_A_FRAME)):
            yield pack({"op": "counts", "run": self._run, "series": series})

    async def ship(self, writer: asyncio.StreamWriter) -> None:
        """Send a reading each second until cancelled or the link is closed.

        The first tells everything, and the last what was counted since the one before. While the
        node has not taken what was sent before, nothing is sent: the next reading makes up for it.
        """
        self.forget_readings()
        transport = writer.transport
        try:
            while not transport.is_closing():
                await asyncio.sleep(PERIOD_S)
                if transport.get_write_buffer_size():
                    continue
                for frame in self.frames():
                    writer.write(frame)
                    await asyncio.sleep(0)  # requests come first
        finally:
            if not transport.is_closing():
                writer.writelines(self.frames(MOST_SERIES))
                await _until_sent(transport)


async def _until_sent(transport: asyncio.WriteTransport) -> None:
    """Wait until the other side has taken everything, `LAST_S` at most: the link is cut then."""
    loop = asyncio.get_running_loop()
    until = loop.time() + LAST_S
    while transport.get_write_buffer_size() and not transport.is_closing() and loop.time() < until:  # noqa: ASYNC110 - a transport announces nothing to whoever only writes
        await asyncio.sleep(_LOOK_S)
