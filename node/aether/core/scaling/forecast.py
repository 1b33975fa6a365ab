"""A forecast of one slice's traffic as the scaling decision reads it, and what it may be used for."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Quantiles: TypeAlias = tuple[float, float, float, float]
"""Requests per second that are not exceeded with probability 0.1, 0.5, 0.9 and 0.98."""

STEPS = 15
"""Steps ahead a forecast has."""


class Mode(StrEnum):
    """How far forecasts may act."""

    OFF = "off"
    """None is made."""
    SHADOW = "shadow"
    """Made and scored, acted on never."""
    ASSIST = "assist"
    """May ask for capacity early; releasing is left to the reactive rules."""
    FULL = "full"
    """May also let capacity go sooner than the reactive rules do."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Quantiles of the mean request rate in each of the steps after `made_at`."""

    made_at: float
    """End of the last step the forecast knows, seconds on the clock of observations."""
    step_s: float
    """Length of a step, seconds."""
    quantiles: tuple[Quantiles, ...]
    """One row a step, the next step first."""
    width: float = 1.0
    """How many times the distance from p50 to p90 is kept above p50, as this slice's past asks for."""
    trusted: bool = True
    """Whether its recent forecasts were good enough to act on (`core.scaling.trust`)."""

    def fresh(self, at: float) -> bool:
        """Say whether it may still be acted on: for two steps."""
        return 0.0 <= at - self.made_at <= 2.0 * self.step_s

    def highest(self, quantile: int, lead_s: float) -> float:
        """Return the largest value of one quantile (by place) until what is asked for in this step serves.

        The same all through a step: what a step's beginning does not need yet is not given up for half a minute.
        """
        steps = int(lead_s / self.step_s) + 2
        return max([row[quantile] for row in self.quantiles[:steps]])

    def peak(self, start_s: float, end_s: float) -> float:
        """Return the largest rate to be ready for between two moments, seconds after `made_at`."""
        rows = self.quantiles
        first = min(max(int(start_s / self.step_s), 0), len(rows) - 1)
        last = min(max(int(end_s / self.step_s), first), len(rows) - 1)
        wide = self.width
        return max(row[1] + wide * (row[2] - row[1]) for row in rows[first : last + 1])
