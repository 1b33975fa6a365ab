"""Plans: what load to be ready for, and by how much more. One of them is in force for a slice at any time.

A plan is a basis (the largest load of a recent span, or a quantile of the forecast until new instances would
serve) times a headroom. Which one suits a slice is learnt (`lessons`); `USUAL` holds until something is.
"""

from math import sqrt
from typing import NamedTuple, TypeAlias

import msgspec

from aether.core.scaling.forecast import Forecast
from aether.core.scaling.window import Maxima, largest

Bases: TypeAlias = tuple[float, ...]
"""Requests per second: one for each of `SPANS_S`, then one for each of `QUANTILES` (0: no forecast)."""

SPANS_S = (60.0, 120.0, 180.0, 300.0, 600.0, 1200.0)
"""Bases from the past: the largest load of so many seconds."""
QUANTILES = ((1, "p50"), (2, "p90"), (3, "p98"))
"""Bases from the forecast: place and name of a quantile; its largest value until instances asked for now serve."""
HEADROOMS = (1.0, 1.06, 1.13, 1.2, 1.3, 1.4, 1.55, 1.75, 2.0, 2.5, 3.2)
"""Multiples of a basis there is to be capacity for. The first two suit a basis that is high itself."""
PAST = len(SPANS_S)
BASES = PAST + len(QUANTILES)
LONGEST_S = SPANS_S[-1]
NO_FORECAST: Bases = (0.0,) * len(QUANTILES)


class Plan(NamedTuple):
    """A basis, by its place among `Bases`, and a headroom, by its place in `HEADROOMS`."""

    basis: int
    headroom: int


USUAL = Plan(SPANS_S.index(300.0), HEADROOMS.index(1.3))
"""What holds while nothing is learnt: three quarters of the capacity used at the peak of five minutes."""


class Planned(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A plan at work: the rate it wants capacity for, and where that comes from."""

    rate: float
    """Requests per second."""
    headroom: float
    """The multiple of its basis."""
    span_s: float = 0.0
    """Span whose largest load is the basis; 0 where the forecast is."""
    quantile: str = ""
    """Which quantile of the forecast is the basis; empty where the past is."""
    capped: bool = False
    """Whether the rate was cut to the margin above the largest load of a day."""


def past_bases(loads: Maxima, at: float) -> Bases:
    """Return the bases of the past at a moment."""
    return tuple([largest(loads, at - span) for span in SPANS_S])


def forecast_bases(forecast: Forecast | None, at: float, lead_s: float) -> Bases:
    """Return the bases of the forecast for the next `lead_s` seconds."""
    if forecast is None or not forecast.fresh(at):
        return NO_FORECAST
    return tuple([forecast.highest(place, lead_s) for place, _ in QUANTILES])


def from_past(plan: Plan, loads: Maxima, at: float, most: float) -> Planned:
    """Return a plan on the past at work; `most` is the highest rate worth planning for."""
    span, headroom = SPANS_S[plan.basis], HEADROOMS[plan.headroom]
    rate = largest(loads, at - span) * headroom
    return Planned(rate=min(rate, most), headroom=headroom, span_s=span, capped=rate > most)


def from_forecast(plan: Plan, forecast: Forecast, lead_s: float, most: float) -> Planned:
    """Return a plan on the forecast at work."""
    place, name = QUANTILES[plan.basis - PAST]
    headroom = HEADROOMS[plan.headroom]
    rate = forecast.highest(place, lead_s) * headroom
    return Planned(rate=min(rate, most), headroom=headroom, quantile=name, capped=rate > most)


def serves(instances: int) -> float:
    """Return how much of their capacity instances can be used before requests wait too long, 0..1.

    Random arrivals even out over many instances and not over few (square-root staffing): 0.86 for 2
    instances, 0.94 for 10, 0.96 for 25.
    """
    return 1.0 - 0.2 / sqrt(max(instances, 1))
