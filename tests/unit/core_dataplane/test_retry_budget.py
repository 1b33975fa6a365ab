"""The retry budget by example; the laws are in tests/property/test_budget_laws.py."""

from aether.core.dataplane.retry_budget import WINDOW_S, RetryBudget


def spend(budget: RetryBudget, now: float) -> int:
    spent = 0
    while budget.may_retry(now):
        spent += 1
    return spent


def test_a_quiet_router_may_retry_a_few() -> None:
    assert spend(RetryBudget(least_per_s=3.0), 0.0) == 3 * WINDOW_S


def test_traffic_adds_its_part() -> None:
    budget = RetryBudget(ratio=0.1, least_per_s=0.0)
    assert not budget.may_retry(5.0)
    for _ in range(1000):
        budget.request(5.0)
    assert spend(budget, 5.9) == 100


def test_what_was_spent_and_earned_is_forgotten_after_the_window() -> None:
    budget = RetryBudget(ratio=0.1, least_per_s=1.0)
    for _ in range(1000):
        budget.request(100.0)
    assert spend(budget, 100.0) == 100 + WINDOW_S
    assert spend(budget, 100.0 + WINDOW_S - 1) == 0
    assert spend(budget, 100.0 + WINDOW_S) == WINDOW_S
    assert spend(budget, 100.0 + 50 * WINDOW_S) == WINDOW_S
