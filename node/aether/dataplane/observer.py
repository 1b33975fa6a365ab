"""What one router process counts, and how that reaches its node: one reading a second.

A reading goes out as frames `{"op": "counts", …}` on the table link. Counts are those since the
start of the process, so a frame that is not sent, or a node that restarts, loses nothing.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

import msgspec
import structlog

from aether.core.dataplane.route_counts import MOST_SERIES, RouteCounts, RouteKey
from aether.core.dataplane.slow_calls import MOST_A_READING, SlowCall
from aether.core.dataplane.table import Endpoint
from aether.core.metrics.slow_calls import SlowRule
from aether.frames import pack

log = structlog.get_logger()

PERIOD_S = 1.0
LAST_S = 0.5
"""Longest wait of a router that stops for its node to take the last reading."""
MOST_SERIES_A_READING = 512
SERIES_A_FRAME = 64
"""Packing a frame of so many takes about a millisecond, in which no request is served."""
SWITCHED = 101
"""Status of a connection that goes on in another protocol."""
_LOOK_S = 0.005
MOST_IN_FLIGHT = 1024
"""Routes whose requests in flight are told."""


class Finished(Protocol):
    """A request that has ended; `dataplane.exchange.Exchange` is one."""

    status: int

    @property
    def endpoint(self) -> Endpoint | None:
        """The instance that answered, or was asked last."""
        ...

    @property
    def trace_id(self) -> str:
        """The trace of the request."""
        ...


class Observer(RouteCounts):
    """The counts of one router process; `began` and `ended` are called for every request."""

    def __init__(self) -> None:
        super().__init__()
        self._run = secrets.token_hex(8)
        self._began = time.monotonic()
        self._slow: deque[SlowCall] = deque(maxlen=MOST_A_READING)

    def was_slow(self, call: "Finished", key: RouteKey, method: str, seconds: float) -> None:
        """Remember a call that `ended` found slow, until the next reading.

        A connection that changed its protocol is no call: it lasts as long as its ends want it to.
        """
        if call.status == SWITCHED:
            return
        instance = call.endpoint.instance if call.endpoint is not None else None
        version = instance.version if instance is not None else ""
        self._slow.append(
            SlowCall(
                at_ms=int(time.time() * 1000),
                route=key,
                version=version,
                method=method,
                status=call.status,
                seconds=seconds,
                slow_after_s=self.slow_after_s(key, version, method),
                trace=call.trace_id,
                instance=str(instance or ""),
            )
        )

    def take(self, message: object) -> bool:
        """Act on a message of the node about slow calls; False when it is about something else."""
        match message:
            case {"op": "slow_calls", "rule": rule}:
                try:
                    self.judge_by(msgspec.convert(rule, SlowRule))
                except msgspec.ValidationError as problem:
                    log.warning("rule of slow calls refused", problem=str(problem))
                return True
        return False

    def frames(self, most: int = MOST_SERIES_A_READING) -> Iterator[bytes]:
        """Make a reading of `most` series and yield it packed, in one frame at least."""
        first: dict[str, object] = {
            "op": "counts",
            "run": self._run,
            "age_s": time.monotonic() - self._began,
            "opened": self.opened,
            "overflowed": self.overflowed,
            "in_flight": dict(islice(self.in_flight.items(), MOST_IN_FLIGHT)),
        }
        if self._slow:
            first["slow"] = list(self._slow)
            self._slow.clear()
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
