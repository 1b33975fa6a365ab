"""Bounds of histograms: every count below one is exact."""

from itertools import pairwise

from aether.core.metrics.histogram import BUCKETS, TICKS_PER_S, Histogram
from aether.telemetry.exposition.bounds import BORDERS, BOUNDS_S, counts_below


def test_there_are_nineteen_bounds_each_twice_the_one_before() -> None:
    assert len(BOUNDS_S) == len(BORDERS) == 19
    assert BOUNDS_S[0] == 0.0002
    assert BOUNDS_S[-1] == 52.4288
    assert all(high == 2 * low for low, high in pairwise(BOUNDS_S))


def test_a_tick_below_a_bound_counts_and_one_at_it_does_not() -> None:
    for place, bound in enumerate(BOUNDS_S):
        ticks = round(bound * TICKS_PER_S)
        under, at = Histogram(), Histogram()
        under.record((ticks - 1) / TICKS_PER_S)
        at.record(ticks / TICKS_PER_S)
        assert counts_below(under.counts)[place] == 1
        assert counts_below(at.counts)[place] == 0
        assert counts_below(at.counts)[place + 1] == 1


def test_the_last_count_is_of_all() -> None:
    assert counts_below([1] * BUCKETS)[-1] == BUCKETS
    assert counts_below([0] * BUCKETS) == (0,) * 20
