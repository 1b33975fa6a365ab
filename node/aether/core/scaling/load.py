"""From single seconds to the load of a slice: averages of its rate, and what one instance can serve."""

from math import inf, sqrt
from typing import TypeGuard

import msgspec

from aether.core.scaling.observation import Observation
from aether.core.scaling.settings import ScalingSettings

_GAP_S = 60.0
"""After so long without figures the averages begin anew."""
_LEARN = 1.0 / 300.0
"""Least weight of a second's figure in the learnt capacity, which is their mean until then: what instances serve
changes with a version, not with the minute, and every change of it moves the instances wanted."""
_FIRST_GUESS = 10
"""Looks that what another version served is worth: as much as a guess, until this one has shown what it serves."""
_LEAST_USE = 0.3
"""Utilisation below which a second says too little of what an instance serves."""
_JUMP_S = 2.5
"""Seconds in a row far above the fast average that are a jump: three looks a second apart, which are never quite that."""
_JUMP_FACTOR = 1.5
"""How far above is far, as a multiple: log-normal noise of 30 % gets there for three seconds in a row once in two hours."""
_JUMP_SIGMAS = 5.0
"""And how far at least, in standard deviations of requests that come independently of each other."""


class Load(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the last seconds say of one slice's load."""

    at: float
    """When it was last measured."""
    fast: float = 0.0
    """Fast average of the request rate, per second."""
    slow: float = 0.0
    """Slow average of it."""
    used: float | None = None
    """Fast average of how many instances were in use. Not of the share of them: those that have just come to
    serve would count as full as those before them were."""
    capacity: float | None = None
    """Requests per second one instance serves at full use, as learnt."""
    taught: int = 0
    """Looks that said something about it, counted anew with every version."""
    version: str = ""
    """The version that was seen last."""
    above_s: float = 0.0
    """Seconds in a row, the last one among them, in which the rate was far above the fast average."""
    above: float = 0.0
    """Requests in these seconds."""


def counts(rate: float | None) -> TypeGuard[float]:
    """Say whether a rate was measured: a number, finite and not below 0."""
    return rate is not None and 0.0 <= rate < inf


def measured(load: Load | None, seen: Observation, settings: ScalingSettings) -> Load | None:
    """Return the load with a look more; None while no rate was ever seen."""
    rate = seen.rate
    if not counts(rate):
        return load
    if load is None or not 0.0 <= seen.at - load.at <= _GAP_S:
        capacity, taught = _learnt(load, seen, settings)
        return Load(
            at=seen.at,
            fast=rate,
            slow=rate,
            used=_used(seen),
            capacity=capacity,
            taught=taught,
            version=seen.version,
        )
    past = seen.at - load.at
    weight = _weight(past, settings.fast_s)
    fast = load.fast + weight * (rate - load.fast)
    above_s, above = _above(load, rate, past)
    if above_s >= _JUMP_S:  # an average would take three times as long to believe it
        fast, above_s, above = max(fast, above / above_s), 0.0, 0.0
    capacity, taught = _learnt(load, seen, settings)
    used = _used(seen)
    if used is not None and load.used is not None:
        used = load.used + weight * (used - load.used)
    return Load(
        at=seen.at,
        fast=fast,
        slow=load.slow + _weight(past, settings.slow_s) * (rate - load.slow),
        used=used,
        capacity=capacity,
        taught=taught,
        version=seen.version,
        above_s=above_s,
        above=above,
    )


def _used(seen: Observation) -> float | None:
    return None if seen.utilisation is None else seen.utilisation * seen.ready


def utilisation_of(load: Load | None, ready: int) -> float | None:
    """Return the share of the instances that serve now which was in use lately, 0..1; None where nothing tells."""
    if load is None or load.used is None or ready <= 0:
        return None
    return min(1.0, load.used / ready)


def _above(load: Load, rate: float, past: float) -> tuple[float, float]:
    """Return for how many seconds the rate has been far above the fast average, and the requests in them."""
    noise = _JUMP_SIGMAS * sqrt(max(load.fast, 1.0))
    if rate <= max(_JUMP_FACTOR * load.fast, load.fast + noise):
        return 0.0, 0.0
    counted = min(past, _JUMP_S / 2)  # one look after a hole is no jump
    return load.above_s + counted, load.above + rate * counted


def _weight(past: float, span_s: float) -> float:
    """Return the weight of a value that comes `past` seconds after the last one, for an exponential average."""
    weight = 2.0 / (span_s + 1.0)
    return weight if past == 1.0 else 1.0 - (1.0 - weight) ** past


def _learnt(
    load: Load | None, seen: Observation, settings: ScalingSettings
) -> tuple[float | None, int]:
    """Return the learnt capacity of an instance and what it rests on, with this second where it says something."""
    capacity, taught = (None, 0) if load is None else (load.capacity, load.taught)
    if load is not None and load.version != seen.version:
        taught = min(taught, _FIRST_GUESS)
    if seen.utilisation is None or not seen.rate or seen.ready <= 0 or seen.queue > 0.0:
        return capacity, taught  # where requests wait, what is done is not what came
    if not _LEAST_USE <= seen.utilisation < settings.saturated:
        return (
            capacity,
            taught,
        )  # too idle to tell, or so busy that the rate is no longer what was asked
    shown = seen.rate / (seen.utilisation * seen.ready)
    if capacity is None:
        return shown, 1
    return capacity + max(_LEARN, 1.0 / (taught + 1)) * (shown - capacity), taught + 1


def capacity_of(load: Load, seen: Observation) -> float | None:
    """Return requests per second of one instance: as learnt, and never more than the blueprint states."""
    if load.capacity is None or seen.capacity_rps is None:
        return seen.capacity_rps if load.capacity is None else load.capacity
    return min(load.capacity, seen.capacity_rps)
