"""Laws of alerts: nothing is raised too soon, nothing flaps, and a new leader goes on where the last one was."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.alerts.evaluate import MISSING_S, AlertState, Transition, evaluate
from aether.core.alerts.thresholds import Bounds, Series
from aether.core.model.alert_records import RANK, Severity

CPU: Series = ("node.cpu", "n-1")
SERIES: tuple[Series, ...] = (CPU, ("node.disk", "n-2"), ("cluster.quorum", ""))

numbers = st.floats(0, 2, allow_nan=False)
courses = st.lists(st.one_of(numbers, st.none()), min_size=1, max_size=40)


@st.composite
def bounds(draw: st.DrawFn) -> Bounds:
    warning = draw(st.floats(0.1, 1))
    critical = draw(st.one_of(st.none(), st.floats(warning, 2)))
    times = st.sampled_from([0.0, 1.0, 3.0, 10.0])
    return Bounds(
        warning=warning,
        critical=critical,
        hysteresis=draw(st.sampled_from([0.0, 0.1, 0.5])),
        for_s=draw(times),
        clear_s=draw(times),
    )


def lived(
    course: list[float | None], limits: Bounds, state: AlertState | None = None
) -> tuple[list[AlertState], list[tuple[int, Transition]]]:
    """Return the states and transitions of one series, one value a second."""
    now, states, changes = state or AlertState(), list[AlertState](), list[tuple[int, Transition]]()
    for second, value in enumerate(course):
        values = {} if value is None else {CPU: value}
        now, found = evaluate(now, values, lambda _: limits, float(second))
        states.append(now)
        changes += [(second, change) for change in found]
    return states, changes


@given(courses, bounds())
def test_nothing_is_raised_that_was_not_beyond_its_bound_all_the_time(
    course: list[float | None], limits: Bounds
) -> None:
    _, changes = lived(course, limits)
    for second, change in changes:
        if RANK[change.after] > RANK[change.before]:
            bound = limits.bound(change.after)
            assert bound is not None
            seen = course[max(0, int(second - limits.for_s)) : second + 1]
            assert all(value is None or value >= bound for value in seen)
            assert second >= limits.for_s


@given(numbers, bounds(), st.integers(1, 60))
def test_a_steady_value_changes_nothing_more_than_up_to_where_it_belongs(
    value: float, limits: Bounds, seconds: int
) -> None:
    states, changes = lived([value] * seconds, limits)
    ranks = [RANK[change.after] for _, change in changes]
    assert ranks == sorted(set(ranks))  # only upwards, each once
    if seconds > limits.for_s:
        assert states[-1].active.get(CPU, Severity.INFO) == limits.crossed(value)


@given(st.lists(numbers, min_size=1, max_size=40), bounds())
def test_noise_within_the_hysteresis_lowers_nothing(noise: list[float], limits: Bounds) -> None:
    assert limits.warning is not None
    low = limits.warning * (1 - limits.hysteresis)
    course: list[float | None] = [2.0] * 11
    course += [max(low, min(limits.warning, one)) for one in noise]
    only_warning = replace(limits, critical=None)
    _, changes = lived(course, only_warning)
    assert [change.after for _, change in changes] == [Severity.WARNING]


@given(courses, bounds())
def test_between_two_raises_lies_at_least_the_time_to_clear_and_the_time_to_raise(
    course: list[float | None], limits: Bounds
) -> None:
    _, changes = lived(course, limits)
    for (before, lowered), (after, raised) in pairwise(changes):
        if lowered.after is Severity.INFO and raised.before is Severity.INFO:
            assert after - before >= limits.for_s
        if lowered.before is Severity.INFO and raised.after is Severity.INFO:
            assert after - before >= min(limits.clear_s, MISSING_S)


@given(st.lists(numbers, min_size=1, max_size=30), numbers, bounds())
def test_worse_values_never_give_a_better_alert(
    course: list[float], more: float, limits: Bounds
) -> None:
    better, _ = lived(list(course), limits)
    worse, _ = lived([value + more for value in course], limits)
    for one, other in zip(better, worse, strict=True):
        before, after = (state.active.get(CPU, Severity.INFO) for state in (one, other))
        assert RANK[after] >= RANK[before]


@given(courses, numbers, bounds(), st.integers(1, 30))
def test_a_new_leader_with_the_same_values_raises_nothing_again(
    course: list[float | None], last: float, limits: Bounds, seconds: int
) -> None:
    states, _ = lived([*course, *[last] * 25], limits)
    settled = AlertState(active=states[-1].active)  # all that stands in the store
    _, changes = lived([last] * seconds, limits, settled)
    assert changes == []


@settings(max_examples=50)
@given(st.permutations(SERIES), st.lists(numbers, min_size=3, max_size=3), bounds())
def test_the_order_of_values_makes_no_difference(
    order: list[Series], found: list[float], limits: Bounds
) -> None:
    values = dict(zip(SERIES, found, strict=True))
    turned = {series: values[series] for series in order}
    limits = replace(limits, for_s=0.0)
    first = evaluate(AlertState(), values, lambda _: limits, 1.0)
    second = evaluate(AlertState(), turned, lambda _: limits, 1.0)
    assert first == second
    assert list(first[0].tracks) == sorted(first[0].tracks)
    assert {change.series for change in first[1]} <= set(values)


@given(courses, bounds())
def test_what_is_measured_no_more_is_over_after_a_while_and_not_before(
    course: list[float | None], limits: Bounds
) -> None:
    states, _ = lived(course, limits)
    for second in range(int(MISSING_S) + 2):
        now = len(course) + second
        state, changes = evaluate(states[-1], {}, lambda _: limits, float(now))
        states.append(state)
        if second < MISSING_S - len(course) - 1:
            assert changes == ()
    assert states[-1].active == {}


@given(st.lists(numbers, min_size=1, max_size=40), bounds())
def test_no_alert_lowers_below_a_bound_it_has_not_been_back_within_for_the_time_to_clear(
    course: list[float], limits: Bounds
) -> None:
    _, changes = lived(list(course), limits)
    for second, change in changes:
        if RANK[change.after] < RANK[change.before]:
            assert second >= limits.clear_s
            seen = course[int(second - limits.clear_s) : second + 1]
            assert all(RANK[limits.held(value)] <= RANK[change.after] for value in seen)
