"""Turns histories of rates into the model's inputs. Raw values: what is normalised, the model does."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from aether.forecast.shape import (
    COARSE,
    COARSE_STEPS,
    DAY,
    DAY_BEFORE,
    FINE,
    day_steps,
)

Floats = npt.NDArray[np.float32]
Inputs = Mapping[str, Floats]
_RECENT = COARSE * COARSE_STEPS
MOST_GAPS_OF_DAY = 0.25
"""Share of yesterday's steps that may be missing; they are filled with the last one known."""


def build(histories: Sequence[Sequence[float]], step_s: float) -> Inputs:
    """Return the inputs for a batch of histories, oldest step first; NaN is a step nobody measured.

    Negative rates count as zero. A history may be of any length, also empty.
    """
    recent = np.full((len(histories), _RECENT), np.nan, np.float32)
    day = np.full((len(histories), DAY), np.nan, np.float32)
    sizes = np.array([len(history) for history in histories], np.int64)
    behind = day_steps(step_s)
    for row, history in enumerate(histories):
        newest = np.asarray(history[-_RECENT:], np.float32)
        recent[row, _RECENT - newest.size :] = newest
        first = len(history) - behind - DAY_BEFORE
        if behind and first >= 0:
            day[row] = np.asarray(history[first : first + DAY], np.float32)
    recent, day = _cleaned(recent), _cleaned(day)
    return {
        **_fine(recent[:, -FINE:]),
        **_coarse(recent, sizes),
        **_day(day),
    }


def _cleaned(steps: Floats) -> Floats:
    found: Floats = np.where(np.isfinite(steps), np.maximum(steps, 0), np.nan).astype(np.float32)
    return found


def _fine(newest: Floats) -> Inputs:
    """Fill gaps with the value before them: they are masked, but the last value anchors the forecast."""
    filled, known = _filled(newest)
    return {"fine": filled, "fine_ok": known.astype(np.float32)}


def _coarse(recent: Floats, sizes: npt.NDArray[np.int64]) -> Inputs:
    """Take means of groups of steps; one that begins before its history does not count."""
    groups = recent.reshape(-1, COARSE, COARSE_STEPS).astype(np.float64)
    known = ~np.isnan(groups)
    counts = known.sum(axis=2)
    whole = np.arange(COARSE, 0, -1) * COARSE_STEPS <= sizes[:, None]
    ok = whole & (counts > 0)
    means = np.where(known, groups, 0).sum(axis=2) / np.maximum(counts, 1)
    return {
        "coarse": np.where(ok, means, 0).astype(np.float32),
        "coarse_ok": ok.astype(np.float32),
    }


def _day(steps: Floats) -> Inputs:
    filled, known = _filled(steps)
    ok = (known.mean(axis=1) >= 1 - MOST_GAPS_OF_DAY) & known[:, 0]
    return {
        "day": np.where(ok[:, None], filled, 0).astype(np.float32),
        "day_ok": ok[:, None].astype(np.float32),
    }


def _filled(steps: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return steps with each gap filled by the value before it, 0 where there is none, and what is known."""
    known = ~np.isnan(steps)
    places = np.maximum.accumulate(np.where(known, np.arange(steps.shape[1]), 0), axis=1)
    filled = np.take_along_axis(steps, places, axis=1)
    found: Floats = np.where(np.isnan(filled), 0, filled).astype(np.float32)
    return found, known
