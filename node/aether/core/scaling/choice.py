"""The cheapest plan of those that were counted, and how soon experience outweighs what is usual."""

from collections.abc import Sequence
from functools import lru_cache
from math import exp, sqrt

import msgspec

from aether.core.scaling.lessons import HEADS, Lessons, Tally
from aether.core.scaling.plans import BASES, HEADROOMS, PAST, SPANS_S, Plan
from aether.core.scaling.settings import ScalingSettings

ENOUGH = 30.0
"""Minutes a basis must have been counted before a plan on it is put in force: longer than the longest span, so
that a span is judged by the largest load of all of it."""
_CLEARLY = 1.02
"""A plan stays in force until another costs less by this factor: plans about as good do not take turns."""
_RISK_SCALE = 0.15
"""Before anything is known: how much more headroom makes bad minutes rarer by the factor e."""
_MOST_RISK = 0.2


def chosen(lessons: Lessons, settings: ScalingSettings) -> Lessons:
    """Return the lessons with the cheapest plans in force; unchanged until enough was counted."""
    if lessons.tally.weight[0] < ENOUGH or lessons.tally.usual <= 0.0:
        return lessons
    costs = priced(lessons.tally, settings)
    best = _cheapest(costs, range(PAST * HEADS), lessons.best)
    counted = [
        place
        for place in range(PAST * HEADS, BASES * HEADS)
        if lessons.tally.weight[place // HEADS] >= ENOUGH
    ]
    ahead = _cheapest(costs, counted, lessons.ahead) if counted else None
    clearly = _CLEARLY if lessons.ahead is None else 1.0
    if ahead is not None and costs[_place(ahead)] * clearly > costs[_place(best)]:
        ahead = None  # what has been seen is believed until something foreseen is clearly cheaper
    return msgspec.structs.replace(lessons, best=best, ahead=ahead)


def priced(tally: Tally, settings: ScalingSettings) -> list[float]:
    """Return what each plan costs: its bad minutes as a share of all, and its instances and changes in that unit."""
    costs = []
    prior, expectations = settings.prior_minutes, _expectations(settings)
    unit = tally.usual / tally.weight[0]
    for basis in range(BASES):
        weight = max(tally.weight[basis], 1e-9)
        churn = settings.change_price * tally.churned[basis] / weight
        for place in range(basis * HEADS, (basis + 1) * HEADS):
            missed = tally.missed[place] + prior * expectations[place]
            instances = tally.paid[place] / weight / unit
            costs.append(missed / (weight + prior) + settings.thrift * instances + churn)
    return costs


@lru_cache(maxsize=256)
def _expectations(settings: ScalingSettings) -> tuple[float, ...]:
    """Return what is expected of every plan before anything is known."""
    return tuple(
        [expected(basis, headroom, settings) for basis in range(BASES) for headroom in HEADROOMS]
    )


def expected(basis: int, headroom: float, settings: ScalingSettings) -> float:
    """Return the share of bad minutes expected of a plan before anything is known.

    Chosen so that headroom for `target_utilisation` is the cheapest on the largest load of five minutes: the risk
    falls by e for each 15 % of headroom more, and with the root of the span.
    """
    usual = 1.0 / settings.target_utilisation
    span = SPANS_S[basis] if basis < PAST else 120.0
    risk = settings.thrift * _RISK_SCALE / usual * exp((usual - headroom) / _RISK_SCALE)
    return min(risk * sqrt(300.0 / span), _MOST_RISK)


def _place(plan: Plan) -> int:
    return plan.basis * HEADS + plan.headroom


def _cheapest(costs: Sequence[float], places: Sequence[int], present: Plan | None) -> Plan:
    """Return the cheapest of some plans, or the present one while it is about as cheap."""
    place = min(places, key=costs.__getitem__)
    if present is not None and costs[_place(present)] <= costs[place] * _CLEARLY:
        return present
    return Plan(*divmod(place, HEADS))
