"""What forecasts would have saved and cost: the same seconds lived through by two imagined pools.

One follows the reactive rules alone, the other forecasts as well. Both see the slice's real load; how busy
they are follows from their own size.
"""

import dataclasses
from functools import lru_cache
from typing import NamedTuple

import msgspec

from aether.core.scaling.bounds import Bounds
from aether.core.scaling.controller import SliceState, first_state, step
from aether.core.scaling.forecast import Forecast, Mode
from aether.core.scaling.load import counts
from aether.core.scaling.observation import Observation
from aether.core.scaling.settings import ScalingSettings

BAD_SHARE = 0.01
"""A minute is bad when more than this share of its requests found the pool full."""
_FULL = 0.97
"""Utilisation at which requests begin to wait too long."""


class Pool(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An imagined pool of instances, and how it has done."""

    state: SliceState
    ready: int
    starting: tuple[tuple[float, int], ...] = ()
    """(when they serve, how many), earliest first."""
    instance_s: float = 0.0
    """Instance-seconds paid for: from asking on."""
    bad_minutes: int = 0
    changes: int = 0
    """How often it was resized."""
    requests: float = 0.0
    """Requests of the running minute."""
    late: float = 0.0
    """Those of them that found the pool full."""

    @property
    def size(self) -> int:
        """Instances that serve or start."""
        return self.ready + sum(count for _, count in self.starting)


class Shadow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Both pools of one slice, and how long they have lived."""

    at: float
    """When they were last moved on."""
    minute: int
    """Which minute runs."""
    minutes: int = 0
    """Whole minutes lived through."""
    reactive: Pool
    foreseeing: Pool


class Comparison(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What forecasts would have changed."""

    minutes: int
    """Minutes compared."""
    bad_minutes: tuple[int, int]
    """Minutes with more than 1 % of requests at a full pool: reactive rules alone, with forecasts."""
    instance_hours: tuple[float, float]
    """Instance-hours paid for, likewise."""
    changes: tuple[int, int]
    """Resizes, likewise."""


def first_shadow(seen: Observation) -> Shadow:
    """Return both pools as large as the real one is."""
    pool = Pool(state=first_state(seen), ready=max(seen.target, 0))
    return Shadow(at=seen.at, minute=int(seen.at // 60.0), reactive=pool, foreseeing=pool)


def lived(
    shadow: Shadow,
    seen: Observation,
    bounds: Bounds,
    settings: ScalingSettings,
    forecast: Forecast | None,
) -> Shadow:
    """Return both pools after one more second of the slice's load.

    Seconds without figures, or without a known capacity, are not lived through.
    """
    past = seen.at - shadow.at
    if not counts(seen.rate) or not seen.capacity_rps or bounds.held or not 0.0 < past <= 60.0:
        return msgspec.structs.replace(shadow, at=max(seen.at, shadow.at))
    minute = int(seen.at // 60.0)
    pools = shadow.reactive, shadow.foreseeing
    if minute != shadow.minute:
        pools = _ended(pools[0]), _ended(pools[1])
    now = _Now(seen, past, bounds)
    return Shadow(
        at=seen.at,
        minute=minute,
        minutes=shadow.minutes + (minute != shadow.minute),
        reactive=_moved(pools[0], now, _in_mode(settings, Mode.OFF), None),
        foreseeing=_moved(pools[1], now, _in_mode(settings, Mode.FULL), forecast),
    )


class _Now(NamedTuple):
    """What both pools see."""

    seen: Observation
    past_s: float
    bounds: Bounds


@lru_cache(maxsize=256)
def _in_mode(settings: ScalingSettings, mode: Mode) -> ScalingSettings:
    return dataclasses.replace(settings, mode=mode)


def _ended(pool: Pool) -> Pool:
    """Return the pool after the end of a minute."""
    bad = pool.late > BAD_SHARE * pool.requests
    return msgspec.structs.replace(pool, bad_minutes=pool.bad_minutes + bad, requests=0.0, late=0.0)


def _moved(pool: Pool, now: _Now, settings: ScalingSettings, forecast: Forecast | None) -> Pool:
    """Return a pool after it served these seconds and decided."""
    seen, past = now.seen, now.past_s
    rate, capacity = seen.rate or 0.0, seen.capacity_rps or 1.0
    served = sum(count for at, count in pool.starting if at <= seen.at)
    ready = pool.ready + served
    waiting = tuple(entry for entry in pool.starting if entry[0] > seen.at)
    size = ready + sum(count for _, count in waiting)
    use = rate / (ready * capacity) if ready else float(rate > 0.0)
    imagined = dataclasses.replace(
        seen, ready=ready, starting=size - ready, target=size, queue=0.0, utilisation=min(use, 1.0)
    )
    state, decision = step(pool.state, imagined, now.bounds, settings, forecast)
    startup = settings.startup_s if seen.startup_s is None else seen.startup_s
    ready, waiting = _resized(ready, waiting, decision.wanted - size, seen.at + startup)
    return Pool(
        state=state,
        ready=ready,
        starting=waiting,
        instance_s=pool.instance_s + past * max(size, decision.wanted),
        bad_minutes=pool.bad_minutes,
        changes=pool.changes + (decision.wanted != size),
        requests=pool.requests + past * rate,
        late=pool.late + (past * rate if use > _FULL else 0.0),
    )


def _resized(
    ready: int, waiting: tuple[tuple[float, int], ...], change: int, serves_at: float
) -> tuple[int, tuple[tuple[float, int], ...]]:
    """Add instances that serve later, or take some away: those still starting first, the latest of them first."""
    if change > 0:
        return ready, (*waiting, (serves_at, change))
    while change < 0 and waiting:
        at, count = waiting[-1]
        gone = min(count, -change)
        waiting = waiting[:-1] if gone == count else (*waiting[:-1], (at, count - gone))
        change += gone
    return ready + change, waiting


def compared(shadow: Shadow) -> Comparison:
    """Return what forecasts would have changed since the shadow began."""
    alone, ahead = shadow.reactive, shadow.foreseeing
    return Comparison(
        minutes=shadow.minutes,
        bad_minutes=(alone.bad_minutes, ahead.bad_minutes),
        instance_hours=(alone.instance_s / 3600.0, ahead.instance_s / 3600.0),
        changes=(alone.changes, ahead.changes),
    )
