"""Single courses of values, second by second."""

from aether.core.alerts.evaluate import GRACE_S, MISSING_S, AlertState, evaluate, evaluating
from aether.core.alerts.thresholds import Bounds, Series
from aether.core.metrics.work import at_once
from aether.core.model.alert_records import Severity

CPU: Series = ("node.cpu", "n-1")
LIMITS = Bounds(warning=0.9, critical=0.97, hysteresis=0.1, for_s=3, clear_s=2)


def course(
    *values: float | None, state: AlertState | None = None, limits: Bounds | None = LIMITS
) -> tuple[AlertState, list[tuple[int, str]]]:
    state, found = state or AlertState(), []
    for second, value in enumerate(values):
        given = {} if value is None else {CPU: value}
        state, changes = evaluate(state, given, lambda _: limits, float(second))
        found += [(second, str(change.after)) for change in changes]
    return state, found


def test_raised_after_its_time_worsened_eased_and_over() -> None:
    values = [0.95] * 5 + [1.0] * 5 + [0.85] * 4 + [0.5] * 4
    # Back below 0.873 for 2 s it is no longer critical, below 0.81 for 2 s it is over.
    assert course(*values)[1] == [(3, "warning"), (8, "critical"), (12, "warning"), (16, "info")]


def test_a_dip_begins_the_wait_anew() -> None:
    assert course(0.95, 0.95, 0.8, 0.95, 0.95, 0.95)[1] == []
    assert course(0.95, 0.95, 0.8, 0.95, 0.95, 0.95, 0.95)[1] == [(6, "warning")]


def test_a_short_hole_breaks_nothing_and_a_long_one_does() -> None:
    hole = [None] * int(GRACE_S - 1)
    assert course(0.95, *hole, 0.95)[1] == [(int(GRACE_S), "warning")]
    long = [None] * int(GRACE_S + 1)
    assert course(0.95, *long, 0.95)[1] == []


def test_what_is_measured_no_more_stays_for_a_while() -> None:
    state, _ = course(*[1.0] * 5)
    assert state.active == {CPU: Severity.CRITICAL}
    values = [1.0] * 5 + [None] * int(MISSING_S + 2)
    assert course(*values)[1][-1] == (int(4 + MISSING_S + 1), "info")


def test_what_is_compared_no_more_is_over_at_once() -> None:
    state, _ = course(*[1.0] * 5)
    after, changes = evaluate(state, {CPU: 1.0}, lambda _: None, 5.0)
    assert [(change.after, change.text) for change in changes] == [
        ("info", "node.cpu of n-1 is compared with nothing any more")
    ]
    assert after == AlertState(active={}, tracks={})


def test_what_is_not_a_number_is_no_value() -> None:
    assert course(*[float("nan")] * 9)[1] == []


def test_the_text_holds_value_bound_and_meaning() -> None:
    state, _ = course(0.95, 0.95, 0.95)
    _, (change,) = evaluate(state, {CPU: 0.95}, lambda _: LIMITS, 3.0)
    assert change.text == (
        "node.cpu of n-1 is 0.95 share (cores of the machine in use): above 0.9 for 3 s, warning"
    )
    assert (change.value, change.bound, change.before) == (0.95, 0.9, "info")


def test_one_dip_after_easing_resolves_nothing() -> None:
    # Out of critical since second 5, so eased at 7; the dip at 7 is the first second out of warning.
    values = [1.0] * 5 + [0.85] * 2 + [0.5] + [0.85] * 4
    assert course(*values)[1] == [(3, "critical"), (7, "warning")]


def test_what_is_back_within_both_bounds_at_once_is_over_at_once() -> None:
    assert course(*[1.0] * 5, *[0.5] * 3)[1] == [(3, "critical"), (7, "info")]


def test_what_has_no_warning_does_not_ease_to_one() -> None:
    limits = Bounds(critical=1.0, hysteresis=0.0, for_s=0, clear_s=2)
    assert course(1.0, 0.5, 0.5, 0.5, limits=limits)[1] == [(0, "critical"), (3, "info")]


def test_many_series_are_compared_piece_by_piece_with_the_same_result() -> None:
    values = {("node.cpu", f"n-{number}"): number / 100 for number in range(100)}
    begun, _ = evaluate(AlertState(), values, lambda _: LIMITS, 0.0)
    whole = evaluate(begun, values, lambda _: LIMITS, 3.0)
    assert whole[1]
    work = evaluating(begun, values, lambda _: LIMITS, 3.0)
    assert [next(work) for _ in range(3)] == [None] * 3
    assert at_once(work) == whole
