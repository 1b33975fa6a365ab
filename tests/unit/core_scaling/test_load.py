"""Averages of the rate, and the learnt capacity of an instance."""

import pytest

from aether.core.scaling.load import Load, capacity_of, measured
from aether.core.scaling.settings import DEFAULTS
from tests.scaling_seconds import seen


def after(*rates: float | None, utilisation: float | None = None) -> Load | None:
    load = None
    for at, rate in enumerate(rates):
        load = measured(load, seen(float(at), rate, utilisation=utilisation), DEFAULTS)
    return load


def test_averages_follow_a_jump_at_their_spans() -> None:
    load = after(100.0, *[200.0] * 10)
    assert load is not None
    assert 180.0 < load.fast < 190.0
    assert 125.0 < load.slow < 135.0


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
