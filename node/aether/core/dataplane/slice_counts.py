"""What the routers of one node counted for each slice since it was asked last: the sample of a second.

Counts come from each router in readings, once a second by a timer of its own. How long they were
counted is told with them, as the mean over the routers: whoever makes rates divides by that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aether.core.dataplane.route_counts import RouteKey, SeriesCounts, split_key
from aether.core.metrics.histogram import read_sparse
from aether.core.metrics.samples import SliceSample

MOST_COVERED_S = 5.0
"""What a router tells after a longer silence counts as if it had been counted in this time."""


@dataclass(slots=True)
class _Second:
    requests: int = 0
    errors: int = 0
    retries: int = 0
    ticks: int = 0
    buckets: dict[int, int] = field(default_factory=dict)


class SliceCounts:
    """Adds up what routers tell, by slice. `now` is seconds on a clock that only moves forward."""

    def __init__(self) -> None:
        self._slices: dict[str, _Second] = {}
        self._bases: dict[RouteKey, str] = {}
        self._told_at: dict[str, float] = {}
        self._covered: dict[str, float] = {}

    def told(self, run: str, now: float) -> None:
        """Note that a router begins a reading: it covers the time since the one before."""
        before = self._told_at.get(run)
        self._told_at[run] = now
        if before is not None:
            covered = min(now - before, MOST_COVERED_S)
            self._covered[run] = self._covered.get(run, 0.0) + covered

    def ended(self, run: str) -> None:
        """Note that a router has hung up."""
        self._told_at.pop(run, None)

    def add(self, counts: SeriesCounts) -> None:
        """Add what was counted of one series since it was read last."""
        base = self._base_of(counts.route)
        if not base:
            return  # what no route takes is nobody's load
        second = self._slices.get(base)
        if second is None:
            second = self._slices[base] = _Second()
        second.requests += sum(counts.statuses)
        second.errors += counts.statuses[0] + counts.statuses[5]
        second.retries += counts.retries
        second.ticks += counts.ticks
        buckets = second.buckets
        for bucket, count in read_sparse(counts.buckets):
            buckets[bucket] = buckets.get(bucket, 0) + count

    def take(self, in_flight: Mapping[RouteKey, int]) -> tuple[float, tuple[SliceSample, ...]]:
        """Return for how long was counted and what, since this was asked last; slices in order.

        Slices nothing is known of are left out.
        """
        flying: dict[str, int] = {}
        for route, count in in_flight.items():
            base = self._base_of(route)
            if base:
                flying[base] = flying.get(base, 0) + count
        routers = len(self._told_at.keys() | self._covered.keys())
        covered_s = sum(self._covered.values()) / routers if routers else 0.0
        found = tuple(
            _sample(base, self._slices.get(base, _NOTHING), flying.get(base, 0))
            for base in sorted(self._slices.keys() | flying.keys())
        )
        self._slices, self._covered = {}, {}
        return covered_s, found

    def _base_of(self, route: RouteKey) -> str:
        base = self._bases.get(route)
        if base is None:
            if len(self._bases) > _MOST_ROUTES:
                self._bases.clear()
            base = self._bases[route] = split_key(route)[1]
        return base


_NOTHING = _Second()
_MOST_ROUTES = 10_000


def _sample(base: str, second: _Second, in_flight: int) -> SliceSample:
    pairs: list[int] = []
    before = 0
    for bucket in sorted(second.buckets):
        pairs += (bucket - before, second.buckets[bucket])
        before = bucket
    return SliceSample(
        base, second.requests, second.errors, second.retries, second.ticks, tuple(pairs), in_flight
    )
