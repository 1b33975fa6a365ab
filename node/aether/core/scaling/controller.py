"""One second of one slice: look, remember, ask, decide. The whole of scaling as one pure function.

`step` is what the leader calls for every slice each second, and what the simulator calls.
"""

import msgspec

from aether.core.scaling.bounds import Bounds
from aether.core.scaling.decision import Decision, decision_on
from aether.core.scaling.forecast import Forecast, Mode
from aether.core.scaling.load import Load, capacity_of, measured
from aether.core.scaling.need import reactive
from aether.core.scaling.observation import Observation
from aether.core.scaling.question import Ahead, Question
from aether.core.scaling.settings import ScalingSettings
from aether.core.scaling.window import Maxima, largest, pushed


class SliceState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is remembered of one slice between two seconds; small, and a value."""

    load: Load | None = None
    needs: Maxima = ()
    """Instances needed in the last `hold_s`."""
    down_at: float
    """When instances were last given up, or watching began."""


_NOTHING_AHEAD = Ahead()


def first_state(seen: Observation) -> SliceState:
    """Return the state of a slice that is watched from now on.

    Its present target counts as needed just now, so a new leader gives nothing up before it has watched
    for as long as it has to.
    """
    return SliceState(needs=pushed((), seen.at, seen.target, 0.0), down_at=seen.at)


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
    load = measured(state.load, seen, settings)
    asked = _question(state, load, seen, bounds, settings, forecast)
    needs = state.needs
    if asked.demand is not None:
        needs = pushed(needs, seen.at, reactive(asked), settings.hold_s)
        asked = msgspec.structs.replace(
            asked,
            held_need=int(largest(needs, seen.at - settings.hold_s)),
            recent_need=int(largest(needs, seen.at - settings.forecast_hold_s)),
        )
    decision = decision_on(asked)
    down_at = seen.at if decision.kind == "down" else state.down_at
    return SliceState(load=load, needs=needs, down_at=down_at), decision


def _question(
    state: SliceState,
    load: Load | None,
    seen: Observation,
    bounds: Bounds,
    settings: ScalingSettings,
    forecast: Forecast | None,
) -> Question:
    demand = None
    if load is not None and seen.rate is not None:
        demand = max(load.fast, load.slow) + seen.queue / settings.queue_drain_s
    return Question(
        target=seen.target,
        ready=seen.ready,
        starting=seen.starting,
        bounds=bounds,
        settings=settings,
        demand=demand,
        busy=None if load is None else load.busy,
        capacity=seen.capacity_rps if load is None else capacity_of(load, seen),
        errors=seen.error_share or 0.0,
        since_down_s=seen.at - state.down_at,
        ahead=_ahead(forecast, seen, settings),
    )


def _ahead(forecast: Forecast | None, seen: Observation, settings: ScalingSettings) -> Ahead:
    """Return what the forecast asks for, and whether it counts."""
    if forecast is None:
        return _NOTHING_AHEAD
    state = "good"
    if settings.mode in (Mode.OFF, Mode.SHADOW):
        state = settings.mode.value
    elif not forecast.fresh(seen.at):
        state = "expired"
    elif not forecast.trusted:
        state = "untrusted"
    began = seen.at - forecast.made_at
    startup = settings.startup_s if seen.startup_s is None else seen.startup_s
    lead = began + startup + settings.startup_margin_s
    keep = max(lead, began + settings.keep_steps * forecast.step_s)
    return Ahead(state=state, soon=forecast.peak(began, lead), later=forecast.peak(began, keep))
