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
    INPUTS,
    day_steps,
)

Floats = npt.NDArray[np.float32]
Inputs = Mapping[str, Floats]
MOST_GAPS_OF_DAY = 0.25
"""Share of yesterday's steps that may be missing; they are filled with the last one known."""


def build(histories: Sequence[Sequence[float]], step_s: float) -> Inputs:
    """Return the inputs for a batch of histories, oldest step first; NaN is a step nobody measured.

    Negative rates count as zero. A history may be of any length, also empty.
    """
    batch = {name: np.zeros((len(histories), width), np.float32) for name, width in INPUTS.items()}
    behind = day_steps(step_s)
    reach = max(behind + DAY_BEFORE, COARSE * COARSE_STEPS)
    for row, history in enumerate(histories):
        past = np.asarray(history[-reach:], np.float32)
        past = np.where(np.isfinite(past), np.maximum(past, 0), np.nan).astype(np.float32)
        _fill_fine(batch, row, past)
        _fill_coarse(batch, row, past)
        if behind:
            _fill_day(batch, row, past, behind)
    return batch


def _fill_fine(batch: Mapping[str, Floats], row: int, past: Floats) -> None:
    """Fill gaps with the value before them: they are masked, but the last value anchors the forecast."""
    newest = past[-FINE:]
    if not newest.size:
        return
    known = ~np.isnan(newest)
    batch["fine"][row, -newest.size :] = np.where(known[_before(known)], newest[_before(known)], 0)
    batch["fine_ok"][row, -newest.size :] = known


def _before(known: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return for each place the last known one up to it; the first place where none is."""
    places: npt.NDArray[np.int64] = np.maximum.accumulate(np.where(known, np.arange(known.size), 0))
    return places


def _fill_coarse(batch: Mapping[str, Floats], row: int, past: Floats) -> None:
    groups = min(past.size // COARSE_STEPS, COARSE)
    if not groups:
        return
    steps = past[-groups * COARSE_STEPS :].reshape(groups, COARSE_STEPS).astype(np.float64)
    known = ~np.isnan(steps)
    counts = known.sum(axis=1)
    sums = np.where(known, steps, 0).sum(axis=1)
    batch["coarse"][row, -groups:] = sums / np.maximum(counts, 1)
    batch["coarse_ok"][row, -groups:] = counts > 0


def _fill_day(batch: Mapping[str, Floats], row: int, past: Floats, behind: int) -> None:
    first = past.size - behind - DAY_BEFORE
    if first < 0:
        return
    steps = past[first : first + DAY]
    known = ~np.isnan(steps)
    if known.mean() < 1 - MOST_GAPS_OF_DAY or not known[0]:
        return
    batch["day"][row] = steps[_before(known)]
    batch["day_ok"][row] = 1
