"""Which windows a training run draws from: series at several step lengths, and synthetic ones."""

from collections.abc import Iterator, Sequence

import numpy as np

from aether.forecast.shape import HORIZON, LEAST_HISTORY, day_steps
from aether_forge.training import synthetic
from aether_forge.training.series import Series, Values, coarser
from aether_forge.training.windows import Track, Windows

MINUTES = ((1, 0.55), (2, 0.2), (3, 0.15), (6, 0.1))
"""How many steps are taken as one, and how often: shapes repeat at other speeds."""
SECONDS = ((5, 0.25), (10, 0.35), (15, 0.2), (30, 0.2))
LEAST_STEPS = 4 * (HORIZON + LEAST_HISTORY)


def recorded(series: Sequence[Series]) -> Windows:
    """Return the windows of the first part of each series; every series counts the same."""
    tracks: list[Track] = []
    for one in series:
        values = one.values[: one.trained]
        for steps, weight in SECONDS if one.step_s <= 2 else MINUTES:
            means = coarser(values, steps)
            if means.size >= LEAST_STEPS:
                tracks += _variants(means, day_steps(one.step_s * steps), weight)
    return Windows(tracks)


def _variants(means: Values, behind: int, weight: float) -> Iterator[Track]:
    """Yield a series as it is, most of the time, backwards, flatter, steeper, and on a constant load."""
    level = means / max(float(means.mean()), 1e-12)
    yield Track(level, behind, 0.6 * weight)
    for other in (level[::-1].copy(), level**0.6, level**1.5, level + 0.8):
        yield Track(other, behind, 0.1 * weight)


def made(seed: int, count: int) -> Windows:
    """Return windows of synthetic series."""
    dice = np.random.default_rng([seed, 1])
    tracks = []
    for _ in range(count):
        values = synthetic.make(dice)
        tracks.append(Track(values, synthetic.DAY, 1.0))
    return Windows(tracks)
