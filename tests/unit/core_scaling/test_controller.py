"""Seconds of a slice: growth, patience, gaps, new leaders."""

from dataclasses import replace

import pytest

from aether.core.scaling.bounds import Bounds
from aether.core.scaling.controller import History, first_state, state_from, step
from aether.core.scaling.forecast import STEPS, Forecast, Mode
from aether.core.scaling.plans import USUAL
from aether.core.scaling.settings import DEFAULTS
from tests.scaling_seconds import CAPACITY, FIXED, WIDE, Pool, noisy, seen, turns


def test_load_times_four_is_answered_at_once_and_served_soon() -> None:
    pool = Pool(target=4).live([300.0] * 400)
    before = pool.target
    pool.live([1200.0] * 3)
    assert pool.target > before
    pool.live([1200.0] * 12)
    assert (pool.target - len(pool.starting)) * 100.0 >= 1200.0


@pytest.mark.parametrize("settings", [DEFAULTS, FIXED])
def test_a_new_leader_gives_nothing_up_before_it_has_watched(settings: object) -> None:
    pool = Pool(target=20, settings=settings).live([100.0] * 290)  # type: ignore[arg-type] # both are settings
    assert set(pool.targets) == {20}
    pool.live([100.0] * 120)
    assert pool.target < 5


def test_a_short_dip_gives_nothing_up() -> None:
    pool = Pool(target=10).live([700.0] * 600)
    before = pool.target
    pool.live([100.0] * 100)
    assert pool.target == before


def test_missing_seconds_hold_and_the_load_after_them_counts() -> None:
    pool = Pool(target=8).live([500.0] * 400)
    before = pool.target
    pool.live([None] * 600)
    assert pool.target == before
    assert pool.decisions[-1].rule == "blind"
    pool.live([2000.0] * 20)
    assert pool.target > before


def test_the_target_is_the_stores_not_the_controllers() -> None:
    state = first_state(seen(0.0, 300.0, 4))
    state, decision = step(state, seen(1.0, 1000.0, 4), WIDE, DEFAULTS, None)
    assert decision.wanted > 4
    _, again = step(state, seen(2.0, 1000.0, 4), WIDE, DEFAULTS, None)
    assert again.asked.target == 4  # the wish was not carried out: it is wished again
    assert again.wanted > 4


def forecast(rate: float, at: float = 0.0, *, trusted: bool = True) -> Forecast:
    row = (rate * 0.9, rate, rate * 1.1, rate * 1.2)
    return Forecast(at, 60.0, (row,) * STEPS, trusted=trusted)


@pytest.mark.parametrize(
    ("mode", "told", "state"),
    [
        (Mode.SHADOW, forecast(2000.0), "shadow"),
        (Mode.OFF, forecast(2000.0), "off"),
        (Mode.FULL, forecast(2000.0, trusted=False), "untrusted"),
        (Mode.FULL, forecast(2000.0, at=-500.0), "expired"),
        (Mode.FULL, None, "none"),
    ],
)
def test_forecasts_that_do_not_count(mode: Mode, told: Forecast | None, state: str) -> None:
    look = seen(1.0, 300.0, 4)
    _, decision = step(first_state(look), look, WIDE, replace(FIXED, mode=mode), told)
    assert decision.wanted == 4
    assert decision.asked.ahead.state == state


@pytest.mark.parametrize("mode", [Mode.ASSIST, Mode.FULL])
def test_a_trusted_forecast_asks_early(mode: Mode) -> None:
    look = seen(1.0, 300.0, 4)
    _, decision = step(first_state(look), look, WIDE, replace(FIXED, mode=mode), forecast(800.0))
    assert (decision.rule, decision.wanted) == ("forecast", 11)


def test_only_full_releases_by_forecast() -> None:
    targets = {}
    for mode in (Mode.ASSIST, Mode.FULL):
        pool = Pool(target=10, settings=replace(FIXED, mode=mode))
        pool.live([700.0] * 320, lambda at: forecast(300.0, at))
        pool.live([200.0] * 250, lambda at: forecast(200.0, at))
        targets[mode] = pool.target
    assert targets[Mode.FULL] < 10
    assert targets[Mode.ASSIST] == 10


def test_a_past_told_by_steps_teaches_as_seconds_do() -> None:
    jumpy = [200.0, 200.0, 200.0, 900.0] * 200
    calm = [500.0] * 800
    bounds, look = Bounds(1, 100, 100), seen(0.0, 500.0, 8, startup_s=30.0)
    settings = replace(DEFAULTS, thrift=0.03)
    taught = state_from(History(jumpy, 60.0), look, bounds, settings)
    quiet = state_from(History(calm, 60.0), look, bounds, settings)
    assert taught.lessons.best != quiet.lessons.best
    _, jumped = step(taught, seen(1.0, 200.0, 20), bounds, settings, None)
    assert jumped.asked.planned is not None
    assert jumped.asked.planned.rate >= 900.0  # three calm minutes do not make it forget the fourth
    _, calmed = step(quiet, seen(1.0, 500.0, 8), bounds, settings, None)
    assert calmed.asked.planned is not None
    assert calmed.asked.planned.rate < 620.0


def test_a_past_that_cannot_teach_leaves_a_first_state() -> None:
    look = seen(0.0, 500.0, 8)
    for history in (History([1.0] * 9, 300.0), History([], 60.0)):
        state = state_from(history, look, WIDE, DEFAULTS)
        assert state.lessons.best == USUAL
    unknown = seen(0.0, 500.0, 8, capacity_rps=None)
    assert state_from(History([1.0] * 9, 60.0), unknown, WIDE, DEFAULTS) == first_state(unknown)
    gaps = History([float("nan")] * 9, 60.0)
    assert state_from(gaps, look, WIDE, DEFAULTS).loads == ()


def test_the_state_of_a_busy_hour_stays_small() -> None:
    pool = Pool(target=10).live(noisy(700.0, 3700))
    assert pool.state is not None
    assert len(pool.state.loads) <= 1200 / 5 + 1
    assert len(pool.state.lessons.looks) <= 5
    assert len(pool.state.lessons.peaks) <= 25


def test_after_a_hole_in_the_figures_the_first_second_gives_nothing_up() -> None:
    for settings, hole_s in ((DEFAULTS, 1500), (FIXED, 360)):
        pool = Pool(target=8, settings=settings).live([600.0] * 3000)
        before = pool.target
        pool.live([None] * hole_s).live([200.0] * 290)
        assert pool.target == before
        assert pool.decisions[-1].rule == "new"
        pool.live([200.0] * 1300)
        assert pool.target < before


def test_after_a_long_time_of_errors_the_first_second_gives_nothing_up() -> None:
    pool = Pool(target=8).live([600.0] * 3000)
    before = pool.target
    pool.errors = 0.9
    pool.live([600.0] * 1500)
    pool.errors = 0.0
    pool.live([100.0] * 290)
    assert pool.target == before
    pool.live([100.0] * 1300)
    assert pool.target < before


def test_a_few_seconds_without_figures_do_not_begin_the_watch_anew() -> None:
    pool = Pool(target=20).live([500.0] * 200).live([None] * 20).live([500.0] * 100)
    assert pool.target < 20


def test_nothing_goes_before_the_span_of_the_plan_in_force_was_watched() -> None:
    pool = Pool(target=8).live([700.0, 700.0, 700.0, 900.0] * 1200)
    assert pool.state is not None
    span = pool.decisions[-1].asked.planned
    assert span is not None
    before = pool.target
    pool.live([None] * 1500)
    at = len(pool.decisions)
    pool.live([100.0] * 1400)
    first = next(n for n, one in enumerate(pool.decisions[at:]) if one.kind == "down")
    assert first >= max(span.span_s, 300.0) - 1
    assert pool.target < before


def test_a_hold_that_somebody_set_holds_where_headroom_is_learnt() -> None:
    held = replace(DEFAULTS, hold_s=3600.0, holds=True)
    pool = Pool(target=7, settings=held).live([500.0] * 3700)
    before = pool.target
    assert before == 7
    pool.live([100.0] * 3400)
    assert pool.target == before
    assert "7 in the last 3600 s" in pool.decisions[-1].text
    pool.live([100.0] * 600)
    assert pool.target < before


def test_use_alone_keeps_headroom_and_what_was_needed_lately() -> None:
    """The capacity of an instance is not known: no second had instances used by 30 %."""
    state, wanted = None, []
    for second in range(600):
        use = 0.28 if second % 100 < 20 else 0.10
        look = seen(float(second), use * 1000.0, 10, capacity_rps=None, utilisation=use)
        state, decision = step(state or first_state(look), look, WIDE, DEFAULTS, None)
        assert decision.asked.planned is None
        wanted.append(decision.wanted)
    assert set(wanted[:300]) == {10}
    assert min(wanted) == 4  # 10 x 28 % at 75 % use


def test_until_something_is_learnt_the_usual_headroom_holds() -> None:
    pool = Pool(target=10).live([700.0] * 1500)
    assert set(pool.targets) == {10}  # 700 / 75 %
    assert pool.state is not None
    assert pool.state.lessons.best == USUAL


def test_a_day_without_traffic_does_not_cap_the_ramp_after_it() -> None:
    idle, ramp = [0.0] * 1450, [10.0 + 20.0 * minute for minute in range(20)]
    look = seen(0.0, ramp[-1], 8, startup_s=30.0)
    state = state_from(History([*idle, *ramp], 60.0), look, WIDE, DEFAULTS)
    _, decision = step(state, seen(1.0, 410.0, 8, startup_s=30.0), WIDE, DEFAULTS, None)
    plan = decision.asked.planned
    assert plan is not None
    assert not plan.capped
    assert plan.rate == pytest.approx(410.0 * plan.headroom)


def test_the_peak_of_a_day_like_the_one_before_is_capped() -> None:
    day = [500.0] * 1000 + [1000.0] * 200 + [500.0] * 600
    look = seen(0.0, 1000.0, 8, startup_s=30.0)
    state = state_from(History([*day, *[1000.0] * 5], 60.0), look, WIDE, DEFAULTS)
    _, decision = step(state, seen(1.0, 1050.0, 12, startup_s=30.0), WIDE, DEFAULTS, None)
    plan = decision.asked.planned
    assert plan is not None
    assert plan.rate <= 1050.0 * DEFAULTS.day_margin + 1e-6


def test_what_saturated_instances_called_for_is_held() -> None:
    haze = [1.0]
    pool = Pool(target=4, haze=lambda: haze[0]).live([240.0] * 1800)
    learnt = pool.target
    haze[0] = CAPACITY * learnt / 240.0  # full at a load they should serve
    pool.live([240.0] * 60)
    strained = pool.target
    assert strained > learnt
    haze[0] = 1.0
    pool.live([240.0] * (int(DEFAULTS.calm_s) - 60))
    assert pool.target == strained
    pool.live([240.0] * 120)
    assert pool.target < strained


@pytest.mark.parametrize("slower", [1.4, 1.7, 2.0])
def test_instances_that_serve_less_all_at_once_do_not_turn_it_again_and_again(
    slower: float,
) -> None:
    haze = [1.0]
    pool = Pool(target=5, startup_s=10.0, haze=lambda: haze[0]).live(noisy(400.0, 1800))
    begun = len(pool.targets)
    haze[0] = slower  # their database is, say
    pool.live(noisy(400.0, 3600, seed=2))
    assert turns(pool.targets[begun - 1 :]) <= 4
    assert min(pool.targets[-600:]) * CAPACITY / slower > 400.0


def test_a_burst_that_fills_instances_is_the_plans_business() -> None:
    pool = Pool(target=4, startup_s=30.0).live([100.0] * 1800)
    pool.live([1500.0] * 40)
    assert any((one.asked.busy or 0.0) > 0.97 for one in pool.decisions[-40:])
    pool.live([100.0] * 20)
    assert pool.state is not None
    assert pool.state.strains == ()


def test_capacity_moves_slowly_once_it_is_known() -> None:
    haze = [1.0]
    pool = Pool(target=4, haze=lambda: haze[0]).live([240.0] * 600)
    haze[0] = 1.2
    pool.live([240.0] * 30)
    state = pool.state
    assert state is not None
    assert state.load is not None
    assert state.load.capacity is not None
    assert state.load.capacity > 0.97 * CAPACITY
