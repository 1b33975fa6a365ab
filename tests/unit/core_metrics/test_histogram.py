"""Buckets of latencies: where each begins, what counts in which, and how they travel."""

import pytest

from aether.core.metrics.histogram import (
    BUCKETS,
    Histogram,
    bucket_of,
    from_sparse,
    lower_bound_s,
    to_sparse,
)


def test_buckets_begin_at_8_us_and_end_at_134_s() -> None:
    assert lower_bound_s(0) == pytest.approx(8e-6)
    assert lower_bound_s(BUCKETS) == pytest.approx(134.217728)
    assert bucket_of(0.0) == bucket_of(-1.0) == bucket_of(8e-6) == 0
    assert bucket_of(134.3) == bucket_of(1e9) == BUCKETS - 1


def test_every_bucket_begins_where_the_one_before_ends() -> None:
    for bucket in range(BUCKETS):
        begin, end = lower_bound_s(bucket), lower_bound_s(bucket + 1)
        assert bucket_of(begin) == bucket
        assert end <= begin * 17 / 16 + 1e-12
        assert bucket_of((begin + end) / 2) == bucket


def test_a_quantile_is_the_middle_of_its_bucket() -> None:
    histogram = Histogram()
    for milliseconds in range(1, 101):
        histogram.record(milliseconds / 1000)
    assert histogram.count == 100
    assert histogram.sum_s == pytest.approx(5.05)
    assert histogram.quantile(0.5) == pytest.approx(0.050, rel=1 / 32)
    assert histogram.quantile(0.99) == pytest.approx(0.099, rel=1 / 32)
    assert histogram.quantile(0.0) == pytest.approx(0.001, rel=1 / 32)
    assert histogram.quantile(1.0) == pytest.approx(0.100, rel=1 / 32)


def test_nothing_has_no_quantile_and_no_share_is_above_one() -> None:
    assert Histogram().quantile(0.5) is None
    with pytest.raises(ValueError, match="is not between 0 and 1"):
        Histogram().quantile(1.5)


def test_sparse_buckets_name_distances() -> None:
    counts = [0] * BUCKETS
    counts[0], counts[5], counts[BUCKETS - 1] = 7, 1, 2
    assert to_sparse(counts) == [0, 7, 5, 1, BUCKETS - 6, 2]
    assert to_sparse([0] * BUCKETS) == []


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        ([0], "not pairs"),
        ([0, 1] * (BUCKETS + 1), "not pairs"),
        ([0, 1, 0, 1], "no further bucket"),
        ([-1, 1], "no further bucket"),
        ([BUCKETS, 1], "no further bucket"),
        ([0, 0], "is not from 1 to"),
        ([0, 2**53 + 1], "is not from 1 to"),
    ],
)
def test_what_is_no_histogram_is_named(pairs: list[int], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        from_sparse(pairs)


def test_two_histograms_are_equal_when_they_counted_the_same() -> None:
    one, other = Histogram(), Histogram()
    one.record(0.1)
    assert one != other
    other.record(0.1)
    assert one == other
    assert one != "a histogram"
