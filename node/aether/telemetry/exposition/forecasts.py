"""The series of the leader's forecasts: what is foreseen, how far it is trusted, what it costs."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from aether.telemetry.exposition.series import MOST_SLICES, Sample, Series, Source, Tell

SOURCE = "forecast"
_EARLY = "the history is too short yet"

_row = partial(Series, source=SOURCE, whose="leader")
_SLICE: dict[str, Any] = {"labels": ("slice",), "most": MOST_SLICES}

ROWS: tuple[Series, ...] = (
    _row(
        kind="gauge",
        name="aether_forecast_ready",
        help="Whether there is a model that can forecast on the node that leads.",
        calm="the extra `forecast` is not installed, or the leader has not looked at its model yet",
    ),
    _row(
        kind="gauge",
        name="aether_forecast_requests_per_second",
        help="Rate foreseen for the end of the horizon, and the rate it stays below with that share.",
        labels=("slice", "share"),
        most=2 * MOST_SLICES,
        calm=_EARLY,
    ),
    _row(
        kind="gauge",
        name="aether_forecast_trusted",
        help="Whether the forecasts of a slice are trusted.",
        calm=_EARLY,
        **_SLICE,
    ),
    _row(
        kind="gauge",
        name="aether_forecast_error_ratio",
        unit="ratio",
        help="Error of the forecasts of a slice, as a multiple of the error of its last value.",
        calm=_EARLY,
        **_SLICE,
    ),
    _row(
        kind="gauge",
        name="aether_forecast_coverage_ratio",
        unit="ratio",
        help="Share of recent steps at or below the p90 made for them; 0.9 is right.",
        calm=_EARLY,
        **_SLICE,
    ),
    _row(
        kind="gauge",
        name="aether_forecast_age_seconds",
        unit="seconds",
        help="Time since the last step the forecast of a slice knows.",
        calm=_EARLY,
        **_SLICE,
    ),
    _row(
        kind="counter",
        name="aether_forecast_batches",
        help="Batches of forecasts, by what became of them: made, late or failed.",
        labels=("outcome",),
        most=3,
        calm=_EARLY,
    ),
    _row(
        kind="gauge",
        name="aether_forecast_batch_seconds",
        unit="seconds",
        help="Time the last batch took in its thread.",
        calm=_EARLY,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """How the forecasts of one slice stand."""

    slice: str
    trusted: bool
    error: float | None
    coverage: float | None
    age_s: float | None
    """None without a forecast; so are the two rates."""
    p50: float | None
    p90: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSeen:
    """All slices, and what became of the batches."""

    ready: bool
    slices: Iterable[Foreseen]
    batches: tuple[tuple[str, int], ...] = ()
    """Outcome and count; empty before the first."""
    last_s: float = 0.0


def forecasts_source(seen: Callable[[], ForecastSeen | None]) -> Source:
    """Return the source; `seen` returns None on a node that does not lead."""

    async def look() -> Tell:
        found = seen()
        return tuple if found is None else lambda: _told(found)

    return Source(SOURCE, look)


def _told(seen: ForecastSeen) -> Iterator[Sample]:
    yield Sample("aether_forecast_ready", (), seen.ready)
    for outcome, count in seen.batches:
        yield Sample("aether_forecast_batches", (outcome,), count)
    if seen.batches:
        yield Sample("aether_forecast_batch_seconds", (), seen.last_s)
    for one in seen.slices:
        yield Sample("aether_forecast_trusted", (one.slice,), one.trusted)
        values = {
            "aether_forecast_error_ratio": one.error,
            "aether_forecast_coverage_ratio": one.coverage,
            "aether_forecast_age_seconds": one.age_s,
        }
        for name, value in values.items():
            if value is not None:
                yield Sample(name, (one.slice,), value)
        for share, rate in (("0.5", one.p50), ("0.9", one.p90)):
            if rate is not None:
                yield Sample("aether_forecast_requests_per_second", (one.slice, share), rate)
