"""How many instances a load needs: by its rate where the capacity of an instance is known, else by use."""

from math import ceil

from aether.core.scaling.question import Question

_EXACT = 1e-9
"""Guards against 6.000000001 instances becoming 7."""


def instances_for(rate: float, capacity: float, utilisation: float) -> int:
    """Return the fewest instances that serve `rate` at or below that utilisation."""
    return ceil(rate / (capacity * utilisation) - _EXACT)


def reactive(asked: Question) -> int:
    """Return the instances the present load needs; the present target while it is within the dead band.

    Where requests fail above `errors_most`, only answered ones are load: what fails would fail on more
    instances too, and what is refused for want of instances shows in what the instances do answer.
    """
    settings = asked.settings
    demand = asked.demand or 0.0
    failing = asked.errors > settings.errors_most
    if failing:
        demand *= 1.0 - asked.errors
    need = 1 if demand > 0.0 else 0
    if asked.capacity:
        need = max(need, _within(demand / asked.capacity, asked))
    if not failing and asked.busy is not None and not asked.capacity:
        need = max(need, _within(asked.ready * asked.busy, asked))
    return max(need, saturated(asked))


def saturated(asked: Question) -> int:
    """Return the instances to have because those there are have no room left, whatever the rate says; 0 while they have."""
    settings = asked.settings
    if asked.busy is None or asked.busy < settings.saturated or asked.errors > settings.errors_most:
        return 0
    return _within(asked.ready * asked.busy, asked)


def planned(asked: Question, margin: float = 0.0) -> int:
    """Return the instances the plan in force wants, of a load larger by a margin; 0 where there is none, or requests fail."""
    if asked.planned is None or not asked.capacity or asked.errors > asked.settings.errors_most:
        return 0
    return ceil(asked.planned.rate * (1.0 + margin) / asked.capacity - _EXACT)


def needed(asked: Question) -> int:
    """Return the instances wanted by load, present and to come, before bounds and patience."""
    return max(reactive(asked), soon(asked))


def soon(asked: Question) -> int:
    """Return the instances to have for what may come; 0 where nothing counts."""
    if asked.planned is not None:
        return planned(asked)
    if not asked.ahead.counts or asked.errors > asked.settings.errors_most:
        return 0
    return foreseen(asked.ahead.soon, asked)


def _within(full: float, asked: Question) -> int:
    """Return instances for a load that keeps `full` instances wholly busy."""
    settings = asked.settings
    if asked.planned is not None:
        return ceil(full / settings.most_utilisation - _EXACT)  # the plan has the headroom
    need = ceil(full / settings.target_utilisation - _EXACT)
    if need > asked.target and full <= asked.target * (
        settings.target_utilisation + settings.dead_band
    ):
        return asked.target
    return need


def foreseen(rate: float, asked: Question) -> int:
    """Return the instances a forecast rate needs; 0 where the capacity of an instance is not known."""
    if not asked.capacity:
        return 0
    return instances_for(rate, asked.capacity, asked.settings.forecast_utilisation)
