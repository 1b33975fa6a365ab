"""How forecasts of each slice do: the trust in them, and what following them would have changed.

A node that comes to lead makes the forecasts of the last steps again from its history, and so trusts
what the leader before it trusted.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from aether.core.scaling.bounds import Bounds
from aether.core.scaling.forecast import Forecast, Quantiles
from aether.core.scaling.observation import Observation
from aether.core.scaling.settings import ScalingSettings
from aether.core.scaling.shadow import Shadow, first_shadow, lived
from aether.core.scaling.trust import TrustState, skipped, stepped

TAUGHT_STEPS = 90
"""Past steps whose forecasts a new leader makes again: trust remembers some 60."""
MOST_SHADOWED = 256
"""Slices for which both rules are lived through each second: some 0.2 ms each."""

Rows = tuple[Quantiles, ...]


class Watched(Protocol):
    """A slice as the leader's scaling looked at it last; `control.scaling_look.Looked` is one."""

    @property
    def seen(self) -> Observation:
        """What was measured."""
        ...

    @property
    def bounds(self) -> Bounds:
        """What was allowed."""
        ...

    @property
    def settings(self) -> ScalingSettings:
        """By which rules."""
        ...


def taught(
    past: Sequence[float], answers: Sequence[Rows | None], state: TrustState | None = None
) -> TrustState:
    """Return the trust after forecasts made at the end of each of the last `len(answers)` steps of a history.

    It begins with the state before those steps, or anew.
    """
    state = state or TrustState()
    for actual, rows in zip(past[len(past) - len(answers) :], answers, strict=True):
        state = scored(state, actual, rows)
    return state


def scored(state: TrustState, actual: float, rows: Rows | None) -> TrustState:
    """Return the trust after one more step, of this mean rate (NaN: not measured), and a forecast made now."""
    return stepped(state, actual, rows) if math.isfinite(actual) else skipped(state)


class Shadows:
    """What forecasts would have saved and cost, slice by slice, since this node leads."""

    def __init__(self) -> None:
        self._shadows: dict[str, Shadow] = {}

    def live(self, base: str, watched: Watched, forecast: Forecast | None) -> None:
        """Live one more second of a slice's load by both rules."""
        shadow = self._shadows.get(base)
        if shadow is None:
            if len(self._shadows) < MOST_SHADOWED:
                self._shadows[base] = first_shadow(watched.seen)
            return
        self._shadows[base] = lived(
            shadow, watched.seen, watched.bounds, watched.settings, forecast
        )

    def keep_only(self, bases: Collection[str]) -> None:
        """Forget every other slice."""
        self._shadows = {base: one for base, one in self._shadows.items() if base in bases}

    def all(self) -> Mapping[str, Shadow]:
        """Return each slice's shadow, in order."""
        return {base: self._shadows[base] for base in sorted(self._shadows)}
