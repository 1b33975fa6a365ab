"""Scaling decisions as people read them: a sentence, the inputs as text, what was not done and why."""

from collections.abc import Callable, Mapping

import msgspec

from aether.core.scaling.keeping import watch_s, why_kept
from aether.core.scaling.need import foreseen, needed, planned, reactive
from aether.core.scaling.plans import Planned
from aether.core.scaling.question import Question


def as_inputs(asked: Question) -> dict[str, str]:
    """Return each field of the question as JSON."""
    return {
        name: msgspec.json.encode(value, order="deterministic").decode()
        for name, value in msgspec.to_builtins(asked).items()
    }


def sentence(asked: Question, wanted: int, rule: str) -> str:
    """Say what was decided and from which values."""
    change = f"{asked.target} → {wanted}" if wanted != asked.target else f"{asked.target} stay"
    return f"{change}: {_SAYINGS.get(rule, _usually)(asked)}"


def keeping(asked: Question) -> str:
    """Say what stands against giving anything up; empty where nothing does."""
    rule = why_kept(asked)
    return _SAYINGS[rule](asked) if rule else ""


def alternatives(asked: Question, wanted: int) -> Mapping[str, str]:
    """Return what else might have been decided, and why it was not."""
    told: dict[str, str] = {}
    state = asked.ahead.state
    if state not in ("good", "none"):
        told["by forecast"] = f"the forecast is not acted on: {state}"
    if asked.demand is None or asked.bounds.held:
        return told
    need = needed(asked)
    if need > wanted:
        told[f"{need} instances"] = (
            f"bounds {asked.bounds.minimum} to {asked.bounds.maximum}, room for {asked.bounds.room},"
            f" steps of at most {asked.settings.most_factor:.3g} x"
        )
    elif need < wanted:
        told[f"{need} instances"] = f"{reactive(asked)} needed now{_kept(asked)}"
    return told


def _usually(asked: Question) -> str:
    return f"{_load(asked)}, {reactive(asked)} needed now{_kept(asked)}"


def _from_load(asked: Question) -> str:
    settings = asked.settings
    learnt = asked.planned is not None
    use = settings.most_utilisation if learnt else settings.target_utilisation
    return f"{_load(asked)}, {reactive(asked)} needed at {use:.0%} use"


def _from_plan(asked: Question) -> str:
    plan = asked.planned
    if plan is None:
        soon, use = asked.ahead.soon, asked.settings.forecast_utilisation
        return (
            f"{soon:.4g} requests/s forecast, {foreseen(soon, asked)} needed at {use:.0%} use;"
            f" now {_load(asked)}"
        )
    return f"{planned(asked)} are to be there for {_plan(plan)}; now {_load(asked)}"


def _limited(asked: Question) -> str:
    bounds = asked.bounds
    return (
        f"{_load(asked)}, {needed(asked)} needed, but the maximum is {bounds.maximum}"
        f" and the nodes have room for {bounds.room}"
    )


def _slow(asked: Question) -> str:
    most = asked.settings.latency_most_s
    return f"p95 {asked.p95_s or 0.0:.3g} s is above {most:.3g} s; {_load(asked)}"


def _failing(asked: Question) -> str:
    most = asked.settings.errors_most
    return f"{asked.errors:.0%} of requests fail, above {most:.0%}: nothing is given up"


def _new(asked: Question) -> str:
    least = watch_s(asked)
    return f"watched without a hole for {asked.watched_s:.0f} s; nothing is given up before {least:.0f} s"


def _paused(asked: Question) -> str:
    pause = asked.settings.down_interval_s
    return f"the last change was {asked.since_change_s:.0f} s ago, a reduction is due after {pause:.0f} s"


def _unknown(asked: Question) -> str:
    if asked.demand is None:
        return "nobody reports this slice's requests; nothing is changed on missing figures"
    return "neither the capacity of an instance nor its use is known; state capacity_rps in the blueprint"


def _load(asked: Question) -> str:
    parts = [f"{asked.demand or 0.0:.4g} requests/s"]
    if asked.capacity:
        parts.append(f"{asked.capacity:.4g} an instance")
    if asked.busy is not None:
        parts.append(f"{asked.busy:.0%} in use")
    if asked.errors > asked.settings.errors_most:
        parts.append(f"{asked.errors:.0%} failing and not counted")
    return ", ".join(parts)


def _plan(plan: Planned) -> str:
    basis = f"the largest load of {plan.span_s:.0f} s"
    if plan.quantile:
        basis = f"the forecast's {plan.quantile}"
    capped = ", cut to the margin above the day's peak" if plan.capped else ""
    return f"{plan.rate:.4g} requests/s: {plan.headroom:.3g} x {basis}{capped}, as learnt"


def _kept(asked: Question) -> str:
    settings = asked.settings
    if asked.planned is not None:
        held = f", {asked.held_need} in the last {settings.hold_s:.0f} s" if settings.holds else ""
        return f", {planned(asked)} to be there for {_plan(asked.planned)}{held}"
    if not asked.ahead.counts:
        return f", {asked.held_need} in the last {settings.hold_s:.0f} s"
    return (
        f", {asked.recent_need} in the last {settings.forecast_hold_s:.0f} s,"
        f" {foreseen(asked.ahead.later, asked)} for the {asked.ahead.later:.4g} requests/s forecast"
    )


_SAYINGS: Mapping[str, Callable[[Question], str]] = {
    "held": lambda asked: asked.bounds.held,
    "minimum": lambda asked: f"at least {asked.bounds.minimum} are wanted",
    "maximum": lambda asked: f"at most {asked.bounds.maximum} are wanted",
    "blind": _unknown,
    "load": _from_load,
    "headroom": _from_plan,
    "forecast": _from_plan,
    "slow": _slow,
    "limit": _limited,
    "kept": lambda asked: f"nothing is given up: {asked.bounds.keep}",
    "failing": _failing,
    "new": _new,
    "pause": _paused,
}
"""Rule → why, where it is not the usual sentence on load and need."""
