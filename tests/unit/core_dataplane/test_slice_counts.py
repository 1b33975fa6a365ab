import pytest

from aether.core.dataplane.route_counts import NO_ROUTE, OVERFLOW, SeriesCounts, call_key, route_key
from aether.core.dataplane.slice_counts import MOST_COVERED_S, SliceCounts

GET_A = route_key("GET", "", "/a/{id}", "g.x:a")


def counts(route: str, requests: int = 2, errors: int = 0, buckets: tuple[int, ...] = (5, 2)) -> SeriesCounts:  # fmt: skip
    statuses = (0, 0, requests - errors, 0, 0, errors)
    return SeriesCounts(1, route, "1.0.0", "GET", statuses, 1, 10, 10, 4_000, buckets)


def test_routes_and_calls_of_a_slice_are_one_load() -> None:
    made = SliceCounts()
    made.told("r1", 10.0)
    made.told("r1", 11.02)
    made.add(counts(GET_A, errors=1))
    made.add(counts(call_key("g.x:a"), buckets=(5, 1, 3, 1)))
    made.add(counts(route_key("GET", "", "/b", "g.x:b")))
    covered_s, (a, b) = made.take({GET_A: 3, call_key("g.x:a"): 1, NO_ROUTE: 9})
    assert covered_s == pytest.approx(1.02)
    assert (a.base, a.requests, a.errors, a.retries, a.ticks) == ("g.x:a", 4, 1, 2, 8_000)
    assert (a.buckets, a.in_flight) == ((5, 3, 3, 1), 4)
    assert (b.base, b.requests, b.in_flight) == ("g.x:b", 2, 0)


def test_what_was_taken_is_not_told_again() -> None:
    made = SliceCounts()
    made.add(counts(GET_A))
    made.take({})
    assert made.take({}) == (0.0, ())


def test_requests_that_wait_are_told_even_when_none_ended() -> None:
    made = SliceCounts()
    _, (one,) = made.take({GET_A: 7})
    assert (one.base, one.requests, one.in_flight, one.buckets) == ("g.x:a", 0, 7, ())


def test_what_no_route_takes_is_nobodys_load() -> None:
    made = SliceCounts()
    made.add(counts(NO_ROUTE))
    made.add(counts(OVERFLOW))
    assert made.take({})[1] == ()


def test_the_time_covered_is_the_mean_over_routers() -> None:
    made = SliceCounts()
    for run, times in (("r1", (0.0, 1.0, 2.0)), ("r2", (0.5, 1.5))):
        for now in times:
            made.told(run, now)
    assert made.take({})[0] == pytest.approx(1.5)
    made.told("r1", 3.0)
    assert made.take({})[0] == pytest.approx(0.5)
    made.ended("r2")
    made.told("r1", 4.0)
    assert made.take({})[0] == pytest.approx(1.0)


def test_a_long_silence_does_not_make_a_rate_vanish() -> None:
    made = SliceCounts()
    made.told("r1", 0.0)
    made.told("r1", 3600.0)
    assert made.take({})[0] == MOST_COVERED_S
