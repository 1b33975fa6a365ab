"""Token buckets by example; the laws are in tests/property/test_budget_laws.py."""

import pytest

from aether.core.dataplane.rate_limit import TokenBuckets


def test_a_burst_is_let_through_and_then_the_rate() -> None:
    buckets = TokenBuckets[str]()
    assert [buckets.admit("/", 10.0, 3, 0.0) for _ in range(3)] == [0.0] * 3
    assert buckets.admit("/", 10.0, 3, 0.0) == pytest.approx(0.1)
    assert buckets.admit("/", 10.0, 3, 0.04) == pytest.approx(0.06)
    assert buckets.admit("/", 10.0, 3, 0.1) == 0.0
    assert buckets.admit("/", 10.0, 3, 0.1) > 0.0


def test_without_a_burst_the_bucket_holds_a_second() -> None:
    buckets = TokenBuckets[int]()
    admitted = sum(buckets.admit(1, 2.5, 0, 0.0) == 0.0 for _ in range(10))
    assert admitted == 3


def test_routes_have_buckets_of_their_own_until_they_are_gone() -> None:
    buckets = TokenBuckets[str]()
    assert buckets.admit("a", 1.0, 1, 0.0) == 0.0
    assert buckets.admit("b", 1.0, 1, 0.0) == 0.0
    buckets.retain({"b"})
    assert buckets.admit("a", 1.0, 1, 0.0) == 0.0
    assert buckets.admit("b", 1.0, 1, 0.0) == 1.0


def test_a_burst_that_shrank_holds_at_once() -> None:
    buckets = TokenBuckets[str]()
    buckets.admit("a", 1.0, 100, 0.0)
    admitted = sum(buckets.admit("a", 1.0, 2, 0.0) == 0.0 for _ in range(10))
    assert admitted == 2
