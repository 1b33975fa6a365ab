"""One second of one slice: look, remember, ask, decide. The whole of scaling as one pure function.

`step` is what the leader calls for every slice each second, and what the simulator calls.
"""

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

import msgspec

from aether.core.scaling.bounds import Bounds
from aether.core.scaling.choice import chosen
from aether.core.scaling.decision import Decision, decision_on
from aether.core.scaling.forecast import Forecast, Mode
from aether.core.scaling.lessons import DAY_S, Lessons, Look, due, looked, most_known
from aether.core.scaling.load import Load, capacity_of, counts, measured, utilisation_of
from aether.core.scaling.need import reactive, saturated
from aether.core.scaling.observation import Observation
from aether.core.scaling.plans import (
    LONGEST_S,
    SPANS_S,
    Bases,
    Planned,
    forecast_bases,
    from_forecast,
    from_past,
    past_bases,
)
from aether.core.scaling.question import Ahead, Question
from aether.core.scaling.settings import ScalingSettings
from aether.core.scaling.window import Maxima, largest, pushed

HOLE_S = SPANS_S[0] / 2.0
"""After so long without figures that count the watch begins anew: of shorter holes half of every span is left."""


class SliceState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is remembered of one slice between two seconds; small, and a value."""

    since: float
    """When watching began."""
    seen_since: float
    """Since when there has been no hole in the figures that count; those of requests that fail do not."""
    counted_at: float
    """When there were such figures last, or watching began."""
    changed_at: float
    """When the number of instances was last changed, or watching began."""
    raised_at: float
    """When instances were last added, or watching began."""
    load: Load | None = None
    loads: Maxima = ()
    """Largest loads of the last `LONGEST_S`, requests per second."""
    needs: Maxima = ()
    """Instances needed in the last `hold_s`; kept where no plan holds alone."""
    strains: Maxima = ()
    """Instances that others called for which were full at a load they should serve, in the last `calm_s`."""
    lessons: Lessons = Lessons()


class _Scene(NamedTuple):
    """The arguments of `step` that stay the same throughout."""

    seen: Observation
    bounds: Bounds
    settings: ScalingSettings
    forecast: Forecast | None

    @property
    def lead_s(self) -> float:
        """Seconds until instances asked for now surely serve."""
        startup = self.seen.startup_s
        return self.settings.startup_margin_s + (
            self.settings.startup_s if startup is None else startup
        )


class _Taken(NamedTuple):
    """What a look shows."""

    at: float
    load: float
    bases: Bases
    capacity: float


class History(NamedTuple):
    """The past of one slice by steps, oldest first."""

    rates: Sequence[float]
    """Mean requests per second; NaN where nobody measured."""
    step_s: float
    forecasts: Sequence[Forecast | None] = ()
    """The forecast made at the end of each step; empty where none were."""

    def forecast_before(self, number: int) -> Forecast | None:
        """Return the forecast made just before a step."""
        return self.forecasts[number - 1] if 0 < number <= len(self.forecasts) else None


def first_state(seen: Observation) -> SliceState:
    """Return the state of a slice that is watched from now on.

    Nothing is given up before it has been watched for `hold_s`.
    """
    at = seen.at
    return SliceState(since=at, seen_since=at, counted_at=at, changed_at=at, raised_at=at)


def state_from(
    history: History,
    seen: Observation,
    bounds: Bounds,
    settings: ScalingSettings,
) -> SliceState:
    """Return the state of a slice whose past is known by steps.

    What single seconds would have taught is learnt from steps instead, so a new leader need not begin anew.
    The capacity of an instance must be known, and steps be no longer than a minute; else nothing is learnt.
    """
    step_s, capacity = history.step_s, seen.capacity_rps
    if not capacity or not settings.learns or not 1.0 <= step_s <= 60.0:
        return first_state(seen)
    scene = _Scene(seen, bounds, settings, None)
    since = seen_since = counted_at = seen.at - len(history.rates) * step_s
    lessons = Lessons()
    loads: Maxima = ()
    for number, rate in enumerate(history.rates):
        if not counts(rate):
            continue  # a step nobody measured
        at = since + (number + 0.5) * step_s
        if at - counted_at > max(HOLE_S, step_s):
            seen_since = at
        counted_at = at + 0.5 * step_s
        loads = pushed(loads, at, rate, LONGEST_S)
        ahead = forecast_bases(history.forecast_before(number), at, scene.lead_s)
        taken = _Taken(at, rate, (*past_bases(loads, at), *ahead), capacity)
        lessons, _ = _taught(lessons, taken, scene, since)
    return SliceState(
        since=since,
        seen_since=seen_since,
        counted_at=counted_at,
        changed_at=seen.at,
        raised_at=seen.at,
        loads=loads,
        lessons=chosen(lessons, settings),
    )


def step(
    state: SliceState,
    seen: Observation,
    bounds: Bounds,
    settings: ScalingSettings,
    forecast: Forecast | None,
) -> tuple[SliceState, Decision]:
    """Return what is remembered after this second, and what is decided in it.

    Called about once a second and slice; missed seconds do no harm.
    """
    scene = _Scene(seen, bounds, settings, forecast)
    load = measured(state.load, seen, settings)
    if load is not None and counts(seen.rate):
        state = _remembered(state, load, scene)
    seen_since, counted_at = _watched(state, seen, settings)
    asked = _question(state, load, scene, seen.at - seen_since)
    if asked.demand is not None:
        by_plan = asked.planned is not None and not settings.holds
        state, asked = (_strained if by_plan else _held)(state, asked, seen.at)
    decision = decision_on(asked)
    return SliceState(
        since=state.since,
        seen_since=seen_since,
        counted_at=counted_at,
        changed_at=state.changed_at if decision.kind == "hold" else seen.at,
        raised_at=seen.at if decision.kind == "up" else state.raised_at,
        load=load,
        loads=state.loads,
        needs=state.needs,
        strains=state.strains,
        lessons=state.lessons,
    ), decision


def _watched(
    state: SliceState, seen: Observation, settings: ScalingSettings
) -> tuple[float, float]:
    """Return since when there has been no hole in the figures that count, and when there were such last."""
    if not counts(seen.rate) or _fails(seen, settings):
        return state.seen_since, state.counted_at
    return seen.at if seen.at - state.counted_at > HOLE_S else state.seen_since, seen.at


def _fails(seen: Observation, settings: ScalingSettings) -> bool:
    """Say whether so many requests fail that they are no load to learn from."""
    return (seen.error_share or 0.0) > settings.errors_most


def _remembered(state: SliceState, load: Load, scene: _Scene) -> SliceState:
    """Return the state with this second's load; every few seconds with a lesson."""
    seen, settings = scene.seen, scene.settings
    if _fails(seen, settings):
        return state  # failures and their repetitions are no load to learn from
    loads = pushed(state.loads, seen.at, load.fast, LONGEST_S)
    lessons = state.lessons
    capacity = capacity_of(load, seen)
    if settings.learns and capacity and due(lessons, seen.at):
        ahead = forecast_bases(scene.forecast, seen.at, scene.lead_s)
        look = _Taken(seen.at, load.fast, (*past_bases(loads, seen.at), *ahead), capacity)
        lessons, learnt = _taught(lessons, look, scene, state.since)
        lessons = chosen(lessons, settings) if learnt else lessons
    elif loads is state.loads:
        return state
    return msgspec.structs.replace(state, loads=loads, lessons=lessons)


def _taught(lessons: Lessons, taken: _Taken, scene: _Scene, since: float) -> tuple[Lessons, bool]:
    """Return the lessons with a look more, and whether a whole minute was learnt with it."""
    look = Look(
        at=taken.at,
        load=taken.load,
        bases=taken.bases,
        capacity=taken.capacity,
        lead_s=scene.lead_s,
        minimum=scene.bounds.minimum,
        most=_most(lessons, taken.at, since, scene.settings),
    )
    return looked(lessons, look, scene.settings)


def _most(lessons: Lessons, at: float, since: float, settings: ScalingSettings) -> float:
    """Return the highest rate worth planning for; nothing bounds it before a whole day was watched."""
    if at - since < DAY_S:
        return inf
    return most_known(lessons, at, settings.day_margin)


def _planned(state: SliceState, scene: _Scene, *, trusted: bool) -> Planned:
    """Return the plan in force at work; one on the forecast only where forecasts count."""
    at, lessons = scene.seen.at, state.lessons
    most = _most(lessons, at, state.since, scene.settings)
    past = from_past(lessons.best, state.loads, at, most)
    if not trusted or lessons.ahead is None or scene.forecast is None:
        return past
    ahead = from_forecast(lessons.ahead, scene.forecast, scene.lead_s, most)
    return past if scene.settings.mode is Mode.ASSIST and ahead.rate <= past.rate else ahead


def _question(state: SliceState, load: Load | None, scene: _Scene, watched_s: float) -> Question:
    seen, settings = scene.seen, scene.settings
    demand = None
    if load is not None and counts(seen.rate):
        demand = max(load.fast, load.slow) + seen.queue / settings.queue_drain_s
    ahead = _ahead(scene)
    capacity = seen.capacity_rps if load is None else capacity_of(load, seen)
    learns = settings.learns and load is not None and capacity
    return Question(
        target=seen.target,
        ready=seen.ready,
        starting=seen.starting,
        bounds=scene.bounds,
        settings=settings,
        demand=demand,
        busy=utilisation_of(load, seen.ready),
        capacity=capacity,
        errors=seen.error_share or 0.0,
        p95_s=seen.p95_s,
        since_change_s=seen.at - state.changed_at,
        watched_s=watched_s,
        planned=_planned(state, scene, trusted=ahead.counts) if learns else None,
        ahead=ahead,
    )


def _held(state: SliceState, asked: Question, at: float) -> tuple[SliceState, Question]:
    """Remember what is needed now at the target utilisation, and ask with the most that was needed lately."""
    settings = asked.settings
    now = reactive(msgspec.structs.replace(asked, planned=None))
    needs = pushed(state.needs, at, now, settings.hold_s)
    held = int(largest(needs, at - settings.hold_s))
    recent = int(largest(needs, at - settings.forecast_hold_s))
    return (
        msgspec.structs.replace(state, needs=needs),
        msgspec.structs.replace(asked, held_need=held, recent_need=recent),
    )


def _strained(state: SliceState, asked: Question, at: float) -> tuple[SliceState, Question]:
    """Remember what instances called for that are full at a load they should serve; ask with the most of it lately.

    A plan holds what its load needs by itself, but knows nothing of these. Held for so long that even noise
    without end turns the slice once in that time.
    """
    settings, held_s = asked.settings, asked.settings.calm_s
    came = max(asked.demand or 0.0, largest(state.loads, at - settings.slow_s))
    served = (asked.capacity or 0.0) * asked.ready * settings.most_utilisation
    # After a burst there is a backlog, and instances that were called for start. A reduction explains nothing.
    is_settled = not asked.starting and at - state.raised_at >= settings.slow_s
    need = saturated(asked) if is_settled and came <= served else 0
    if not need and not state.strains:
        return state, asked
    strains = pushed(state.strains, at, need, held_s)
    held = int(largest(strains, at - held_s))
    return (
        msgspec.structs.replace(state, strains=strains if held else ()),
        msgspec.structs.replace(asked, held_need=held),
    )


_STATES = {
    state: Ahead(state=state) for state in ("none", "off", "shadow", "expired", "untrusted", "good")
}


def _ahead(scene: _Scene) -> Ahead:
    """Return whether the forecast counts, and where headroom is not learnt what it asks for."""
    seen, settings, forecast = scene.seen, scene.settings, scene.forecast
    if forecast is None:
        return _STATES["none"]
    state = "good"
    if settings.mode is Mode.OFF or settings.mode is Mode.SHADOW:
        state = settings.mode.value
    elif not forecast.fresh(seen.at):
        state = "expired"
    elif not forecast.trusted:
        state = "untrusted"
    if settings.learns:
        return _STATES[state]
    began = seen.at - forecast.made_at
    lead = began + scene.lead_s
    keep = max(lead, began + settings.keep_steps * forecast.step_s)
    return Ahead(state=state, soon=forecast.peak(began, lead), later=forecast.peak(began, keep))
