"""A new leader learns from the history every node keeps, one slice a second, in a thread.

Without it the headroom a slice had learnt would begin anew with each leader.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import isfinite

from aether.core.model.ids import SliceBase
from aether.core.scaling.bounds import Bounds
from aether.core.scaling.controller import History, SliceState, state_from
from aether.core.scaling.load import capacity_of
from aether.core.scaling.observation import Observation
from aether.core.scaling.settings import ScalingSettings

MOST_STEPS = 480
"""Steps learnt from: 8 hours of minutes, some 60 ms of work."""

Past = Callable[[SliceBase], History | None]
"""Returns what is known of a slice's past; None when nothing is."""


class Pasts:
    """Which slices have been learnt from in this reign."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._done: set[SliceBase] = set()

    def forget(self) -> None:
        """Begin anew: another reign has ended or begun."""
        self._done.clear()

    def keep_only(self, bases: Iterable[SliceBase]) -> None:
        """Forget slices that are not scaled any more."""
        self._done.intersection_update(bases)

    async def learnt(
        self,
        base: SliceBase,
        state: SliceState,
        seen: Observation,
        bounds: Bounds,
        settings: ScalingSettings,
    ) -> SliceState | None:
        """Return what the slice's history teaches; None when it was asked before, or teaches nothing yet.

        A history says nothing before the capacity of an instance is known.
        """
        if base in self._done or state.load is None or not settings.learns:
            return None
        capacity = capacity_of(state.load, seen)
        if not capacity:
            return None
        past = self._past(base)
        if past is None:
            return None
        past = past._replace(rates=past.rates[-MOST_STEPS:])
        if not any(map(isfinite, past.rates)):
            return None  # it is asked again when a step has been measured
        self._done.add(base)
        known = replace(seen, capacity_rps=capacity)
        return await asyncio.to_thread(state_from, past, known, bounds, settings)
