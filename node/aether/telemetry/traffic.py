"""What the routers of this node count, as the node hears it."""

import msgspec

from aether.core.dataplane.route_counts import RouteKey
from aether.core.dataplane.traffic import Names, Reading, Tally, Traffic, Window
from aether.ports import Clock


class NodeTraffic:
    """Takes the readings of this node's routers and answers what they add up to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._traffic = Traffic(clock.now())

    def take(self, message: object) -> str:
        """Add a `counts` message of a router; return the run of the router that sent it.

        Raises ValueError when it is none or contradicts itself.
        """
        reading = msgspec.convert(message, Reading)
        self._traffic.take(reading, self._clock.now())
        return reading.run

    def ended(self, run: str) -> None:
        """Note that a router has hung up."""
        self._traffic.ended(run)

    def window(self, seconds: float) -> Window:
        """Return what was counted in the last seconds, 120 at most."""
        return self._traffic.window(seconds, self._clock.now())

    @property
    def totals(self) -> "dict[Names, Tally]":
        """What was counted under each name since it was first heard of."""
        return dict(self._traffic.totals)

    @property
    def in_flight(self) -> "dict[RouteKey, int]":
        """Requests being answered, by route."""
        return dict(self._traffic.in_flight)

    @property
    def overflowed(self) -> int:
        """Requests counted under no name of their own, for there were too many."""
        return self._traffic.overflowed
