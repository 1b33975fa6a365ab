"""Laws of scaling: bounded, monotone, calm, blind to nothing, replayable."""

from dataclasses import replace

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.scaling.bounds import Bounds
from aether.core.scaling.controller import first_state, step
from aether.core.scaling.decision import RULES, decide, decision_on, replay
from aether.core.scaling.forecast import Forecast, Mode
from aether.core.scaling.keeping import why_kept
from aether.core.scaling.need import needed, reactive
from aether.core.scaling.plans import Planned
from aether.core.scaling.question import Ahead, Question
from aether.core.scaling.settings import DEFAULTS, ScalingSettings
from tests.scaling_seconds import FIXED, Pool, drifting, noisy, seen, turns

quickly = settings(max_examples=40, deadline=None)
rates = st.floats(0.0, 20_000.0)
modes = st.sampled_from(list(Mode))
some_settings = st.builds(
    ScalingSettings, learns=st.booleans(), mode=modes, most_factor=st.floats(1.5, 8.0)
)


@st.composite
def bounds(draw: st.DrawFn, *, may_hold: bool = False) -> Bounds:
    minimum = draw(st.integers(0, 20))
    return Bounds(
        minimum,
        draw(st.integers(minimum, 150)),
        draw(st.integers(0, 200)),
        draw(st.sampled_from(["", "", "", "a roll-out runs"])) if may_hold else "",
        draw(st.sampled_from(["", "", "an instance fails to start"])) if may_hold else "",
    )


@st.composite
def questions(draw: st.DrawFn) -> Question:
    settings = draw(some_settings)
    target = draw(st.integers(0, 160))
    ready = draw(st.integers(0, target))
    planned = st.builds(Planned, rate=rates, headroom=st.just(1.3), span_s=st.just(300.0))
    return Question(
        target=target,
        ready=ready,
        starting=target - ready,
        bounds=draw(bounds(may_hold=True)),
        settings=settings,
        demand=draw(st.none() | rates),
        busy=draw(st.none() | st.floats(0.0, 1.0)),
        capacity=draw(st.none() | st.floats(0.1, 1000.0)),
        errors=draw(st.floats(0.0, 1.0)),
        held_need=draw(st.integers(0, 100)),
        recent_need=draw(st.integers(0, 100)),
        since_change_s=draw(st.floats(0.0, 1000.0)),
        watched_s=draw(st.floats(0.0, 10_000.0)),
        planned=draw(planned) if settings.learns else None,
        ahead=draw(
            st.builds(
                Ahead,
                state=st.sampled_from(["good", "shadow", "untrusted", "expired"]),
                soon=rates,
                later=rates,
            )
        ),
    )


@given(questions())
@quickly
def test_what_is_wanted_lies_within_the_bounds_or_moves_towards_them(asked: Question) -> None:
    wanted, rule = decide(asked)
    limits = asked.bounds
    assert rule in RULES
    if limits.held:
        assert (wanted, rule) == (asked.target, "held")
        return
    assert limits.minimum <= wanted <= max(limits.maximum, limits.minimum)
    assert wanted <= max(limits.room, asked.target, limits.minimum)


@given(questions(), rates)
@quickly
def test_more_load_never_wants_fewer_instances(asked: Question, more: float) -> None:
    if asked.demand is None:
        return
    busier = msgspec.structs.replace(asked, demand=asked.demand + more)
    assert reactive(busier) >= reactive(asked)
    assert decide(busier)[0] >= decide(asked)[0]


@given(questions(), rates)
@quickly
def test_a_forecast_of_more_never_wants_fewer_instances(asked: Question, more: float) -> None:
    ahead = msgspec.structs.replace(
        asked.ahead, soon=asked.ahead.soon + more, later=asked.ahead.later + more
    )
    assert decide(msgspec.structs.replace(asked, ahead=ahead))[0] >= decide(asked)[0]


@given(questions())
@quickly
def test_no_forecast_and_no_plan_takes_what_the_present_load_needs(asked: Question) -> None:
    wanted, _ = decide(asked)
    if asked.demand is None or (not asked.capacity and asked.busy is None):
        return
    if wanted < asked.target:
        assert wanted >= min(reactive(asked), asked.bounds.maximum)
    assert needed(asked) >= reactive(asked)


@given(questions(), st.floats(0.0, 1.0))
@quickly
def test_more_errors_never_want_more_instances(asked: Question, errors: float) -> None:
    calm, failing = sorted([asked.errors, errors])
    few = decide(msgspec.structs.replace(asked, errors=calm))[0]
    many = decide(msgspec.structs.replace(asked, errors=failing))[0]
    assert many <= max(few, asked.target)


@given(questions())
@quickly
def test_missing_figures_change_nothing_within_bounds(asked: Question) -> None:
    blind = msgspec.structs.replace(asked, demand=None)
    wanted, _ = decide(blind)
    inside = asked.bounds.minimum <= asked.target <= max(asked.bounds.maximum, asked.bounds.minimum)
    if inside or asked.bounds.held:
        assert wanted == asked.target


@given(questions())
@quickly
def test_what_keeps_instances_keeps_all_and_stops_no_growth(asked: Question) -> None:
    wanted, _ = decide(asked)
    if why_kept(asked) and asked.target <= asked.bounds.maximum:
        assert wanted >= asked.target
    freed = msgspec.structs.replace(asked, watched_s=1e9, bounds=replace(asked.bounds, keep=""))
    assert max(decide(freed)[0], asked.target) == max(wanted, asked.target)


@given(
    st.lists(st.none() | rates, min_size=1, max_size=60),
    st.integers(31, 2000),
    rates,
    some_settings,
)
@settings(max_examples=20, deadline=None)
def test_after_a_hole_nothing_is_given_up_at_first(
    load: list[float | None], hole_s: int, after: float, chosen: ScalingSettings
) -> None:
    pool = Pool(target=9, settings=replace(chosen, hold_s=10.0)).live(load)
    before = pool.target
    pool.at += hole_s
    pool.live([after] * 9)
    assert min(pool.targets[-9:]) >= before


@given(questions())
@quickly
def test_a_decision_is_made_again_from_its_inputs(asked: Question) -> None:
    decision = decision_on(asked)
    inputs = decision.inputs
    assert replay(inputs) == inputs["decision"]
    assert all(isinstance(text, str) for text in inputs.values())
    assert str(decision.wanted) in decision.text
    assert isinstance(decision.rejected, dict)


@given(st.lists(st.none() | rates, max_size=80), bounds(), some_settings)
@settings(max_examples=20, deadline=None)
def test_steps_stay_in_bounds_and_equal_seconds_give_equal_decisions(
    load: list[float | None], limits: Bounds, chosen: ScalingSettings
) -> None:
    lives = [Pool(bounds=limits, settings=chosen).live(load) for _ in range(2)]
    assert lives[0].targets == lives[1].targets
    assert lives[0].state == lives[1].state
    for decision in lives[0].decisions:
        assert limits.minimum <= decision.wanted <= max(limits.maximum, limits.minimum)


@given(st.floats(30.0, 3000.0), st.integers(0, 1000), st.booleans())
@settings(max_examples=12, deadline=None)
def test_steady_noisy_load_turns_once_at_most_in_ten_minutes(
    mean: float, seed: int, learns: bool
) -> None:
    pool = Pool(target=max(1, round(mean / 75)), settings=replace(DEFAULTS, learns=learns))
    pool.live(noisy(mean, 300, seed))
    begun = len(pool.targets)
    pool.live(noisy(mean, 600, seed + 1))
    assert turns(pool.targets[begun - 1 :]) <= 1


@given(st.floats(300.0, 3000.0), st.integers(0, 1000))
@settings(max_examples=8, deadline=None)
def test_use_that_is_measured_badly_turns_it_once_at_most_in_ten_minutes(
    mean: float, seed: int
) -> None:
    pool = Pool(target=max(1, round(mean / 75)), haze=drifting(0.05, seed))
    pool.live(noisy(mean, 300, seed))
    begun = len(pool.targets)
    pool.live(noisy(mean, 600, seed + 1))
    assert turns(pool.targets[begun - 1 :]) <= 1


@given(st.floats(50.0, 5000.0), st.floats(0.0, 3.0), st.sampled_from([Mode.ASSIST, Mode.FULL]))
@settings(max_examples=12, deadline=None)
def test_a_forecast_never_ends_below_the_reactive_need(
    rate: float, factor: float, mode: Mode
) -> None:
    row = (rate * factor * 0.8, rate * factor, rate * factor * 1.2, rate * factor * 1.4)
    pool = Pool(target=8, settings=replace(FIXED, mode=mode))
    pool.live([rate] * 200, lambda at: Forecast(at - at % 60.0, 60.0, (row,) * 15))
    assert all(
        decision.wanted >= min(reactive(decision.asked), decision.asked.bounds.maximum)
        for decision in pool.decisions[40:]
    )
    assert pool.target * 100.0 >= rate


@given(st.floats(1.0, 5000.0), modes)
@quickly
def test_a_held_slice_is_never_scaled(rate: float, mode: Mode) -> None:
    held = Bounds(2, 50, 50, held="a roll-out runs")
    look = seen(1.0, rate, 4)
    _, decision = step(first_state(look), look, held, replace(DEFAULTS, mode=mode), None)
    assert (decision.wanted, decision.kind, decision.rule) == (4, "hold", "held")
    assert "roll-out" in decision.text
