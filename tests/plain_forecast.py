"""The forecaster's inputs and answers made plainly, a number at a time: what the quick way must equal."""

import math
from collections.abc import Sequence

import numpy as np

from aether.forecast.inputs import Floats, Inputs
from aether.forecast.packing import Rows
from aether.forecast.shape import (
    COARSE,
    COARSE_STEPS,
    DAY,
    DAY_BEFORE,
    FINE,
    INPUTS,
    LEAST_HISTORY,
    day_steps,
)

Numbers = list[float]


def plain_inputs(histories: Sequence[Sequence[float]], step_s: float) -> Inputs:
    """Return the inputs of a batch."""
    rows = [_inputs([_rate(value) for value in history], step_s) for history in histories]
    return {
        name: np.array([row[name] for row in rows], np.float32).reshape(-1, width)
        for name, width in INPUTS.items()
    }


def plainly_long_enough(past: Sequence[float]) -> bool:
    """Whether a history is forecast at all."""
    known = sum(map(math.isfinite, past[-LEAST_HISTORY * 2 :]))
    return known >= LEAST_HISTORY and any(map(math.isfinite, past[-2:]))


def plain_answers(found: Floats) -> list[Rows | None]:
    """Return a model's answers, each as rows of numbers, None where one is none."""
    return [
        tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in rows)
        if all(math.isfinite(value) for row in rows for value in row)
        else None
        for rows in found
    ]


def _rate(value: float) -> float:
    return max(value, 0.0) if math.isfinite(value) else math.nan


def _inputs(rates: Numbers, step_s: float) -> dict[str, Numbers]:
    fine = [math.nan] * FINE + rates
    means = [_mean(rates, group) for group in range(COARSE, 0, -1)]
    day = _day(rates, step_s)
    return {
        "fine": _filled(fine[-FINE:]),
        "coarse": [0.0 if mean is None else mean for mean in means],
        "day": day or [0.0] * DAY,
        "fine_ok": [float(not math.isnan(rate)) for rate in fine[-FINE:]],
        "coarse_ok": [float(mean is not None) for mean in means],
        "day_ok": [float(bool(day))],
    }


def _mean(rates: Numbers, group: int) -> float | None:
    """Return the mean of the group that many groups before the end; None where nothing of it counts."""
    first = len(rates) - group * COARSE_STEPS
    if first < 0:
        return None
    ten = rates[first : first + COARSE_STEPS]
    known = sum(not math.isnan(rate) for rate in ten)
    a, b, c, d, e, f, g, h, i, j = (0.0 if math.isnan(rate) else rate for rate in ten)
    total = (((a + b) + (c + d)) + ((e + f) + (g + h))) + i + j
    return total / known if known else None


def _day(rates: Numbers, step_s: float) -> Numbers:
    """Return the steps about this time yesterday; none where too few of them are known."""
    behind = day_steps(step_s)
    first = len(rates) - behind - DAY_BEFORE
    if not behind or first < 0:
        return []
    steps = rates[first : first + DAY]
    gaps = sum(map(math.isnan, steps))
    return [] if gaps > DAY / 4 or math.isnan(steps[0]) else _filled(steps)


def _filled(steps: Numbers) -> Numbers:
    last, found = 0.0, []
    for step in steps:
        last = last if math.isnan(step) else step
        found.append(last)
    return found
