"""What the routers of one node counted, put together: all of it, and the last two minutes.

Each router process sends what it counted since it began; here that becomes differences, which are
added up under the names of the series, whichever process counted them. Differences of the last
`WINDOW_S` are kept one by one, so that rates and latencies can be told for any part of that time.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from msgspec import Meta

from aether.core.dataplane.route_counts import (
    OTHER_METHOD,
    OVERFLOW,
    STATUS_CLASSES,
    Count,
    Name,
    RouteKey,
    SeriesCounts,
)
from aether.core.dataplane.slice_counts import SliceCounts
from aether.core.dataplane.slow_calls import MOST_A_READING, SlowCall, SlowCalls
from aether.core.metrics.histogram import Histogram, from_sparse, sparse_difference

WINDOW_S = 120.0
MOST_DIFFERENCES = 100_000
"""Of 200 bytes each, as a rule; when there are more the oldest go, and the window is shorter."""
MOST_SERIES = 4096
MOST_RUNS = 128
"""Router processes remembered; a node has a few at a time."""
NEW_RUN_S = 5.0
"""A run heard of for the first time at this age or below counts in the window with all it has."""

Names = tuple[RouteKey, str, str]
"""Route, version and method."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a router. The first of a second has all fields, those that follow only two."""

    run: Annotated[str, Meta(min_length=1, max_length=64)]
    """Names one life of one router process."""
    series: Annotated[tuple[SeriesCounts, ...], Meta(max_length=1024)] = ()
    age_s: float | None = None
    """How long the process has run, in seconds."""
    opened: Count = 0
    """Number of the series it opened last."""
    overflowed: Count | None = None
    in_flight: Annotated[dict[Name, Count], Meta(max_length=2048)] | None = None
    slow: Annotated[tuple[SlowCall, ...], Meta(max_length=MOST_A_READING)] = ()
    """Slow calls since the reading before."""


@dataclass(slots=True)
class Tally:
    """The sum of what was counted under one name."""

    statuses: list[int] = field(default_factory=lambda: [0] * STATUS_CLASSES)
    retries: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    latencies: Histogram = field(default_factory=Histogram)

    @property
    def requests(self) -> int:
        """Requests that ended."""
        return sum(self.statuses)

    def add(self, counts: SeriesCounts) -> None:
        """Add one series, or what was counted in it meanwhile."""
        self.statuses = [
            mine + its for mine, its in zip(self.statuses, counts.statuses, strict=True)
        ]
        self.retries += counts.retries
        self.bytes_in += counts.bytes_in
        self.bytes_out += counts.bytes_out
        bucket = 0
        buckets, pairs = self.latencies.counts, counts.buckets
        for place in range(0, len(pairs), 2):
            bucket += pairs[place]
            buckets[bucket] += pairs[place + 1]
        self.latencies.ticks += counts.ticks


@dataclass(slots=True)
class _Run:
    """What one router process said last."""

    floor: int
    """Series up to this number began before it was heard of: when is not known."""
    series: dict[int, SeriesCounts] = field(default_factory=dict)
    in_flight: Mapping[RouteKey, int] = field(default_factory=dict)
    overflowed: int = 0

    def remember(self, counts: SeriesCounts) -> None:
        """Keep what a series was at; when there are too many, the one heard of longest ago goes.

        A router has fewer at a time, and gives up the oldest first: what goes is one it has not.
        """
        self.series.pop(counts.number, None)
        self.series[counts.number] = counts
        if len(self.series) > MOST_SERIES:
            del self.series[next(iter(self.series))]


@dataclass(slots=True)
class _Total:
    """All that was ever counted under one name, and when the last of it came."""

    tally: Tally
    heard_at: float


@dataclass(frozen=True, slots=True)
class Window:
    """What was counted in the last seconds."""

    seconds: float
    """How long that was: less than asked for when counting began only then."""
    tallies: Mapping[Names, Tally]


@dataclass(frozen=True, slots=True)
class Differences:
    """What a window is added up from; it shares nothing that changes, so any thread may do it."""

    seconds: float
    encoded: Sequence[bytes]

    def window(self) -> Window:
        """Add them up."""
        decoder = msgspec.msgpack.Decoder(SeriesCounts)
        tallies: dict[Names, Tally] = {}
        for one in self.encoded:
            counts = decoder.decode(one)
            tallies.setdefault((counts.route, counts.version, counts.method), Tally()).add(counts)
        return Window(self.seconds, tallies)


class Traffic:
    """The counts of one node's routers. `now` is seconds on a clock that only moves forward."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._runs: dict[str, _Run] = {}
        self._totals: dict[Names, _Total] = {}
        self._recent: deque[tuple[float, bytes]] = deque()
        self._encoder = msgspec.msgpack.Encoder()
        self._overflowed = 0
        self.by_slice = SliceCounts()
        """What was counted for each slice since that was asked last."""
        self.slow = SlowCalls()

    def take(self, reading: Reading, now: float) -> None:
        """Add a reading; raise ValueError when it contradicts itself or what came before.

        Of a reading that is refused the series before the faulty one have been added.
        """
        run = self._run(reading)
        if reading.in_flight is not None:
            run.in_flight = reading.in_flight
            self.by_slice.told(reading.run, now)
        for call in reading.slow:
            self.slow.take(call)
        if reading.overflowed is not None:
            self._overflowed += max(reading.overflowed - run.overflowed, 0)
            run.overflowed = reading.overflowed
        for counts in reading.series:
            before = run.series.get(counts.number)
            difference = _checked(counts) if before is None else _difference(before, counts)
            run.remember(counts)
            if difference is not None:
                self._add(
                    difference, now, is_recent=before is not None or counts.number > run.floor
                )
        self._drop_old(now)

    def _run(self, reading: Reading) -> _Run:
        """Return the run of a reading, moved to the end of those remembered."""
        run = self._runs.pop(reading.run, None)
        if run is None:
            is_new = reading.age_s is not None and reading.age_s <= NEW_RUN_S
            run = _Run(0 if is_new else reading.opened)
            if len(self._runs) >= MOST_RUNS:
                del self._runs[next(iter(self._runs))]
        self._runs[reading.run] = run
        return run

    def ended(self, run: str) -> None:
        """Note that a router hangs up: nothing of it is known to be in flight any more."""
        if run in self._runs:
            self._runs[run].in_flight = {}
        self.by_slice.ended(run)

    def _add(self, counts: SeriesCounts, now: float, *, is_recent: bool) -> None:
        names = (counts.route, counts.version, counts.method)
        total = self._totals.get(names)
        if total is None:
            if len(self._totals) >= MOST_SERIES and not self._evict(now):
                names = (OVERFLOW, "", OTHER_METHOD)
            total = self._totals.setdefault(names, _Total(Tally(), now))
        total.tally.add(counts)
        total.heard_at = now
        if is_recent:
            self.by_slice.add(counts)
            self._recent.append((now, self._encoder.encode(counts)))

    def _evict(self, now: float) -> bool:
        """Forget the name nothing was counted under for longest, if that is out of the window."""
        names = min(self._totals, key=lambda names: (self._totals[names].heard_at, names))
        if now - self._totals[names].heard_at <= WINDOW_S:
            return False
        del self._totals[names]
        return True

    def _drop_old(self, now: float) -> None:
        recent = self._recent
        while recent and (recent[0][0] <= now - WINDOW_S or len(recent) > MOST_DIFFERENCES):
            if recent[0][0] > now - WINDOW_S:
                self._since = recent[0][0]  # what is left does not reach back further
            recent.popleft()

    @property
    def totals(self) -> Mapping[Names, Tally]:
        """What was counted under each name since it was first heard of."""
        return {names: total.tally for names, total in self._totals.items()}

    @property
    def overflowed(self) -> int:
        """Requests the routers counted under no name of their own."""
        return self._overflowed

    @property
    def in_flight(self) -> Mapping[RouteKey, int]:
        """Requests being answered, by route; routes without any are left out."""
        found: dict[RouteKey, int] = {}
        for run in self._runs.values():
            for route, count in run.in_flight.items():
                found[route] = found.get(route, 0) + count
        return found

    def recent(self, seconds: float, now: float) -> Differences:
        """Return what came in the last `seconds`, `WINDOW_S` at most."""
        asked = min(seconds, WINDOW_S)
        found: list[bytes] = []
        for heard_at, encoded in reversed(self._recent):
            if heard_at <= now - asked:
                break
            found.append(encoded)
        return Differences(max(min(asked, now - self._since), 1.0), found)

    def window(self, seconds: float, now: float) -> Window:
        """Return the sums of what came in the last `seconds`, `WINDOW_S` at most."""
        return self.recent(seconds, now).window()


def _checked(counts: SeriesCounts) -> SeriesCounts:
    """Return a series heard of for the first time; raise ValueError when it is none."""
    from_sparse(counts.buckets)
    return counts


def _difference(before: SeriesCounts, after: SeriesCounts) -> SeriesCounts | None:
    """Return what was counted between two readings of one series, None when nothing was."""
    if after == before:
        return None
    if (before.route, before.version, before.method) != (after.route, after.version, after.method):
        raise ValueError(f"series {after.number} was {before.route!r} and is {after.route!r}")
    sums = _grown(
        (before.retries, before.bytes_in, before.bytes_out, before.ticks),
        (after.retries, after.bytes_in, after.bytes_out, after.ticks),
    )
    return SeriesCounts(
        number=after.number,
        route=after.route,
        version=after.version,
        method=after.method,
        statuses=tuple(_grown(before.statuses, after.statuses)),
        retries=sums[0],
        bytes_in=sums[1],
        bytes_out=sums[2],
        ticks=sums[3],
        buckets=tuple(sparse_difference(before.buckets, after.buckets)),
    )


def _grown(before: Sequence[int], after: Sequence[int]) -> list[int]:
    """Return by how much each count grew; raise ValueError when one shrank."""
    grown = [new - old for old, new in zip(before, after, strict=True)]
    if min(grown) < 0:
        raise ValueError(f"a count went back by {-min(grown)}")
    return grown
