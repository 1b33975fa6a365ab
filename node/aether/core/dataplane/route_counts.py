"""What a router counts: one series for each route, slice, version and method.

Rules for this file. Counts only grow: whoever reads them can miss any number of readings and lose
nothing. A request is counted once, by the router it came to first; a router that hands it to one
of its instances for a peer does not count it again. Names come from the table and from a fixed set
of methods, never from a client. There are at most `MOST_SERIES`: when one more is needed the one
nothing was counted in for longest gives way if that is `IDLE_READINGS` readings ago, else the
request counts in `OVERFLOW`.

A route is named by a `RouteKey`: `GET example.org/orders/{id} shop:orders`, the verb, host and
pattern, and the slice. It is text so that it means the same under the next table.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from aether.core.metrics.histogram import BUCKETS, MOST_COUNT, TICKS_PER_S, to_sparse
from aether.core.metrics.slow_calls import SlowRule, Usual, slow_after_s

MOST_SERIES = 2048
IDLE_READINGS = 120
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "other"
"""Stands for every method that is not one of `METHODS`."""
STATUS_CLASSES = 6
"""Statuses are counted by their first digit; 0 is a request whose answer was cut short, or never came."""

RouteKey = str

NO_ROUTE: RouteKey = " "
"""Requests no route takes."""
OVERFLOW: RouteKey = "overflow "
"""Requests for which there was no series left."""
_CALL = "call"

_LONGEST_TICKS = 1 << 28
_MOST_NAME_CHARS = 2048

Count = Annotated[int, Meta(ge=0, le=MOST_COUNT)]
Name = Annotated[str, Meta(max_length=_MOST_NAME_CHARS)]


def route_key(method: str, host: str, pattern: str, slice_base: str) -> RouteKey:
    """Return what a route's requests are counted under; none of the four holds a space."""
    return f"{method} {host}{pattern} {slice_base}"


def call_key(slice_base: str) -> RouteKey:
    """Return what the calls from other slices to a slice are counted under."""
    return f"{_CALL} {slice_base}"


def split_key(key: RouteKey) -> tuple[str, str]:
    """Return the route and the slice a key stands for; both are empty for `NO_ROUTE`."""
    route, _, slice_base = key.rpartition(" ")
    return route, slice_base


class SeriesCounts(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """All that was counted of one series since it began, as it travels to the node."""

    number: Count
    """Tells it from any other series its router ever had, one under the same names included."""
    route: Name
    version: Name
    method: Name
    statuses: Annotated[
        tuple[Count, ...], Meta(min_length=STATUS_CLASSES, max_length=STATUS_CLASSES)
    ]
    """Requests by the first digit of their status, from 0 to 5."""
    retries: Count
    bytes_in: Count
    bytes_out: Count
    ticks: Count
    """Sum of all latencies, in half microseconds."""
    buckets: Annotated[tuple[Count, ...], Meta(max_length=2 * BUCKETS)]
    """Latencies as `histogram.to_sparse` writes them."""


class _Series:
    """The counts of one series, as they grow."""

    __slots__ = (
        "buckets",
        "bytes_in",
        "bytes_out",
        "learned",
        "names",
        "number",
        "read",
        "read_at",
        "requests",
        "retries",
        "slow_s",
        "statuses",
        "ticks",
        "usual",
    )

    def __init__(self, number: int, names: tuple[RouteKey, str, str], reading: int) -> None:
        self.number = number
        self.names = names
        self.requests = 0
        self.statuses = [0] * STATUS_CLASSES
        self.retries = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.ticks = 0
        self.buckets = [0] * BUCKETS
        self.read = 0
        """`requests` when it was read last."""
        self.read_at = reading
        self.usual = Usual()
        self.learned = (0, 0)
        """`requests` and `ticks` that `usual` was made of."""
        self.slow_s = 0.0

    def learn(self, rule: SlowRule) -> None:
        """Find out anew from how many seconds on a request is slow."""
        requests, ticks = self.learned
        self.learned = (self.requests, self.ticks)
        self.usual.learn(self.requests - requests, (self.ticks - ticks) / TICKS_PER_S)
        self.slow_s = slow_after_s(rule, self.names[0], self.usual)

    def counts(self) -> SeriesCounts:
        route, version, method = self.names
        return SeriesCounts(
            self.number,
            route,
            version,
            method,
            tuple(self.statuses),
            self.retries,
            self.bytes_in,
            self.bytes_out,
            self.ticks,
            tuple(to_sparse(self.buckets)),
        )


class RouteCounts:
    """Counts requests as they begin and end. One owner, no locks."""

    def __init__(self, most_series: int = MOST_SERIES) -> None:
        self._most = most_series
        self._series: dict[tuple[RouteKey, str, str], _Series] = {}
        self._in_flight: dict[RouteKey, int] = {}
        self._opened = 0
        self._readings = 0
        self._full_at = -1
        """The reading since which it is known that no series can give way."""
        self._rule = SlowRule()
        self.overflowed = 0
        """Requests counted in `OVERFLOW` for want of a series of their own."""

    def began(self, key: RouteKey) -> None:
        """Count a request that is forwarded from now on; `ended` must follow once."""
        flying = self._in_flight
        flying[key] = flying.get(key, 0) + 1

    def ended(  # noqa: PLR0913, PLR0917 - one call on the hot path: a value to carry them costs more
        self,
        key: RouteKey,
        version: str,
        method: str,
        status: int,
        seconds: float,
        bytes_in: int,
        bytes_out: int,
        retries: int,
    ) -> bool:
        """Count the end of a request that `began` under the same key; return whether it was slow.

        `status` is what the client got, 0 when the answer was cut short, 499 when it left before; `version` that of the
        instance which answered or was asked last, empty when none was. Bytes are those of bodies.
        """
        flying = self._in_flight
        flying[key] = flying.get(key, 1) - 1
        series = self._series.get((key, version, method)) or self._other(key, version, method)
        series.requests += 1
        series.statuses[status // 100 if status < 600 else 5] += 1
        if bytes_in:
            series.bytes_in += bytes_in
        series.bytes_out += bytes_out
        if retries:
            series.retries += retries
        # histogram.bucket_of_ticks, written out: a call costs as much as the arithmetic.
        ticks = int(seconds * TICKS_PER_S)
        series.ticks += ticks
        if 16 <= ticks < _LONGEST_TICKS:
            shift = ticks.bit_length() - 5
            series.buckets[(shift << 4) + (ticks >> shift) - 16] += 1
        else:
            series.buckets[0 if ticks < 16 else BUCKETS - 1] += 1
        return seconds >= series.slow_s

    def judge_by(self, rule: SlowRule) -> None:
        """Tell slow requests by another rule from now on."""
        self._rule = rule
        for series in self._series.values():
            series.slow_s = slow_after_s(rule, series.names[0], series.usual)

    def slow_after_s(self, key: RouteKey, version: str, method: str) -> float:
        """Return from how many seconds on a request counted under these names is slow."""
        series = self._series.get((key, version, method))
        return series.slow_s if series is not None else slow_after_s(self._rule, key, Usual())

    def answered(self, key: RouteKey, method: str, status: int) -> None:
        """Count a request the router answered itself, before there was anything to begin.

        It has no latency: there was nothing to wait for.
        """
        series = self._series.get((key, "", method)) or self._other(key, "", method)
        series.requests += 1
        series.statuses[status // 100] += 1

    def _other(self, key: RouteKey, version: str, method: str) -> _Series:
        """Return the series of a request that has none under its very names."""
        names = (key, version, method if method in METHODS else OTHER_METHOD)
        series = self._series.get(names)
        if series is not None:
            return series
        if len(self._series) >= self._most and not self._evict():
            self.overflowed += 1
            names = (OVERFLOW, "", OTHER_METHOD)
            series = self._series.get(names)
            if series is not None:
                return series
        self._opened += 1
        series = self._series[names] = _Series(self._opened, names, self._readings)
        series.learn(self._rule)
        return series

    def _evict(self) -> bool:
        """Give up the series nothing was counted in for longest, if that is long enough ago."""
        if self._full_at == self._readings:
            return False
        oldest = min(self._series.values(), key=lambda series: (series.read_at, series.number))
        if oldest.read != oldest.requests or self._readings - oldest.read_at < IDLE_READINGS:
            self._full_at = self._readings
            return False
        del self._series[oldest.names]
        return True

    @property
    def opened(self) -> int:
        """Number of the series that was opened last."""
        return self._opened

    @property
    def in_flight(self) -> Mapping[RouteKey, int]:
        """Requests that have begun and not ended, by route; routes without any are left out."""
        return {key: count for key, count in self._in_flight.items() if count > 0}

    def changed(self, most: int) -> Iterator[SeriesCounts]:
        """Make a reading: yield the series something was counted in since they were read last.

        At most `most` of them, those first that were read longest ago; the rest are left for the
        next reading. A series counts as read when it is yielded. A reading is made each second:
        `IDLE_READINGS` count them.
        """
        self._readings += 1
        self._in_flight = dict(self.in_flight)  # routes that are gone do not stay
        found = [series for series in self._series.values() if series.read != series.requests]
        if len(found) > most:
            found.sort(key=lambda series: (series.read_at, series.number))
            del found[most:]
        for series in found:
            series.read = series.requests
            series.read_at = self._readings
            series.learn(self._rule)
            yield series.counts()

    def forget_readings(self) -> None:
        """Have the next reading give every series: whoever reads from now on knows none."""
        for series in self._series.values():
            series.read = 0
