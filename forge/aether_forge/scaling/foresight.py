"""Forecasts for one simulated pool: made at the end of each step, scored, trusted or not, as on the leader."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from aether.core.scaling.forecast import Forecast, Quantiles
from aether.core.scaling.trust import TrustState, stepped

Rows: TypeAlias = Sequence[Quantiles]

LOOKS_BACK = 1440
"""Steps of the past that forecasts are made for as well, so that trust and headroom need not begin anew."""
BATCH = 64
LONGEST = 1560
"""Steps a forecast is made from at most: 26 h of minutes."""


class Model(Protocol):
    """What makes forecasts of a batch of histories at once (`aether.forecast.runtime.OnnxForecaster`)."""

    def predict_now(
        self, histories: Sequence[Sequence[float]], step_s: float
    ) -> Sequence[Rows | None]:
        """Return 15 rows of (p10, p50, p90, p98) for each history, or None."""


class Foresight:
    """The forecasts of one pool."""

    def __init__(self, model: Model, step_s: float) -> None:
        self.trust = TrustState()
        self._model = model
        self._step_s = step_s
        self._rates: list[float] = []

    def looked_back(self, rates: Sequence[float], now: float) -> list[Forecast | None]:
        """Take in the steps before `now`; return for each the forecast made at its end, None for the oldest."""
        self._rates = list(rates[-LONGEST:])
        first = max(len(rates) - LOOKS_BACK, 1)
        made: list[Forecast | None] = [None] * min(first, len(rates))
        for begin in range(first, len(rates), BATCH):
            ends = range(begin, min(begin + BATCH, len(rates)))
            batch = [rates[max(0, end + 1 - LONGEST) : end + 1] for end in ends]
            for end, rows in zip(ends, self._model.predict_now(batch, self._step_s), strict=True):
                at = now - (len(rates) - 1 - end) * self._step_s
                made.append(self._scored(rates[end], rows, at))
        return made

    def stepped(self, rate: float, at: float) -> Forecast | None:
        """Return the forecast made at the end of a step of that mean rate."""
        self._rates = [*self._rates[1 - LONGEST :], rate]
        return self._scored(rate, self._model.predict_now([self._rates], self._step_s)[0], at)

    def _scored(self, rate: float, rows: Rows | None, at: float) -> Forecast | None:
        quantiles = None if rows is None else tuple(rows)
        self.trust = stepped(self.trust, rate, quantiles)
        if quantiles is None:
            return None
        return Forecast(at, self._step_s, quantiles, self.trust.width, self.trust.trusted)
