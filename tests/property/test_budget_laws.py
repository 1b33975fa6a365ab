"""Laws of the retry budget and of rate limits: what they promise over any stretch of time."""

from hypothesis import example, given
from hypothesis import strategies as st

from aether.core.dataplane.rate_limit import TokenBuckets
from aether.core.dataplane.retry_budget import WINDOW_S, RetryBudget

pauses = st.one_of(st.just(0.0), st.floats(0, 0.5), st.floats(0, 30))
calls = st.lists(st.tuples(pauses, st.booleans(), st.integers(1, 20)), max_size=60)


def within(moments: list[float], now: float) -> int:
    """How many lie in the seconds that count at `now`: the present one and those before it."""
    return sum(1 for each in moments if int(now) - WINDOW_S < int(each) <= int(now))


@example([(0.0, False, 2), (5.0, True, 1), (5.0, False, 1)], 0.5, 0.0)
@given(calls, st.floats(0, 0.5), st.floats(0, 5))
def test_a_retry_is_granted_only_while_those_of_its_window_are_within_the_budget(
    of: list[tuple[float, bool, int]], ratio: float, least_per_s: float
) -> None:
    budget, now = RetryBudget(ratio, least_per_s), 0.0
    requests: list[float] = []
    retries: list[float] = []
    for pause, is_retry, times in of:
        now += pause
        for _ in range(times):
            if not is_retry:
                budget.request(now)
                requests.append(now)
            elif budget.may_retry(now):
                retries.append(now)
                allowed = ratio * within(requests, now) + least_per_s * WINDOW_S
                assert within(retries, now) <= allowed + 1e-6


@given(calls, st.floats(0, 0.5), st.floats(0, 5))
def test_what_the_window_allows_is_granted(
    of: list[tuple[float, bool, int]], ratio: float, least_per_s: float
) -> None:
    budget, now = RetryBudget(ratio, least_per_s), 0.0
    requests: list[float] = []
    retries: list[float] = []
    for pause, is_retry, times in of:
        now += pause
        for _ in range(times):
            if not is_retry:
                budget.request(now)
                requests.append(now)
                continue
            left = ratio * within(requests, now) + least_per_s * WINDOW_S - within(retries, now)
            granted = budget.may_retry(now)
            assert granted if left >= 1.000001 else True
            assert not granted if left <= 0.999999 else True
            if granted:
                retries.append(now)


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_window_of_silence_makes_all_forgotten(before: float, pause: float) -> None:
    budget = RetryBudget(ratio=0.1, least_per_s=1.0)
    for _ in range(500):
        budget.request(before)
    while budget.may_retry(before):
        pass
    now = before + WINDOW_S + 1 + pause
    assert sum(budget.may_retry(now) for _ in range(100)) == WINDOW_S


arrivals = st.lists(st.floats(0, 0.5), min_size=1, max_size=120)


@given(arrivals, st.floats(0.5, 100), st.integers(0, 20))
def test_no_stretch_lets_more_through_than_burst_and_rate(
    gaps: list[float], rate: float, burst: int
) -> None:
    buckets, now = TokenBuckets[str](), 0.0
    admitted: list[float] = []
    for gap in gaps:
        now += gap
        if buckets.admit("r", rate, burst, now) == 0.0:
            admitted.append(now)
    most = burst or -int(-rate // 1)
    for first, begin in enumerate(admitted):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= most + rate * (admitted[last] - begin) + 1e-6


@given(arrivals, st.floats(0.5, 100), st.integers(1, 20))
def test_the_wait_it_names_is_enough_and_not_too_long(
    gaps: list[float], rate: float, burst: int
) -> None:
    buckets, now = TokenBuckets[str](), 0.0
    for gap in gaps:
        now += gap
        wait = buckets.admit("r", rate, burst, now)
        assert 0.0 <= wait <= 1.0 / rate + 1e-9
        if wait > 1e-6:
            assert buckets.admit("r", rate, burst, now + wait * 0.99) > 0.0
            now += wait + 1e-9
            assert buckets.admit("r", rate, burst, now) == 0.0


@given(arrivals, st.floats(0.5, 100))
def test_what_is_turned_away_takes_nothing_from_what_comes_later(
    gaps: list[float], rate: float
) -> None:
    pestered, calm = TokenBuckets[str](), TokenBuckets[str]()
    for buckets in (pestered, calm):
        while buckets.admit("r", rate, 3, 0.0) == 0.0:
            pass
    now = 0.0
    for gap in gaps:
        now += gap / rate / len(gaps)
        assert now < 1.0 / rate
        pestered.admit("r", rate, 3, now)
    then = 1.0 / rate + 1e-6
    assert pestered.admit("r", rate, 3, then) == calm.admit("r", rate, 3, then) == 0.0
