"""What the routers of this node count, as the node hears it."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from aether.core.dataplane.route_counts import RouteKey
from aether.core.dataplane.slow_calls import SlowCall
from aether.core.dataplane.traffic import Names, Reading, Tally, Traffic
from aether.core.dataplane.traffic_stats import TrafficStats, stats_of
from aether.core.metrics.samples import SliceSample
from aether.ports import Clock


class NodeTraffic:
    """Takes the readings of this node's routers and answers what they add up to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._traffic = Traffic(clock.now())
        self._turn = asyncio.Lock()

    def take(self, message: object) -> str:
        """Add a `counts` message of a router; return the run of the router that sent it.

        Raises ValueError when it is none or contradicts itself.
        """
        reading = msgspec.convert(message, Reading)
        self._traffic.take(reading, self._clock.now())
        return reading.run

    def by_slice(self) -> tuple[float, tuple[SliceSample, ...]]:
        """Return for how long the routers counted and what, by slice, since this was asked last."""
        return self._traffic.by_slice.take(self._traffic.in_flight)

    @property
    def slow_total(self) -> int:
        """Slow calls the routers told of; it only grows."""
        return self._traffic.slow.total

    def slow_calls(self) -> list[SlowCall]:
        """Return the last slow calls of each route, version and method, the newest first."""
        return list(self._traffic.slow.newest_first())

    def ended(self, run: str) -> None:
        """Note that a router has hung up."""
        self._traffic.ended(run)

    @property
    def totals(self) -> dict[Names, Tally]:
        """What was counted under each name since it was first heard of; it only grows."""
        return dict(self._traffic.totals)

    @property
    def in_flight(self) -> Mapping[RouteKey, int]:
        """Requests being answered, by route; routes without any are left out."""
        return self._traffic.in_flight

    @property
    def overflowed(self) -> int:
        """Requests the routers counted under no name of their own; it only grows."""
        return self._traffic.overflowed

    def stats(self, window_s: float) -> TrafficStats:
        """Return what was counted in the last seconds, 120 at most."""
        return self._question(window_s)()

    async def stats_aside(self, window_s: float) -> TrafficStats:
        """Return the same, added up in a thread, one asker after the other.

        Two busy minutes of a large node are a second of work.
        """
        async with self._turn:
            return await asyncio.to_thread(self._question(window_s))

    def _question(self, window_s: float) -> Callable[[], TrafficStats]:
        """Return what makes the stats of this moment, whenever it is called."""
        traffic = self._traffic
        recent = traffic.recent(window_s, self._clock.now())
        totals = {names: tally.requests for names, tally in traffic.totals.items()}
        in_flight, overflowed = traffic.in_flight, traffic.overflowed
        return lambda: stats_of(recent.window(), totals, in_flight, overflowed)
