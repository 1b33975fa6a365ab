"""How good forecasts are on the last part of each series, beside the last value and classical methods."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aether.forecast.inputs import Inputs, build
from aether.forecast.shape import HORIZON, KEPT_S, LEAST_HISTORY, QUANTILES
from aether_forge.training.series import Series, coarser

Values = npt.NDArray[np.float64]
Answer = npt.NDArray[np.float32]
Predict = Callable[[Inputs], Answer]
"""Quantiles [batch, HORIZON, len(QUANTILES)] of a batch of inputs."""
MOST_WINDOWS = 1200
"""Of one series: evenly spread over its last part."""
LEAST_WINDOWS = 50
RESIDUALS = 360
"""Recent errors from which the last value gets its band."""
REPORTED = (1, 5, 10, 15)
_HIGH = QUANTILES.index(0.9)
_MEDIAN = QUANTILES.index(0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Of one series: errors relative to those of the last value, by steps ahead."""

    series: str
    windows: int
    mae: Mapping[int, float]
    pinball90: Mapping[int, float]
    coverage90: Mapping[int, float]
    """Share of values at most the forecast that is to hold in nine cases of ten."""


def score(series: Series, predict: Predict) -> Score | None:
    """Score forecasts of the part of a series nothing was trained on; None when it is too short."""
    values, step_s = scored_form(series)
    first = max(int(values.size * 0.7), LEAST_HISTORY + RESIDUALS // 4 + HORIZON)
    last = values.size - HORIZON
    if last - first < LEAST_WINDOWS:
        return None
    origins = np.unique(np.linspace(first, last, MOST_WINDOWS).astype(np.int64))
    answer = _forecasts(values, step_s, origins, predict)
    mae, pinball, coverage = {}, {}, {}
    for ahead in REPORTED:
        truth, now = values[origins + ahead - 1], values[origins - 1]
        median, high = answer[:, ahead - 1, _MEDIAN], answer[:, ahead - 1, _HIGH]
        mae[ahead] = _ratio(np.abs(truth - median), np.abs(truth - now))
        naive = np.maximum(now + _recent_quantile(values, origins, ahead), 0)
        pinball[ahead] = _ratio(_pinball90(truth - high), _pinball90(truth - naive))
        coverage[ahead] = float((truth <= high).mean())
    return Score(
        series=series.name, windows=origins.size, mae=mae, pinball90=pinball, coverage90=coverage
    )


def scored_form(series: Series) -> tuple[Values, float]:
    """Return a series as it is scored: one of single seconds as means of ten."""
    if series.step_s >= 10:
        return series.values, series.step_s
    steps = round(10 / series.step_s)
    return coarser(series.values, steps), series.step_s * steps


def _forecasts(
    values: Values, step_s: float, origins: npt.NDArray[np.int64], predict: Predict
) -> Answer:
    kept = int(KEPT_S / step_s)
    parts = []
    for some in np.array_split(origins, max(1, origins.size // 256)):
        histories = [values[max(0, at - kept) : at] for at in some]
        parts.append(predict(build(histories, step_s)))  # type: ignore[arg-type] # arrays are read as sequences
    return np.concatenate(parts)


def _recent_quantile(values: Values, origins: npt.NDArray[np.int64], ahead: int) -> Values:
    """Return, per origin, the nine-tenths quantile of the last value's errors known by then."""
    errors = values[ahead:] - values[:-ahead]
    found: Values = np.array(
        [np.quantile(errors[max(0, at - ahead - RESIDUALS) : at - ahead], 0.9) for at in origins]
    )
    return found


def _pinball90(error: Values) -> Values:
    loss: Values = np.maximum(0.9 * error, -0.1 * error)
    return loss


def _ratio(mine: Values, theirs: Values) -> float:
    """Return the ratio of mean errors; 1 for a series that never changes, where both are none."""
    floor = 1e-12
    return float((mine.mean() + floor) / (theirs.mean() + floor))


def geometric(scores: Sequence[Score], what: str, ahead: int) -> float:
    """Return the geometric mean over series of `mae` or `pinball90` at so many steps."""
    each = [math.log(getattr(one, what)[ahead]) for one in scores]
    return math.exp(sum(each) / len(each))


def mean_coverage(scores: Sequence[Score], ahead: int) -> float:
    """Return the mean over series of the coverage at so many steps."""
    return sum(one.coverage90[ahead] for one in scores) / len(scores)


def table(scores: Sequence[Score]) -> list[str]:
    """Return the scores as lines for people: each series, then the means."""
    head = f"{'series':<44} " + " ".join(f"{'mae@' + str(ahead):>7}" for ahead in REPORTED)
    lines = [head + f" {'pin90@5':>8} {'p90@5':>6}"]
    for one in scores:
        errors = " ".join(f"{one.mae[ahead]:7.3f}" for ahead in REPORTED)
        lines.append(f"{one.series:<44} {errors} {one.pinball90[5]:8.3f} {one.coverage90[5]:6.3f}")
    means = " ".join(f"{geometric(scores, 'mae', ahead):7.3f}" for ahead in REPORTED)
    pinball, coverage = geometric(scores, "pinball90", 5), mean_coverage(scores, 5)
    return [*lines, f"{'geometric mean':<44} {means} {pinball:8.3f} {coverage:6.3f}"]
