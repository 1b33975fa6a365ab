"""Factories of controllers, in the form the simulator calls: `(cfg, step_s, history)`."""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache

from aether.core.scaling.controller import History
from aether.core.scaling.forecast import Mode
from aether.core.scaling.settings import DEFAULTS
from aether.forecast.card import ModelUnusable
from aether.forecast.runtime import OnnxForecaster
from aether_forge.scaling.broken import Garbage, Low, Stuck
from aether_forge.scaling.foresight import Foresight, Model
from aether_forge.scaling.pool import PoolConfig, PoolController


def make(cfg: PoolConfig, step_s: int, history: Sequence[float]) -> PoolController:
    """Return a controller as shipped, with forecasts that may act in full.

    `history` are mean request rates of the steps of `step_s` seconds before the first second, oldest first.
    """
    return _with(lambda model: model, cfg, step_s, history)


def make_reactive(cfg: PoolConfig, step_s: int, history: Sequence[float]) -> PoolController:
    """Return a controller without forecasts."""
    settings = dataclasses.replace(DEFAULTS, mode=Mode.OFF)
    return PoolController(cfg, settings, None, History(history, step_s))


def make_garbage(cfg: PoolConfig, step_s: int, history: Sequence[float]) -> PoolController:
    """Return a controller whose forecasts are off by random factors."""
    return _with(Garbage, cfg, step_s, history)


def make_stuck(cfg: PoolConfig, step_s: int, history: Sequence[float]) -> PoolController:
    """Return a controller whose forecaster answers its first forecast for ever."""
    return _with(Stuck, cfg, step_s, history)


def make_low(cfg: PoolConfig, step_s: int, history: Sequence[float]) -> PoolController:
    """Return a controller whose forecasts are 60 % too low."""
    return _with(Low, cfg, step_s, history)


def _with(
    spoil: Callable[[Model], Model], cfg: PoolConfig, step_s: int, history: Sequence[float]
) -> PoolController:
    model = _shipped()
    if model is None:
        return make_reactive(cfg, step_s, history)
    settings = dataclasses.replace(DEFAULTS, mode=Mode.FULL)
    return PoolController(cfg, settings, Foresight(spoil(model), step_s), History(history, step_s))


@lru_cache(maxsize=1)
def _shipped() -> OnnxForecaster | None:
    """Return the shipped forecaster; None, said on standard error, where it cannot be used."""
    try:
        return OnnxForecaster.load()
    except ModelUnusable as problem:
        sys.stderr.write(f"no forecasts, reactive rules only: {problem}\n")
        return None
