"""Readings of routers, added up: totals, windows, and everything a router may do between two."""

from collections.abc import Sequence

import pytest

from aether.core.dataplane import traffic as module
from aether.core.dataplane.route_counts import OTHER_METHOD, OVERFLOW, RouteCounts, SeriesCounts
from aether.core.dataplane.traffic import WINDOW_S, Reading, Traffic

KEY = "GET / a:b"
NAMES = (KEY, "1", "GET")


def count(counts: RouteCounts, requests: int = 1, version: str = "1") -> None:
    for _ in range(requests):
        counts.began(KEY)
        counts.ended(KEY, version, "GET", 200, 0.01, bytes_in=1, bytes_out=2, retries=0)


def reading(counts: RouteCounts, run: str = "r", age_s: float = 1.0, most: int = 1000) -> Reading:
    return Reading(
        run=run,
        series=tuple(counts.changed(most)),
        age_s=age_s,
        opened=counts.opened,
        overflowed=counts.overflowed,
        in_flight=dict(counts.in_flight),
    )


def series(number: int = 1, requests: int = 1, buckets: Sequence[int] = (0, 1)) -> SeriesCounts:
    return SeriesCounts(
        number, KEY, "1", "GET", (0, 0, requests, 0, 0, 0), 0, 0, 0, 0, tuple(buckets)
    )


def test_totals_are_what_was_counted() -> None:
    counts, traffic = RouteCounts(), Traffic(0.0)
    for now in range(1, 4):
        count(counts, 10)
        traffic.take(reading(counts, age_s=now), float(now))
    tally = traffic.totals[NAMES]
    assert (tally.requests, tally.bytes_in, tally.bytes_out) == (30, 30, 60)
    assert tally.latencies.count == 30
    assert tally.latencies.sum_s == pytest.approx(0.3)


def test_a_window_holds_what_came_within_it() -> None:
    counts, traffic = RouteCounts(), Traffic(0.0)
    for now in range(1, 200):
        count(counts)
        traffic.take(reading(counts, age_s=now), float(now))
    assert traffic.window(10.0, 199.0).tallies[NAMES].requests == 10
    assert traffic.window(1000.0, 199.0).tallies[NAMES].requests == WINDOW_S
    assert traffic.window(1000.0, 199.0).seconds == WINDOW_S
    assert traffic.window(10.0, 250.0).tallies == {}


def test_a_young_node_has_a_shorter_window() -> None:
    traffic = Traffic(100.0)
    assert traffic.window(10.0, 104.0).seconds == 4.0
    assert traffic.window(10.0, 100.1).seconds == 1.0


def test_routers_add_up_and_their_requests_in_flight_end_with_their_link() -> None:
    one, other, traffic = RouteCounts(), RouteCounts(), Traffic(0.0)
    count(one, 3)
    count(other, 4)
    one.began(KEY)
    other.began(KEY)
    traffic.take(reading(one, "one"), 1.0)
    traffic.take(reading(other, "other"), 1.0)
    assert traffic.totals[NAMES].requests == 7
    assert traffic.window(10.0, 2.0).tallies[NAMES].requests == 7
    assert traffic.in_flight == {KEY: 2}
    traffic.ended("one")
    traffic.ended("never heard of")
    assert traffic.in_flight == {KEY: 1}
    assert traffic.totals[NAMES].requests == 7


def test_a_reading_in_several_messages_keeps_what_the_first_said() -> None:
    counts, traffic = RouteCounts(), Traffic(0.0)
    counts.began(KEY)
    traffic.take(reading(counts), 1.0)
    traffic.take(Reading(run="r", series=(series(),)), 1.0)
    assert traffic.in_flight == {KEY: 1}
    assert traffic.totals[NAMES].requests == 1


def test_a_reading_that_is_lost_or_told_again_changes_nothing() -> None:
    counts, traffic = RouteCounts(), Traffic(0.0)
    count(counts, 5)
    traffic.take(reading(counts), 1.0)
    count(counts, 5)
    reading(counts)  # lost on the way
    count(counts, 5)
    traffic.take(reading(counts), 3.0)
    counts.forget_readings()
    traffic.take(reading(counts), 4.0)
    assert traffic.totals[NAMES].requests == 15
    assert traffic.window(10.0, 4.0).tallies[NAMES].requests == 15


def test_a_restarted_node_does_not_take_the_past_for_the_present() -> None:
    counts, traffic = RouteCounts(), Traffic(1000.0)
    count(counts, 500, "1")
    count(counts, 500, "2")
    traffic.take(reading(counts, age_s=900.0, most=1), 1001.0)
    traffic.take(Reading(run="r", series=tuple(counts.changed(10))), 1002.0)
    assert sum(tally.requests for tally in traffic.totals.values()) == 1000
    assert traffic.window(10.0, 1002.0).tallies == {}
    count(counts, 7, "1")
    count(counts, 3, "3")
    traffic.take(reading(counts, age_s=902.0), 1003.0)
    window = traffic.window(10.0, 1003.0).tallies
    assert window[NAMES].requests == 7
    assert window[KEY, "3", "GET"].requests == 3


def test_a_router_that_overflows_is_told_of_by_what_it_adds() -> None:
    traffic = Traffic(0.0)
    for overflowed in (2, 5, 5):
        traffic.take(Reading(run="r", age_s=1.0, overflowed=overflowed), 1.0)
    traffic.take(Reading(run="s", age_s=1.0, overflowed=1), 1.0)
    assert traffic.overflowed == 6


@pytest.mark.parametrize(
    ("after", "problem"),
    [
        (series(requests=0), "went back by 1"),
        (series(buckets=()), "went back by 1"),
        (series(buckets=(0, 0)), "is not from 1"),
        (SeriesCounts(1, "PUT / a:b", "1", "GET", (0,) * 6, 0, 0, 0, 0, ()), "was 'GET / a:b'"),
    ],
)
def test_what_contradicts_itself_is_refused(after: SeriesCounts, problem: str) -> None:
    traffic = Traffic(0.0)
    traffic.take(Reading(run="r", series=(series(),)), 1.0)
    with pytest.raises(ValueError, match=problem):
        traffic.take(Reading(run="r", series=(after,)), 2.0)
    assert traffic.totals[NAMES].requests == 1


def test_a_first_reading_is_looked_at_as_well() -> None:
    with pytest.raises(ValueError, match="no further bucket"):
        Traffic(0.0).take(Reading(run="r", series=(series(buckets=(999, 1)),)), 1.0)


def test_names_routers_and_differences_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SERIES", 2)
    monkeypatch.setattr(module, "MOST_RUNS", 2)
    monkeypatch.setattr(module, "MOST_DIFFERENCES", 3)
    traffic = Traffic(0.0)
    for place, version in enumerate("abcd"):
        counts = RouteCounts()
        count(counts, 1, version)
        counts.began(KEY)
        traffic.take(reading(counts, run=version), 1.0 + place)
    assert traffic.totals[OVERFLOW, "", OTHER_METHOD].requests == 2
    assert traffic.in_flight == {KEY: 2}
    window = traffic.window(100.0, 4.0)
    assert window.seconds == pytest.approx(3.0)
    assert sum(tally.requests for tally in window.tallies.values()) == 3


def test_a_name_idle_for_longer_than_the_window_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SERIES", 1)
    counts, traffic = RouteCounts(), Traffic(0.0)
    count(counts, 1, "old")
    traffic.take(reading(counts), 1.0)
    count(counts, 1, "new")
    traffic.take(reading(counts), 1.0 + WINDOW_S + 1)
    assert list(traffic.totals) == [(KEY, "new", "GET")]
