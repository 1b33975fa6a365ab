"""Averages of the rate, and the learnt capacity of an instance."""

import pytest

from aether.core.scaling.load import Load, capacity_of, measured, utilisation_of
from aether.core.scaling.settings import DEFAULTS
from tests.scaling_seconds import seen


def after(*rates: float | None, utilisation: float | None = None) -> Load | None:
    load = None
    for at, rate in enumerate(rates):
        load = measured(load, seen(float(at), rate, utilisation=utilisation), DEFAULTS)
    return load


def test_averages_follow_a_rise_at_their_spans() -> None:
    load = after(100.0, *[140.0] * 10)
    assert load is not None
    assert 132.0 < load.fast < 136.0
    assert 110.0 < load.slow < 114.0


@pytest.mark.parametrize("factor", [2.0, 4.0, 40.0])
def test_a_jump_is_believed_in_its_third_second(factor: float) -> None:
    before, jumped = after(100.0, *[100.0 * factor] * 2), after(100.0, *[100.0 * factor] * 3)
    assert before is not None
    assert jumped is not None
    assert before.fast < 100.0 + 40.0 * (factor - 1.0)
    assert jumped.fast == pytest.approx(100.0 * factor)
    assert jumped.slow < 100.0 + 10.0 * (factor - 1.0)


def test_a_jump_is_as_high_as_the_mean_of_its_seconds() -> None:
    jumped = after(100.0, 300.0, 600.0, 450.0)
    assert jumped is not None
    assert jumped.fast == pytest.approx(450.0)


def test_seconds_that_are_not_in_a_row_are_no_jump() -> None:
    load = after(100.0, 400.0, 400.0, 100.0, 400.0, 400.0, 100.0)
    assert load is not None
    assert load.fast < 250.0
    assert load.above_s == 0.0


def test_a_few_requests_more_are_no_jump() -> None:
    load = after(1.0, *[5.0] * 3)
    assert load is not None
    assert load.fast < 4.0


def test_one_look_after_a_hole_is_no_jump() -> None:
    once = measured(after(100.0), seen(5.0, 400.0), DEFAULTS)
    twice = measured(once, seen(10.0, 700.0), DEFAULTS)
    assert once is not None
    assert twice is not None
    assert once.fast < 320.0
    assert twice.fast == pytest.approx(550.0)


def test_seconds_without_figures_change_nothing() -> None:
    assert after(100.0, None, None) == after(100.0)
    assert after(None) is None


def test_a_missed_second_counts_for_two() -> None:
    every = after(100.0, 200.0, 200.0)
    load = after(100.0)
    skipped = measured(load, seen(2.0, 200.0, utilisation=None), DEFAULTS)
    assert every is not None
    assert skipped is not None
    assert skipped.fast == pytest.approx(every.fast)


def test_a_long_gap_begins_anew() -> None:
    load = after(100.0)
    again = measured(load, seen(500.0, 40.0), DEFAULTS)
    assert again is not None
    assert (again.fast, again.slow) == (40.0, 40.0)


def test_capacity_is_learnt_while_instances_are_neither_idle_nor_full() -> None:
    learnt = after(*[120.0] * 5, utilisation=0.5)
    assert learnt is not None
    assert learnt.capacity == pytest.approx(120.0 / (0.5 * 4))
    for useless in (0.1, 1.0):
        idle = after(*[120.0] * 5, utilisation=useless)
        assert idle is not None
        assert idle.capacity is None


def test_the_blueprint_bounds_what_is_learnt() -> None:
    load = Load(at=0.0, capacity=80.0)
    assert capacity_of(load, seen(capacity_rps=100.0)) == 80.0
    assert capacity_of(load, seen(capacity_rps=50.0)) == 50.0
    assert capacity_of(load, seen(capacity_rps=None)) == 80.0
    assert capacity_of(Load(at=0.0), seen(capacity_rps=None)) is None


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), -1.0])
def test_a_rate_that_is_no_rate_counts_as_unknown(rate: float) -> None:
    assert after(100.0, rate) == after(100.0)


def test_instances_that_have_just_come_do_not_count_as_full() -> None:
    load = after(*[400.0] * 20, utilisation=1.0)
    assert utilisation_of(load, 4) == 1.0
    assert utilisation_of(load, 8) == pytest.approx(0.5)
    assert utilisation_of(load, 0) is None
    assert utilisation_of(None, 4) is None


def test_seconds_in_which_requests_wait_teach_nothing() -> None:
    load = measured(None, seen(0.0, 10.0, utilisation=0.8, queue=5.0), DEFAULTS)
    assert load is not None
    assert load.capacity is None


def test_what_another_version_serves_is_learnt_as_fast_as_at_first() -> None:
    load = None
    for at in range(600):
        load = measured(load, seen(float(at), 200.0, utilisation=0.5, version="1.0.0"), DEFAULTS)
    for at in range(600, 660):
        load = measured(load, seen(float(at), 200.0, utilisation=0.8, version="2.0.0"), DEFAULTS)
    assert load is not None
    assert load.capacity == pytest.approx(200.0 / (0.8 * 4), rel=0.15)
    assert load.taught == 70
