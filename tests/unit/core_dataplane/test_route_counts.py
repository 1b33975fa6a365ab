"""What a router counts, under which names, and what it does when there are too many."""

from typing import Any

import pytest

from aether.core.dataplane.route_counts import (
    IDLE_READINGS,
    NO_ROUTE,
    OTHER_METHOD,
    OVERFLOW,
    RouteCounts,
    SeriesCounts,
    call_key,
    route_key,
    split_key,
)
from aether.core.metrics.histogram import Histogram, from_sparse

KEY = route_key("GET", "", "/orders/{id}", "shop:orders")
MANY = 10_000


def end(counts: RouteCounts, key: str = KEY, **options: Any) -> None:
    told = {"version": "1.0.0", "method": "GET", "status": 200, "seconds": 0.01, **options}
    rest = {"bytes_in": 0, "bytes_out": 0, "retries": 0} | {
        name: told.pop(name) for name in ("bytes_in", "bytes_out", "retries") if name in told
    }
    counts.ended(key, *(told[name] for name in ("version", "method", "status", "seconds")), **rest)


def read(counts: RouteCounts) -> list[SeriesCounts]:
    return list(counts.changed(MANY))


def test_keys_name_route_and_slice() -> None:
    assert KEY == "GET /orders/{id} shop:orders"
    assert split_key(KEY) == ("GET /orders/{id}", "shop:orders")
    assert split_key(route_key("*", "*.example.org", "/", "a:b")) == ("* *.example.org/", "a:b")
    assert split_key(call_key("a:b")) == ("call", "a:b")
    assert split_key(NO_ROUTE) == ("", "")
    assert split_key(OVERFLOW) == ("overflow", "")


def test_a_request_is_in_flight_until_it_ends() -> None:
    counts = RouteCounts()
    counts.began(KEY)
    counts.began(KEY)
    assert counts.in_flight == {KEY: 2}
    end(counts)
    assert counts.in_flight == {KEY: 1}
    end(counts)
    assert counts.in_flight == {}


def test_everything_of_a_request_is_counted() -> None:
    counts = RouteCounts()
    end(counts, bytes_in=3, bytes_out=100, retries=2, seconds=0.25)
    end(counts, status=503, seconds=0.5)
    end(counts, status=0)
    (series,) = read(counts)
    assert (series.route, series.version, series.method) == (KEY, "1.0.0", "GET")
    assert series.statuses == (1, 0, 1, 0, 0, 1)
    assert (series.retries, series.bytes_in, series.bytes_out) == (2, 3, 100)
    assert series.ticks == 2_000_000 * 0.76
    counted = from_sparse(series.buckets)
    expected = Histogram()
    for seconds in (0.25, 0.5, 0.01):
        expected.record(seconds)
    assert counted == expected.counts


def test_latencies_of_any_length_count() -> None:
    counts, expected = RouteCounts(), Histogram()
    for seconds in (0.0, 7e-6, 8e-6, 134.2, 134.3, 1e6):
        end(counts, seconds=seconds)
        expected.record(seconds)
    (series,) = read(counts)
    assert from_sparse(series.buckets) == expected.counts


def test_versions_methods_and_routes_count_apart_and_strange_methods_together() -> None:
    counts = RouteCounts()
    for version, method in (("1", "GET"), ("2", "GET"), ("1", "POST"), ("1", "PURGE"), ("1", "X")):
        end(counts, version=version, method=method)
    names = sorted((series.version, series.method) for series in read(counts))
    assert names == [("1", "GET"), ("1", "POST"), ("1", OTHER_METHOD), ("2", "GET")]


def test_what_the_router_answers_itself_has_neither_version_nor_latency() -> None:
    counts = RouteCounts()
    counts.answered(NO_ROUTE, "GET", 404)
    counts.answered(NO_ROUTE, "BREW", 404)
    (known, strange) = read(counts)
    assert (known.route, known.version, known.method) == (NO_ROUTE, "", "GET")
    assert known.statuses == (0, 0, 0, 0, 1, 0)
    assert known.buckets == ()
    assert strange.method == OTHER_METHOD
    assert counts.in_flight == {}


@pytest.mark.parametrize("status", [600, 999])
def test_a_status_nobody_knows_counts_as_an_error(status: int) -> None:
    counts = RouteCounts()
    end(counts, status=status)
    assert read(counts)[0].statuses[5] == 1


def test_a_reading_holds_what_changed_since_the_last() -> None:
    counts = RouteCounts()
    end(counts)
    assert len(read(counts)) == 1
    assert read(counts) == []
    end(counts, version="2")
    assert [series.version for series in read(counts)] == ["2"]
    counts.forget_readings()
    assert len(read(counts)) == 2


def test_a_reading_is_bounded_and_the_next_goes_on_where_it_stopped() -> None:
    counts = RouteCounts()
    for version in "abc":
        end(counts, version=version)
    first = [series.version for series in counts.changed(2)]
    for version in "abc":
        end(counts, version=version)
    second = [series.version for series in counts.changed(2)]
    assert (first, second) == (["a", "b"], ["c", "a"])


def test_what_has_no_series_left_counts_all_the_same() -> None:
    counts = RouteCounts(most_series=2)
    for version in "abcd":
        end(counts, version=version)
    assert counts.overflowed == 2
    names = [(series.route, series.version, sum(series.statuses)) for series in read(counts)]
    assert names == [(KEY, "a", 1), (KEY, "b", 1), (OVERFLOW, "", 2)]


def test_the_series_idle_longest_gives_way_in_time() -> None:
    counts = RouteCounts(most_series=2)
    end(counts, version="a")
    end(counts, version="b")
    for _ in range(IDLE_READINGS):
        end(counts, version="b")
        read(counts)
    end(counts, version="c")
    assert counts.overflowed == 1  # idle for one reading too few
    read(counts)
    end(counts, version="c")
    assert counts.overflowed == 1
    counts.forget_readings()
    assert sorted(series.version for series in read(counts)) == ["", "b", "c"]


def test_a_series_that_returns_has_another_number() -> None:
    counts = RouteCounts(most_series=1)
    end(counts, version="a")
    before = read(counts)[0]
    for _ in range(IDLE_READINGS):
        read(counts)
    end(counts, version="b")
    read(counts)
    for _ in range(IDLE_READINGS):
        read(counts)
    end(counts, version="a")
    after = read(counts)[0]
    assert (before.version, after.version) == ("a", "a")
    assert after.number > before.number
    assert sum(after.statuses) == 1
    assert counts.opened == after.number
