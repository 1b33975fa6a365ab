"""Scaling decisions as people read them: a sentence, the inputs as text, what was not done and why."""

from collections.abc import Callable, Mapping

import msgspec

from aether.core.scaling.need import foreseen, reactive
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
    return f"{change}: {_because(asked, rule)}"


def _because(asked: Question, rule: str) -> str:
    say = _SAYINGS.get(rule)
    if say is None:
        return f"{_load(asked)}, {reactive(asked)} needed now{_kept(asked)}"
    return say(asked)


def _from_load(asked: Question) -> str:
    use = asked.settings.target_utilisation
    return f"{_load(asked)}, {reactive(asked)} needed at {use:.0%} use"


def _from_forecast(asked: Question) -> str:
    soon, use = asked.ahead.soon, asked.settings.forecast_utilisation
    return (
        f"{soon:.4g} requests/s forecast, {foreseen(soon, asked)} needed at {use:.0%} use;"
        f" now {_load(asked)}"
    )


def _limited(asked: Question) -> str:
    bounds = asked.bounds
    return (
        f"{_load(asked)}, {_wish(asked)} needed, but the maximum is {bounds.maximum}"
        f" and the nodes have room for {bounds.room}"
    )


def _failing(asked: Question) -> str:
    most = asked.settings.errors_most
    return f"{asked.errors:.0%} of requests fail, above {most:.0%}: nothing is given up"


def _paused(asked: Question) -> str:
    pause = asked.settings.down_interval_s
    return f"the last reduction was {asked.since_down_s:.0f} s ago, the next is due after {pause:.0f} s"


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


def _wish(asked: Question) -> int:
    soon = foreseen(asked.ahead.soon, asked) if asked.ahead.counts else 0
    return max(reactive(asked), soon)


def _kept(asked: Question) -> str:
    settings = asked.settings
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
    "forecast": _from_forecast,
    "limit": _limited,
    "failing": _failing,
    "pause": _paused,
}
"""Rule → why, where it is not the usual sentence on load and need."""


def alternatives(asked: Question, wanted: int) -> Mapping[str, str]:
    """Return what other rules would have wanted, and why they did not get their way."""
    told: dict[str, str] = {}
    ahead = asked.ahead
    if not ahead.counts and ahead.state != "none" and asked.capacity:
        told[f"{foreseen(ahead.soon, asked)} by forecast"] = (
            f"the forecast is not acted on: {ahead.state}"
        )
    if asked.demand is not None and not asked.bounds.held:
        need = _wish(asked)
        if need > wanted:
            told[f"{need} by load"] = (
                f"bounds {asked.bounds.minimum} to {asked.bounds.maximum}, room for {asked.bounds.room},"
                f" steps of at most {asked.settings.most_factor:.3g} x"
            )
        elif need < wanted:
            told[f"{need} by load"] = _kept(asked).removeprefix(", ") + " needed"
    return told
