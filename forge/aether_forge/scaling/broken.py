"""Forecasters that are broken on purpose: with them scaling must end as if there were none."""

import random
from collections.abc import Sequence
from math import exp

from aether_forge.scaling.foresight import Model, Rows


class Garbage:
    """Each forecast is off by a random factor: log-normal, sigma 0.8."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._dice = random.Random(8)  # noqa: S311 - a simulation, the same each time

    def predict_now(self, histories: Sequence[Sequence[float]], step_s: float) -> list[Rows | None]:
        """Return the model's forecasts, each times a random factor."""
        made = self._model.predict_now(histories, step_s)
        return [times(rows, exp(self._dice.gauss(0.0, 0.8))) for rows in made]


class Stuck:
    """Answers its first forecast for ever."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._first: Rows | None = None

    def predict_now(self, histories: Sequence[Sequence[float]], step_s: float) -> list[Rows | None]:
        """Return the first forecast ever made, for each history."""
        if self._first is None:
            self._first = next(iter(self._model.predict_now(histories[:1], step_s)), None)
        return [self._first] * len(histories)


class Low:
    """Forecasts 60 % too little."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict_now(self, histories: Sequence[Sequence[float]], step_s: float) -> list[Rows | None]:
        """Return the model's forecasts, less 60 %."""
        return [times(rows, 0.4) for rows in self._model.predict_now(histories, step_s)]


def times(rows: Rows | None, factor: float) -> Rows | None:
    """Return a forecast times a factor."""
    if rows is None:
        return None
    return [
        (low * factor, middle * factor, high * factor, top * factor)
        for low, middle, high, top in rows
    ]
