"""Laws of histograms: adding them loses nothing and needs no order; quantiles are near and rise."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether.core.metrics.histogram import Histogram, from_sparse, sparse_difference, to_sparse

latencies = st.floats(min_value=8e-6, max_value=134.0)
samples = st.lists(latencies, max_size=20)
shares = st.floats(min_value=0.0, max_value=1.0)


def histogram(sample: list[float]) -> Histogram:
    made = Histogram()
    for seconds in sample:
        made.record(seconds)
    return made


def merged(*parts: Histogram) -> Histogram:
    whole = Histogram()
    for part in parts:
        whole.merge(part)
    return whole


@given(samples, samples, samples)
def test_merging_is_associative_and_commutative(
    a: list[float], b: list[float], c: list[float]
) -> None:
    one, two, three = histogram(a), histogram(b), histogram(c)
    assert merged(merged(one, two), three) == merged(one, merged(two, three))
    assert merged(one, two) == merged(two, one)
    assert merged(one, Histogram()) == one


@given(samples, samples)
def test_merging_is_as_good_as_having_counted_everything_in_one_place(
    a: list[float], b: list[float]
) -> None:
    assert merged(histogram(a), histogram(b)) == histogram(a + b)


@given(st.lists(latencies, min_size=1, max_size=20), shares)
def test_a_quantile_is_within_a_thirty_second_of_the_true_one(
    sample: list[float], share: float
) -> None:
    found = histogram(sample).quantile(share)
    rank = max(math.ceil(share * len(sample)), 1)
    true = sorted(sample)[rank - 1]
    assert found is not None
    assert abs(found - true) <= true / 32 + 0.5e-6  # a latency is known to half a microsecond


@given(st.lists(latencies, min_size=1, max_size=20), shares, shares)
def test_a_larger_share_has_no_smaller_quantile(
    sample: list[float], one: float, other: float
) -> None:
    made = histogram(sample)
    low, high = made.quantile(min(one, other)), made.quantile(max(one, other))
    assert low is not None
    assert high is not None
    assert low <= high


@given(samples)
def test_what_travels_sparse_arrives_whole(sample: list[float]) -> None:
    made = histogram(sample)
    sparse = to_sparse(made.counts)
    assert from_sparse(sparse) == made.counts
    assert len(sparse) <= 2 * len(sample)


@given(st.lists(st.integers(min_value=-5, max_value=400), max_size=20))
def test_whatever_is_read_is_a_histogram_that_writes_the_same(pairs: list[int]) -> None:
    try:
        counts = from_sparse(pairs)
    except ValueError:
        return
    assert to_sparse(counts) == pairs


@given(samples, samples)
def test_a_difference_is_what_came_since(before: list[float], since: list[float]) -> None:
    old, new = histogram(before), histogram(before + since)
    grown = sparse_difference(to_sparse(old.counts), to_sparse(new.counts))
    assert grown == to_sparse(histogram(since).counts)


@given(samples, samples)
def test_a_difference_exists_only_where_nothing_went_back(
    one: list[float], other: list[float]
) -> None:
    before, after = histogram(one).counts, histogram(other).counts
    if all(old <= new for old, new in zip(before, after, strict=True)):
        sparse_difference(to_sparse(before), to_sparse(after))
    else:
        with pytest.raises(ValueError, match="went back by"):
            sparse_difference(to_sparse(before), to_sparse(after))
