"""What people and monitoring ask of the counts: rates, errors and latencies of a window.

The same value travels between nodes: stats of several nodes are combined by adding, histograms
included, so a quantile over a cluster is as exact as that of one router.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from aether.core.dataplane.route_counts import (
    STATUS_CLASSES,
    Count,
    Name,
    RouteKey,
    split_key,
)
from aether.core.dataplane.traffic import Names, Tally, Window
from aether.core.metrics.histogram import BUCKETS, Histogram, from_sparse, to_sparse

MOST_ROWS = 8192
"""Series and routes read of one node: twice what a node keeps."""

Amount = Annotated[float, Meta(ge=0.0)]


class SeriesStats(msgspec.Struct, frozen=True, kw_only=True):
    """One series in the window; only `total` is of all time."""

    route: Name
    """Verb, host and pattern; `call` for calls between slices, empty for what no route takes."""
    slice: Name
    version: Name
    """Of the instance that answered or was asked last; empty when none was asked."""
    method: Name
    rate: Amount
    """Requests a second."""
    total: Count
    """Requests since the node began to count."""
    statuses: Annotated[
        tuple[Count, ...], Meta(min_length=STATUS_CLASSES, max_length=STATUS_CLASSES)
    ]
    """Requests by the first digit of their status; 0 is for those that got no whole answer."""
    retries: Count
    bytes_in: Count
    bytes_out: Count
    ticks: Count
    """Sum of all latencies, in half microseconds."""
    buckets: Annotated[tuple[Count, ...], Meta(max_length=2 * BUCKETS)]
    """Latencies as `histogram.to_sparse` writes them."""

    @property
    def names(self) -> tuple[str, str, str, str]:
        """What tells it from other series."""
        return self.route, self.slice, self.version, self.method

    @property
    def requests(self) -> int:
        """Requests that ended in the window."""
        return sum(self.statuses)

    @property
    def error_share(self) -> float:
        """Share of requests answered 5xx or not to the end, 0 to 1."""
        return (self.statuses[0] + self.statuses[5]) / max(self.requests, 1)

    def latencies(self) -> Histogram:
        """Return the histogram; raise ValueError when it is none."""
        return Histogram(from_sparse(self.buckets), self.ticks)


class RouteInFlight(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of one route that are being answered, of all versions and methods."""

    route: Name
    slice: Name
    requests: Count


class TrafficStats(msgspec.Struct, frozen=True, kw_only=True):
    """What the routers of some nodes counted, in order of names."""

    window_s: Amount
    """How far back it reaches; less than asked for when counting began only then."""
    overflowed: Count
    """Requests counted under no name of their own, for there were too many."""
    in_flight: Annotated[tuple[RouteInFlight, ...], Meta(max_length=MOST_ROWS)]
    series: Annotated[tuple[SeriesStats, ...], Meta(max_length=MOST_ROWS)]


def stats_of(
    window: Window,
    totals: Mapping[Names, int],
    in_flight: Mapping[RouteKey, int],
    overflowed: int,
) -> TrafficStats:
    """Return the stats of one node: every series there ever was, with what the window has of it."""
    series = [
        _series(names, window.tallies.get(names, _NOTHING), totals.get(names, 0), window.seconds)
        for names in {**totals, **window.tallies}
    ]
    return TrafficStats(
        window_s=window.seconds,
        overflowed=overflowed,
        in_flight=_in_flight((*split_key(key), count) for key, count in in_flight.items()),
        series=tuple(sorted(series, key=lambda one: one.names)),
    )


def combine(stats: Sequence[TrafficStats]) -> TrafficStats:
    """Return the stats of several nodes as one; raise ValueError for a histogram that is none."""
    found: dict[tuple[str, str, str, str], list[SeriesStats]] = {}
    for one in stats:
        for series in one.series:
            found.setdefault(series.names, []).append(series)
    return TrafficStats(
        window_s=max((one.window_s for one in stats), default=0.0),
        overflowed=sum(one.overflowed for one in stats),
        in_flight=_in_flight(
            (row.route, row.slice, row.requests) for one in stats for row in one.in_flight
        ),
        series=tuple(_sum(found[names]) for names in sorted(found)),
    )


_NOTHING = Tally()


def _series(names: Names, tally: Tally, total: int, seconds: float) -> SeriesStats:
    route, slice_base = split_key(names[0])
    return SeriesStats(
        route=route,
        slice=slice_base,
        version=names[1],
        method=names[2],
        rate=tally.requests / seconds,
        total=total,
        statuses=tuple(tally.statuses),
        retries=tally.retries,
        bytes_in=tally.bytes_in,
        bytes_out=tally.bytes_out,
        ticks=tally.latencies.ticks,
        buckets=tuple(to_sparse(tally.latencies.counts)),
    )


def _sum(series: Sequence[SeriesStats]) -> SeriesStats:
    first = series[0]
    latencies = Histogram()
    for one in series:
        latencies.merge(one.latencies())
    return SeriesStats(
        route=first.route,
        slice=first.slice,
        version=first.version,
        method=first.method,
        rate=sum(one.rate for one in series),
        total=sum(one.total for one in series),
        statuses=tuple(map(sum, zip(*(one.statuses for one in series), strict=True))),
        retries=sum(one.retries for one in series),
        bytes_in=sum(one.bytes_in for one in series),
        bytes_out=sum(one.bytes_out for one in series),
        ticks=latencies.ticks,
        buckets=tuple(to_sparse(latencies.counts)),
    )


def _in_flight(counts: Iterable[tuple[str, str, int]]) -> tuple[RouteInFlight, ...]:
    found: dict[tuple[str, str], int] = {}
    for route, slice_base, requests in counts:
        found[route, slice_base] = found.get((route, slice_base), 0) + requests
    return tuple(
        RouteInFlight(route=names[0], slice=names[1], requests=found[names])
        for names in sorted(found)
    )
