"""Random windows of many series, as a model is shown them: histories, masks, and what came next.

All series lie end to end in one array, so that a batch is a few gathers, not a loop.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aether.forecast.shape import (
    COARSE,
    COARSE_STEPS,
    DAY,
    DAY_BEFORE,
    FINE,
    HORIZON,
    LEAST_HISTORY,
)

Floats = npt.NDArray[np.float32]
Dice = np.random.Generator


@dataclass(frozen=True, slots=True)
class Track:
    """A series at one step length, and how often windows are taken from it."""

    values: npt.NDArray[np.float64]
    behind: int
    """Steps of a day; 0 where there is no yesterday."""
    weight: float


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows in raw units of mean about one, and what each error counts."""

    inputs: dict[str, Floats]
    target: Floats
    weight: Floats
    """One over the usual error of the last value in that series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """How often a window is shown otherwise than it was, so that the model counts on nothing."""

    short: float = 0.25
    """… with a short history, and so without yesterday."""
    no_day: float = 0.3
    wrong_day: float = 0.12
    """… with another time of the series as yesterday: yesterday may mean nothing."""
    mixed: float = 0.25
    """… as the sum of two windows of two series."""
    noisy: float = 0.2


class Windows:
    """Draws batches of windows. Equal dice give equal batches."""

    def __init__(self, tracks: Sequence[Track], chances: Chances | None = None) -> None:
        self._chances = chances or Chances()
        scaled = [track.values / max(float(track.values.mean()), 1e-12) for track in tracks]
        self._values = np.concatenate(scaled)
        self._sums = np.concatenate([[0.0], np.cumsum(self._values)])
        sizes = np.array([values.size for values in scaled])
        self._start = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self._span = sizes - HORIZON - LEAST_HISTORY
        if (self._span < 1).any():
            raise ValueError(f"a series needs {HORIZON + LEAST_HISTORY + 1} steps")
        self._behind = np.array([track.behind for track in tracks])
        self._usual = np.array([_usual_error(values) for values in scaled])
        share = np.array([track.weight for track in tracks])
        self._share = share / share.sum()

    def draw(self, dice: Dice, size: int) -> Batch:
        """Return a batch of `size` windows."""
        inputs, target, usual = self._plain(dice, size)
        self._mix(dice, inputs, target, usual)
        self._add_noise(dice, inputs, target)
        self._hide(dice, inputs)
        for name in ("fine", "coarse", "day"):
            inputs[name] *= inputs[f"{name}_ok"]
        weight = 1 / np.maximum(usual, 1e-3)
        return Batch(inputs, target, weight.astype(np.float32))

    def _plain(
        self, dice: Dice, size: int
    ) -> tuple[dict[str, Floats], Floats, npt.NDArray[np.float64]]:
        which = dice.choice(self._share.size, size=size, p=self._share)
        start, behind = self._start[which], self._behind[which]
        origin = start + LEAST_HISTORY + (dice.random(size) * self._span[which]).astype(np.int64)
        wrong = dice.random(size) < self._chances.wrong_day
        elsewhere = DAY + (dice.random(size) * 2000).astype(np.int64)
        behind = np.where(wrong, elsewhere, behind)
        inputs = self._history(origin, start)
        first = origin - behind - DAY_BEFORE
        inputs["day"] = self._at(np.maximum(first, 0)[:, None] + np.arange(DAY))
        inputs["day_ok"] = ((first >= start) & (behind > 0))[:, None].astype(np.float32)
        return inputs, self._at(origin[:, None] + np.arange(HORIZON)), self._usual[which]

    def _history(
        self, origin: npt.NDArray[np.int64], start: npt.NDArray[np.int64]
    ) -> dict[str, Floats]:
        fine = origin[:, None] + np.arange(-FINE, 0)
        edges = origin[:, None] + COARSE_STEPS * np.arange(-COARSE, 1)
        sums = self._sums[np.maximum(edges, 0)]
        return {
            "fine": self._at(np.maximum(fine, 0)),
            "fine_ok": (fine >= start[:, None]).astype(np.float32),
            "coarse": (np.diff(sums, axis=1) / COARSE_STEPS).astype(np.float32),
            "coarse_ok": (edges[:, :-1] >= start[:, None]).astype(np.float32),
        }

    def _at(self, places: npt.NDArray[np.int64]) -> Floats:
        return self._values[np.minimum(places, self._values.size - 1)].astype(np.float32)

    def _mix(
        self,
        dice: Dice,
        inputs: dict[str, Floats],
        target: Floats,
        usual: npt.NDArray[np.float64],
    ) -> None:
        """Add another window of the batch to some: sums of histories are histories of sums."""
        size: int = target.shape[0]
        mixed = dice.random(size) < self._chances.mixed
        share = np.where(mixed, dice.uniform(0.1, 1.0, size), 0.0).astype(np.float32)[:, None]
        other = np.roll(np.arange(size), 1)
        for name in ("fine", "coarse", "day"):
            inputs[name] = inputs[name] + share * inputs[name][other]
            ok = f"{name}_ok"
            inputs[ok] = np.where(mixed[:, None], inputs[ok] * inputs[ok][other], inputs[ok])
        target += share * target[other]
        usual[:] = np.hypot(usual, share[:, 0] * usual[other])

    def _add_noise(self, dice: Dice, inputs: dict[str, Floats], target: Floats) -> None:
        size: int = target.shape[0]
        noisy = dice.random(size) < self._chances.noisy
        spread = np.where(noisy, 10 ** dice.uniform(-2.3, -0.7, size), 0)[:, None]
        for name, averaged in (("fine", 1), ("coarse", COARSE_STEPS), ("day", 1)):
            dice_of = dice.normal(size=inputs[name].shape) * spread / np.sqrt(averaged)
            inputs[name] = (inputs[name] * np.exp(dice_of)).astype(np.float32)
        target *= np.exp(dice.normal(size=target.shape) * spread).astype(np.float32)

    def _hide(self, dice: Dice, inputs: dict[str, Floats]) -> None:
        size: int = inputs["day_ok"].shape[0]
        short = dice.random(size) < self._chances.short
        seen = np.where(short, dice.integers(10, COARSE * COARSE_STEPS, size), 1 << 30)[:, None]
        inputs["fine_ok"] *= np.arange(FINE, 0, -1) <= seen
        inputs["coarse_ok"] *= np.arange(COARSE, 0, -1) * COARSE_STEPS <= seen
        inputs["day_ok"] *= (~short & (dice.random(size) >= self._chances.no_day))[:, None]


def _usual_error(values: npt.NDArray[np.float64]) -> float:
    """Mean error of the last value over 1, 5 and 15 steps, at least a thousandth of the mean."""
    errors = [float(np.abs(values[ahead:] - values[:-ahead]).mean()) for ahead in (1, 5, HORIZON)]
    return max(sum(errors) / len(errors), 1e-3)
