"""What the forecaster says of itself: how it stands, how good it was, and the data to train it on."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from aether.core.model.ids import SliceBase
from aether.core.scaling.forecast import Forecast
from aether.core.scaling.shadow import compared
from aether.core.scaling.trust import FEWEST_SCORED, TrustState
from aether.forecast.export import export
from aether.forecast.service import ForecastService
from aether.forecast.shape import LEAST_HISTORY, QUANTILES

_DIGITS = 4


class ForecastDesk:
    """Answers about the forecasts of this node, which forecasts only while it leads."""

    def __init__(self, service: ForecastService) -> None:
        self._service = service

    async def status(self) -> dict[str, Any]:
        """Return the model, what came of its batches, and how each slice's forecasts stand."""
        service = self._service
        moment = _Moment(
            courses=service.history.courses(),
            made=service.forecasts(),
            trust=service.trust,
            age_of=service.age_of,
        )
        return {
            **self._model(),
            "step_s": service.step_s,
            "led_since": service.led_since,
            "slices": await asyncio.to_thread(moment.rows),
        }

    def _model(self) -> dict[str, Any]:
        service = self._service
        card, counts = service.card, None
        if service.forecaster is not None:
            done = service.forecaster.counts
            counts = {
                "made": done.batches,
                "late": done.late,
                "failed": done.failed,
                "forecasts": done.forecasts,
                "without": done.none,
                "last_ms": round(done.last_s * 1000, 3),
                "last_cpu_ms": round(done.last_cpu_s * 1000, 3),
            }
        model = None
        if card is not None:
            means = msgspec.to_builtins(card.means)
            model = {"name": card.name, "sha256": card.sha256, "bytes": card.bytes, "means": means}
        return {"model": model, "problem": service.problem, "batches": counts}

    def scorecard(self) -> dict[str, Any]:
        """Return what forecasts would have saved and cost each slice, and how good they were."""
        service = self._service
        shadows = service.shadows.all()
        rows = []
        for base in sorted(service.trust.keys() | shadows.keys()):
            state = service.trust.get(base, TrustState())
            row: dict[str, Any] = {
                "slice": base,
                "scored": state.scored,
                "trusted": state.trusted,
                "trust_lost": state.lost,
                "error_ratio": _rounded(state.ratio),
                "coverage": round(state.coverage, _DIGITS) if state.scored else None,
                "compared": None,
            }
            if base in shadows:
                row["compared"] = _compared(msgspec.to_builtins(compared(shadows[base])))
            rows.append(row)
        return {"since": service.led_since, "slices": rows, "problem": service.problem}

    async def training_data(self, only: str = "") -> list[dict[str, Any]]:
        """Return the histories as series to train on: rows of a manifest, with the text of each CSV.

        They are copied at once, and written in a thread: some ms a slice.
        """
        history = self._service.history
        courses = {only: history.course(only)} if only else history.courses()
        ended_at = history.ended_at or 0.0
        return await asyncio.to_thread(_exported, courses, ended_at, history.step_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """What is told of slices, as it was at one moment."""

    courses: Mapping[str, Sequence[float]]
    made: Mapping[SliceBase, Forecast]
    trust: Mapping[str, TrustState]
    age_of: Callable[[Forecast], float]

    def rows(self) -> list[dict[str, Any]]:
        """Return how the forecasts of each slice stand; takes some 0.1 ms each."""
        return [self._row(base, course) for base, course in self.courses.items()]

    def _row(self, base: str, course: Sequence[float]) -> dict[str, Any]:
        known = len(course) - sum(map(math.isnan, course))
        made, state = self.made.get(SliceBase(base)), self.trust.get(base, TrustState())
        return {
            "slice": base,
            "steps_known": known,
            "trusted": state.trusted,
            "text": _standing(known, made, state),
            "error_ratio": _rounded(state.ratio),
            "coverage": round(state.coverage, _DIGITS) if state.scored else None,
            "width": round(state.width, _DIGITS),
            "forecast": None if made is None else _forecast(made, self.age_of(made)),
        }


def _forecast(made: Forecast, age_s: float) -> dict[str, Any]:
    names = [f"p{round(quantile * 100)}" for quantile in QUANTILES]
    return {
        "age_s": round(age_s, 3),
        "steps": [
            {name: round(rate, 3) for name, rate in zip(names, row, strict=True)}
            for row in made.quantiles
        ],
    }


def _exported(
    courses: Mapping[str, Sequence[float]], ended_at: float, step_s: float
) -> list[dict[str, Any]]:
    found = []
    for base, past in courses.items():
        series = export(base, past, ended_at, step_s)
        if series is not None:
            found.append({**series.row(), "slice": base, "csv": series.csv()})
    return found


def _standing(known: int, made: Forecast | None, state: TrustState) -> str:
    if known < LEAST_HISTORY:
        return f"{known} of {LEAST_HISTORY} steps known that a forecast needs"
    if made is None:
        return "no forecast: the leader makes them, or the last one came to nothing"
    if state.trusted:
        return "trusted"
    if state.scored < FEWEST_SCORED:
        return f"{state.scored} of {FEWEST_SCORED} forecasts scored that trust needs"
    return "not trusted: its errors were larger than those of the last value"


def _compared(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return a comparison with its pairs named."""
    found: dict[str, Any] = {"minutes": plain["minutes"]}
    for name in ("bad_minutes", "instance_hours", "changes"):
        reactive, forecast = plain[name]
        found[name] = {"reactive": _rounded(reactive), "forecast": _rounded(forecast)}
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
