"""Laws of rows by route: bounded, never falling, and nothing is lost between them."""

from hypothesis import given
from hypothesis import strategies as st

from aether.core.dataplane.traffic import Names, Tally
from aether.core.metrics.histogram import Histogram
from aether.telemetry.exposition.bounds import BOUNDS_S, counts_below
from aether.telemetry.exposition.routes import OTHER, RouteRows

ROUTES = [f"GET /{number} g:s" for number in range(6)]
GROWTH = st.dictionaries(st.sampled_from(ROUTES), st.integers(0, 5), max_size=6)
SECONDS = st.floats(0, 200, allow_nan=False)


def grown(tallies: dict[Names, Tally], growth: dict[str, int]) -> dict[Names, Tally]:
    for route, count in growth.items():
        tally = tallies.setdefault((route, "1", "GET"), Tally())
        tally.statuses = [0, 0, tally.statuses[2] + count, 0, 0, 0]
        for _ in range(count):
            tally.latencies.record(0.01)
    return tallies


@given(st.integers(1, 4), st.lists(GROWTH, max_size=8))
def test_there_are_never_more_rows_than_the_bound_and_one(
    most: int, steps: list[dict[str, int]]
) -> None:
    rows, tallies = RouteRows(most), dict[Names, Tally]()
    for growth in steps:
        found = rows.rows(grown(tallies, growth))
        assert len(found) <= most + 1
        assert len([key for key in found if key[1] != OTHER]) == min(most, len(tallies))


@given(st.integers(1, 4), st.lists(GROWTH, max_size=8))
def test_rows_add_up_to_what_was_counted(most: int, steps: list[dict[str, int]]) -> None:
    rows, tallies = RouteRows(most), dict[Names, Tally]()
    for growth in steps:
        found = rows.rows(grown(tallies, growth))
        assert sum(row.statuses[2] for row in found.values()) == sum(
            tally.requests for tally in tallies.values()
        )
        assert all(row.spread.below[-1] == sum(row.statuses) for row in found.values())


@given(
    st.integers(1, 3),
    st.lists(st.tuples(GROWTH, st.sets(st.sampled_from(ROUTES), max_size=2)), max_size=10),
)
def test_the_row_of_the_others_never_falls(
    most: int, steps: list[tuple[dict[str, int], set[str]]]
) -> None:
    rows, tallies, last = RouteRows(most), dict[Names, Tally](), 0
    for growth, forgotten in steps:
        for route in forgotten:
            tallies.pop((route, "1", "GET"), None)
        other = rows.rows(grown(tallies, growth)).get(("", OTHER, ""))
        now = 0 if other is None else other.statuses[2]
        assert now >= last
        last = now


@given(st.lists(SECONDS, max_size=50))
def test_counts_below_a_bound_are_those_of_the_latencies(latencies: list[float]) -> None:
    histogram = Histogram()
    for seconds in latencies:
        histogram.record(seconds)
    below = counts_below(histogram.counts)
    ticks = [int(seconds * 2_000_000) for seconds in latencies]
    for bound, count in zip(BOUNDS_S, below, strict=False):
        assert count == sum(tick < round(bound * 2_000_000) for tick in ticks)
    assert below[-1] == len(latencies)
