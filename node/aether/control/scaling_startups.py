"""How long instances take from being asked for until they serve, slice by slice, as the leader saw it."""

from collections import deque
from math import ceil

from aether.core.control.removal import is_leaving
from aether.core.model.ids import SliceBase
from aether.core.model.slice_view import SliceView
from aether.core.model.view import Placed

MOST_KEPT = 20
"""Durations kept of each slice, the latest."""
_PART = 0.9


class Startups:
    """Durations of the slices that are watched; what leaves the view is forgotten."""

    def __init__(self) -> None:
        self._asked_at: dict[SliceBase, dict[Placed, float]] = {}
        self._took: dict[SliceBase, deque[float]] = {}

    def note(self, one: SliceView, now: float) -> None:
        """Look at a slice: who is asked for since when, and who has come to serve since the last look.

        Instances that were there when watching began, and those that failed meanwhile, tell nothing.
        """
        before = self._asked_at.get(one.base)
        waiting: dict[Placed, float] = {}
        for copy in one.copies:
            if copy.wish is None or is_leaving(copy.wish) or copy.wish.attempt:
                continue
            if not copy.is_active:
                if before is not None:
                    waiting[copy.placed] = before.get(copy.placed, now)
            elif before is not None and copy.placed in before:
                took = self._took.setdefault(one.base, deque(maxlen=MOST_KEPT))
                took.append(now - before[copy.placed])
        self._asked_at[one.base] = waiting

    def p90_s(self, base: SliceBase) -> float | None:
        """Return the 90th percentile of the last durations; None before the first one."""
        took = sorted(self._took.get(base, ()))
        return took[ceil(_PART * len(took)) - 1] if took else None

    def keep_only(self, bases: set[SliceBase]) -> None:
        """Forget every other slice."""
        self._asked_at = {base: at for base, at in self._asked_at.items() if base in bases}
        self._took = {base: took for base, took in self._took.items() if base in bases}
