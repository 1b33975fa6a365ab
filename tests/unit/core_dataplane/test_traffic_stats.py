"""What is asked of the counts: rates, shares of errors, quantiles, over one node and several."""

import msgspec
import pytest

from aether.core.dataplane.route_counts import SeriesCounts, call_key, route_key
from aether.core.dataplane.traffic import Tally, Window
from aether.core.dataplane.traffic_stats import SeriesStats, TrafficStats, combine, stats_of

KEY = route_key("GET", "", "/a", "g:a")
NAMES = (KEY, "1", "GET")


def tally(*statuses: int, buckets: tuple[int, ...] = ()) -> Tally:
    made = Tally()
    made.add(SeriesCounts(1, *NAMES, statuses, 2, 3, 4, 5, buckets))
    return made


def node(requests: int = 10, seconds: float = 10.0, in_flight: int = 0) -> TrafficStats:
    counted = tally(1, 0, requests, 0, 0, 1, buckets=(16, requests + 2))
    return stats_of(Window(seconds, {NAMES: counted}), {NAMES: 99}, {KEY: in_flight}, 7)


def test_a_series_has_a_rate_and_a_share_of_errors() -> None:
    (series,) = node(18).series
    assert series.names == ("GET /a", "g:a", "1", "GET")
    assert (series.requests, series.rate, series.total) == (20, 2.0, 99)
    assert series.error_share == 0.1
    assert series.latencies().quantile(0.5) == pytest.approx(16.5e-6)
    assert (series.retries, series.bytes_in, series.bytes_out) == (2, 3, 4)


def test_what_got_no_request_in_the_window_is_there_with_nothing() -> None:
    (series,) = stats_of(Window(10.0, {}), {NAMES: 5}, {}, 0).series
    assert (series.requests, series.rate, series.total, series.error_share) == (0, 0.0, 5, 0.0)
    assert series.latencies().quantile(0.99) is None


def test_routes_with_requests_in_flight_are_named() -> None:
    stats = stats_of(Window(1.0, {}), {}, {call_key("g:b"): 3, KEY: 1}, 0)
    assert [(row.route, row.slice, row.requests) for row in stats.in_flight] == [
        ("GET /a", "g:a", 1),
        ("call", "g:b", 3),
    ]


def test_nodes_add_up() -> None:
    whole = combine([node(10, in_flight=1), node(30, seconds=5.0, in_flight=2)])
    (series,) = whole.series
    assert (series.requests, series.total) == (44, 198)
    assert series.rate == pytest.approx(12 / 10 + 32 / 5)
    assert series.latencies().count == 44
    assert (whole.window_s, whole.overflowed, whole.in_flight[0].requests) == (10.0, 14, 3)


def test_nobody_counted_nothing() -> None:
    assert combine([]) == TrafficStats(window_s=0.0, overflowed=0, in_flight=(), series=())


def test_a_peer_is_not_believed_blindly() -> None:
    plain = msgspec.to_builtins(node())
    assert msgspec.convert(plain, TrafficStats) == node()
    for field, value in (("rate", -1.0), ("statuses", [1]), ("total", -1), ("route", "x" * 5000)):
        series = [{**plain["series"][0], field: value}]
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({**plain, "series": series}, TrafficStats)
    broken = msgspec.structs.replace(node().series[0], buckets=(999, 1))
    with pytest.raises(ValueError, match="no further bucket"):
        broken.latencies()
    assert isinstance(broken, SeriesStats)
