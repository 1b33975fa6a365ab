"""Laws of ejection and slow start, over generated outcomes of the instances of one slice."""

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.dataplane.balance import Balancer, Choice, Outcome
from aether.core.dataplane.ejection import (
    FIRST_EJECTION_S,
    LONGEST_EJECTION_S,
    WINDOW_S,
    Record,
    most_ejected,
)
from aether.core.dataplane.rows import Endpoint, SlicePolicy
from aether.core.dataplane.slow_start import ramp
from aether.core.model.ids import InstanceId, NodeId, SliceBase

BASE = SliceBase("a:b")


def instances(count: int) -> tuple[Endpoint, ...]:
    return tuple(
        Endpoint(
            instance=InstanceId(f"{BASE}:1.0.0/{number}"),
            slice=BASE,
            node=NodeId("n"),
            socket=f"/{number}",
        )
        for number in range(count)
    )


def slice_of(count: int, slow_start_s: float = 0.0) -> tuple[Balancer, tuple[Endpoint, ...]]:
    balancer, endpoints = Balancer(), instances(count)
    balancer.configure([SlicePolicy(slice=BASE, slow_start_s=slow_start_s)], endpoints, 0.0)
    return balancer, endpoints


ends = st.lists(
    st.tuples(st.integers(0, 5), st.floats(0, 2), st.sampled_from(list(Outcome))), max_size=120
)


@given(st.integers(1, 6), ends)
def test_never_more_than_half_is_away_and_never_for_longer_than_the_longest(
    count: int, of: list[tuple[int, float, Outcome]]
) -> None:
    balancer, endpoints = slice_of(count)
    now = 0.0
    for which, pause, outcome in of:
        now += pause
        endpoint = endpoints[which % count]
        balancer.started(endpoint)
        seconds = balancer.ended(endpoint, outcome, 0.0, now)
        away = [each for each in endpoints if balancer.is_ejected(each, now)]
        assert len(away) <= most_ejected(count)
        assert seconds is None or FIRST_EJECTION_S <= seconds <= LONGEST_EJECTION_S
    assert not any(balancer.is_ejected(each, now + LONGEST_EJECTION_S) for each in endpoints)


@given(st.integers(2, 6), st.integers(1, 64), st.lists(st.floats(0, 20), min_size=64, max_size=64))
def test_a_burst_counts_once_whenever_its_requests_end(
    count: int, size: int, delays: list[float]
) -> None:
    """What was under way when an instance died ends at any time, and ejects it once in all."""
    balancer, endpoints = slice_of(count)
    for _ in range(size):
        balancer.started(endpoints[0])
    lasted = [
        balancer.ended(endpoints[0], Outcome.FAILED, now, now) for now in sorted(delays[:size])
    ]
    assert [each for each in lasted if each is not None] == [FIRST_EJECTION_S]
    assert lasted[0] == FIRST_EJECTION_S


@given(st.integers(2, 6), st.integers(1, 200), st.floats(0.001, 0.2))
def test_where_all_answer_alike_nobody_is_set_aside(count: int, rounds: int, pause: float) -> None:
    balancer, endpoints = slice_of(count)
    now = 0.0
    # one good answer each first: with nothing known of the others, the first row of errors counts
    for outcome in [Outcome.OK] + [Outcome.ERROR] * rounds:
        for endpoint in endpoints:
            now += pause
            balancer.started(endpoint)
            assert balancer.ended(endpoint, outcome, 0.0, now) is None or outcome is Outcome.ERROR
    alike = [each for each in endpoints if balancer.is_ejected(each, now)]
    assert len(alike) <= 1


@given(st.lists(st.tuples(st.floats(0, 4), st.booleans()), max_size=100))
def test_the_window_never_counts_what_is_older_than_it(of: list[tuple[float, bool]]) -> None:
    record, now = Record(), 0.0
    seen: list[tuple[float, bool]] = []
    for pause, good in of:
        now += pause
        (record.good if good else record.bad)(now)
        seen.append((now, good))
        total, errors = record.counts(now)
        young = [good for moment, good in seen if moment > now - WINDOW_S]
        fresh = [good for moment, good in seen if moment > now - WINDOW_S / 2]
        assert max(1, len(fresh)) <= total <= len(young)
        assert errors <= young.count(False)


@given(st.floats(0, 200), st.floats(0, 200), st.floats(0.1, 100))
def test_slow_start_only_rises_and_ends_at_the_full_share(
    one: float, other: float, slow_start_s: float
) -> None:
    young, old = sorted((one, other))
    assert 0.1 <= ramp(young, slow_start_s) <= ramp(old, slow_start_s) <= 1.0
    assert ramp(slow_start_s, slow_start_s) == 1.0


@given(st.integers(1, 5), st.floats(0, 9.9), st.integers(0, 20))
@settings(deadline=None, max_examples=50)
def test_a_new_instance_gets_the_part_its_age_allows(old: int, age: float, seed: int) -> None:
    balancer = Balancer(seed=seed)
    policy, endpoints = SlicePolicy(slice=BASE, slow_start_s=10.0), instances(old + 1)
    balancer.configure([policy], endpoints[:-1], 0.0)
    balancer.configure([policy], endpoints, 100.0)
    picks = [balancer.pick(Choice(BASE, endpoints), (), 100.0 + age) for _ in range(1000)]
    part = ramp(age, 10.0)
    assert abs(picks.count(endpoints[-1]) - 1000 * part / (old + part)) <= 2
