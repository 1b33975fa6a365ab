"""Laws of counting: whatever is lost, repeated or restarted between, no request counts twice or never."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from aether.core.dataplane.route_counts import (
    OTHER_METHOD,
    OVERFLOW,
    RouteCounts,
    call_key,
    route_key,
    split_key,
)
from aether.core.dataplane.traffic import Reading, Traffic
from aether.core.dataplane.traffic_stats import TrafficStats, combine, stats_of

KEYS = (
    route_key("GET", "", "/a", "g:a"),
    route_key("*", "x.org", "/{*rest}", "g:b"),
    call_key("g:a"),
)
VERSIONS = ("1", "2", "")
METHODS = ("GET", "POST", "BREW")


@dataclass(frozen=True)
class Request:
    router: int
    key: str
    version: str
    method: str
    status: int
    seconds: float


requests = st.builds(
    Request,
    router=st.integers(0, 1),
    key=st.sampled_from(KEYS),
    version=st.sampled_from(VERSIONS),
    method=st.sampled_from(METHODS),
    status=st.sampled_from([0, 101, 200, 304, 404, 503]),
    seconds=st.floats(min_value=0.0, max_value=200.0),
)
TAKE, LOSE, RELINK, NODE_RESTARTS = "take", "lose", "relink", "node restarts"
scripts = st.lists(requests | st.sampled_from([TAKE, LOSE, RELINK, NODE_RESTARTS]), max_size=60)


def count(counts: RouteCounts, request: Request) -> None:
    counts.began(request.key)
    counts.ended(
        request.key,
        request.version,
        request.method,
        request.status,
        request.seconds,
        bytes_in=1,
        bytes_out=2,
        retries=1,
    )


def read(counts: RouteCounts, run: str, now: float, most: int) -> Reading:
    series = tuple(counts.changed(most))
    return Reading(
        run=run,
        series=series,
        age_s=now,
        opened=counts.opened,
        overflowed=counts.overflowed,
        in_flight=dict(counts.in_flight),
    )


def played(script: list[Request | str], most: int) -> tuple[Traffic, float]:
    """Return a node after the script, and after a last reading of all; `most` series a reading."""
    routers = (RouteCounts(), RouteCounts())
    traffic, now = Traffic(0.0), 0.0
    for event in script:
        now += 1.0
        match event:
            case Request():
                count(routers[event.router], event)
            case "take" | "lose":
                readings = [read(one, f"{run}", now, most) for run, one in enumerate(routers)]
                for reading in readings if event == TAKE else ():
                    traffic.take(reading, now)
            case "relink":
                routers[0].forget_readings()
            case _:
                traffic = Traffic(now)
                for router in routers:
                    router.forget_readings()
    now += 1.0
    for run, router in enumerate(routers):
        router.forget_readings()
        traffic.take(read(router, f"{run}", now, 1000), now)
    return traffic, now


@given(scripts, st.integers(1, 5))
def test_totals_are_exact_whatever_happened_to_readings_and_nodes(
    script: list[Request | str], most: int
) -> None:
    traffic, _ = played(script, most)
    sent = [event for event in script if isinstance(event, Request)]
    expected = Counter(
        (one.key, one.version, one.method if one.method in ("GET", "POST") else OTHER_METHOD)
        for one in sent
    )
    assert {names: tally.requests for names, tally in traffic.totals.items()} == expected
    for names, tally in traffic.totals.items():
        assert tally.latencies.count == tally.retries == tally.bytes_in == expected[names]
    assert traffic.in_flight == {}


@given(scripts, st.integers(1, 5), st.floats(min_value=1.0, max_value=200.0))
def test_no_window_holds_more_than_there_ever_was(
    script: list[Request | str], most: int, seconds: float
) -> None:
    traffic, now = played(script, most)
    window = traffic.window(seconds, now)
    totals = traffic.totals
    for names, tally in window.tallies.items():
        assert all(
            recent <= ever
            for recent, ever in zip(tally.statuses, totals[names].statuses, strict=True)
        )
        assert tally.latencies.count == tally.requests
    assert 1.0 <= window.seconds <= max(seconds, 1.0)


@given(st.lists(requests, max_size=40), st.integers(1, 4))
def test_every_request_counts_once_however_few_series_there_are(
    sent: list[Request], most_series: int
) -> None:
    counts = RouteCounts(most_series)
    for request in sent:
        count(counts, request)
    found = list(counts.changed(1000))
    assert sum(sum(series.statuses) for series in found) == len(sent)
    assert len(found) <= most_series + 1
    assert counts.overflowed == sum(
        sum(series.statuses) for series in found if series.route == OVERFLOW
    )
    assert counts.in_flight == {}


def stats(sent: list[Request]) -> TrafficStats:
    counts, traffic = RouteCounts(), Traffic(0.0)
    for request in sent:
        count(counts, request)
    traffic.take(read(counts, "r", 1.0, 1000), 1.0)
    totals = {names: tally.requests for names, tally in traffic.totals.items()}
    return stats_of(traffic.window(10.0, 2.0), totals, traffic.in_flight, traffic.overflowed)


@given(
    st.lists(requests, max_size=15),
    st.lists(requests, max_size=15),
    st.lists(requests, max_size=15),
)
def test_stats_of_nodes_combine_in_any_order_and_grouping(
    a: list[Request], b: list[Request], c: list[Request]
) -> None:
    one, two, three = stats(a), stats(b), stats(c)
    whole = combine([one, two, three])
    assert [row.names for row in whole.series] == sorted(row.names for row in whole.series)
    for other in (combine([three, one, two]), combine([combine([one, two]), three])):
        for left, right in zip(whole.series, other.series, strict=True):
            assert (left.names, left.total, left.buckets) == (
                right.names,
                right.total,
                right.buckets,
            )
            assert abs(left.rate - right.rate) < 1e-9
    everything = stats(a + b + c)
    assert [(row.names, row.total, row.statuses, row.buckets) for row in whole.series] == [
        (row.names, row.total, row.statuses, row.buckets) for row in everything.series
    ]


@given(
    st.sampled_from(["GET", "*"]),
    st.sampled_from(["", "x.org", "*.x.org"]),
    st.sampled_from(["/", "/{a}"]),
)
def test_a_key_says_which_route_and_which_slice(method: str, host: str, pattern: str) -> None:
    assert split_key(route_key(method, host, pattern, "g:n")) == (
        f"{method} {host}{pattern}",
        "g:n",
    )
