"""Seeded load series that no recording shows often enough: shapes, crowds, jobs, shifts, outages, noise."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Dice = np.random.Generator
DAY = 1440
"""Steps of a synthetic day: all series are of minutes."""
LENGTH = 4 * DAY


def make(dice: Dice) -> Values:
    """Return one series of `LENGTH` steps with a mean of about one, never negative."""
    level = _shape(dice) * _drift(dice)
    for chance, add in _EVENTS:
        if dice.random() < chance:
            level = add(dice, level)
    return _noise(dice, np.maximum(level, 0.0))


def _minutes() -> Values:
    return np.arange(LENGTH, dtype=np.float64)


def _shape(dice: Dice) -> Values:
    """Return a day: flat, of a few harmonics, of office hours, or a wave of any period."""
    kind = dice.integers(5)
    time = _minutes()
    if kind == 0:
        return np.ones(LENGTH)
    if kind == 1:
        period = math.exp(dice.uniform(math.log(20), math.log(1000)))
        wave = np.sin(2 * math.pi * (time / period + dice.random()))
        return 1 + dice.uniform(0.05, 0.95) * (np.sign(wave) if dice.random() < 0.3 else wave)
    if kind == 2:
        rise, fall = dice.uniform(6, 11) * 60, dice.uniform(16, 23) * 60
        width = dice.uniform(5, 90)
        phase = time % DAY
        office = 1 / (1 + np.exp(-(phase - rise) / width)) - 1 / (
            1 + np.exp(-(phase - fall) / width)
        )
        return dice.uniform(0.05, 0.8) + np.maximum(office, 0)
    wave = np.zeros(LENGTH)
    for harmonic in range(1, int(dice.integers(2, 7))):
        turn = 2 * math.pi * (harmonic * time / DAY + dice.random())
        wave += dice.normal() / harmonic * np.sin(turn)
    wave /= max(float(np.abs(wave).max()), 1e-9)
    return 1 + dice.uniform(0.1, 0.95) * wave


def _drift(dice: Dice) -> Values:
    """Return how days change slowly: a walk in the logarithm, smooth or not."""
    if dice.random() < 0.4:
        return np.ones(LENGTH)
    steps = dice.normal(size=LENGTH) * math.exp(dice.uniform(math.log(1e-4), math.log(0.02)))
    return np.exp(np.clip(np.cumsum(steps), -1.5, 1.5))


def _ramps(dice: Dice, level: Values) -> Values:
    for _ in range(int(dice.integers(1, 8))):
        start, length = int(dice.integers(LENGTH)), int(dice.integers(5, 240))
        height = math.exp(dice.normal(0, 0.7))
        ramp = np.clip((_minutes() - start) / length, 0, 1)
        back = np.clip((_minutes() - start - length - dice.integers(10, 400)) / length, 0, 1)
        level = level * np.exp(math.log(height) * (ramp - back))
    return level


def _crowds(dice: Dice, level: Values) -> Values:
    mean = float(level.mean())
    for _ in range(int(dice.integers(1, 25))):
        start = int(dice.integers(LENGTH))
        rise, fall = dice.uniform(0.5, 12), dice.uniform(3, 90)
        since = np.maximum(_minutes() - start, 0)
        crowd = (1 - np.exp(-since / rise)) * np.exp(-since / fall)
        level = level + mean * math.exp(dice.normal(0, 0.9)) * crowd
    return level


def _jobs(dice: Dice, level: Values) -> Values:
    period = float(dice.choice([5, 10, 15, 20, 30, 60, 60, 120, 180, 240, 360, 720, 1440]))
    width = dice.uniform(0.02, 0.6) * period
    late = dice.normal(0, dice.choice([0.0, 0.3, 2.0]), size=int(LENGTH / period) + 2)
    phase = (_minutes() + dice.uniform(0, period)) / period
    since = (phase % 1) * period - late[phase.astype(np.int64)]
    heights = math.exp(dice.normal(-0.3, 0.8)) * np.exp(
        dice.normal(0, dice.uniform(0, 0.4), size=late.size)
    )
    pulse = np.where((since >= 0) & (since < width), heights[phase.astype(np.int64)], 0)
    if dice.random() < 0.4:
        pulse = pulse * np.exp(-np.maximum(since, 0) / max(width / 2, 1))
    return level + float(level.mean()) * pulse


def _shifts(dice: Dice, level: Values) -> Values:
    for _ in range(int(dice.integers(1, 12))):
        start = int(dice.integers(LENGTH))
        stop = LENGTH if dice.random() < 0.5 else start + int(dice.integers(5, 600))
        level = level.copy()
        level[start:stop] *= math.exp(dice.normal(0, 0.6))
    return level


def _outages(dice: Dice, level: Values) -> Values:
    level = level.copy()
    for _ in range(int(dice.integers(1, 4))):
        start, length = int(dice.integers(LENGTH)), int(dice.integers(1, 120))
        level[start : start + length] *= dice.choice([0.0, 0.0, 0.1, 0.4])
        if dice.random() < 0.5:  # what waited comes at once
            after = slice(start + length, start + length + int(dice.integers(1, 15)))
            level[after] *= dice.uniform(1.1, 3)
    return level


def _switching(dice: Dice, level: Values) -> Values:
    """Two or more levels, each held for a random time."""
    stay = math.exp(dice.uniform(math.log(3), math.log(200)))
    turns = np.cumsum(dice.random(LENGTH) < 1 / stay)
    levels = np.exp(dice.normal(0, dice.uniform(0.1, 0.8), size=int(turns[-1]) + 1))
    if dice.random() < 0.5:
        levels = dice.choice(levels[:3], size=levels.size)
    held: Values = level * levels[turns]
    return held


_EVENTS: tuple[tuple[float, Callable[[Dice, Values], Values]], ...] = (
    (0.3, _ramps),
    (0.35, _crowds),
    (0.35, _jobs),
    (0.2, _jobs),
    (0.3, _shifts),
    (0.12, _outages),
    (0.15, _switching),
)


def _noise(dice: Dice, level: Values) -> Values:
    """Correlated noise in the logarithm, single outliers, and the noise of counting."""
    level = level / max(float(level.mean()), 1e-9)
    if dice.random() < 0.7:
        level = level * np.exp(_correlated(dice))
    if dice.random() < 0.2:
        hit = dice.random(LENGTH) < dice.uniform(0.001, 0.03)
        level = np.where(hit, level * np.exp(np.abs(dice.normal(0, 1, LENGTH))), level)
    if dice.random() < 0.7:
        counts = math.exp(dice.uniform(math.log(3), math.log(1e5)))
        level = dice.poisson(level * counts) / counts
    return np.minimum(level, 1e3)


def _correlated(dice: Dice) -> Values:
    """Return first-order noise of a random size and memory, made of blocks so that no loop runs per step."""
    memory = float(dice.choice([0.0, 0.3, 0.6, 0.8, 0.9, 0.97]))
    size = math.exp(dice.uniform(math.log(0.005), math.log(0.4)))
    shocks = dice.normal(size=LENGTH) if dice.random() < 0.7 else dice.standard_t(3, size=LENGTH)
    if memory == 0.0:
        return size * shocks
    reach = min(int(math.log(1e-3) / math.log(memory)) + 1, 250)
    weights = memory ** np.arange(reach)
    noise: Values = np.convolve(shocks, weights)[:LENGTH] * math.sqrt(1 - memory**2)
    return np.clip(size * noise, -3, 3)
