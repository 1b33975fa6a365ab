"""How long instances take from being asked for until they serve, slice by slice, as the leader saw it."""

from collections import deque
from dataclasses import dataclass, field
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
        self._watched: dict[SliceBase, _Watched] = {}

    def note(self, one: SliceView, now: float) -> None:
        """Look at a slice: who is asked for since when, and who has come to serve since the last look.

        Instances that were there when watching began, and those that failed meanwhile, tell nothing.
        One that is asked for and serves between two looks has taken no longer than these are apart.
        """
        known = self._watched.get(one.base)
        before = known if known is not None else _Watched(now)
        asked: dict[Placed, float | None] = {}
        for copy in one.copies:
            if copy.wish is None or is_leaving(copy.wish):
                continue
            since = before.asked.get(copy.placed, before.at) if known is not None else None
            if copy.wish.attempt:
                since = None
            if copy.is_active and since is not None:
                before.took.append(now - since)
                since = None
            asked[copy.placed] = since
        self._watched[one.base] = _Watched(now, asked, before.took)

    def p90_s(self, base: SliceBase) -> float | None:
        """Return the 90th percentile of the last durations; None before the first one."""
        known = self._watched.get(base)
        took = sorted(known.took) if known is not None else []
        return took[ceil(_PART * len(took)) - 1] if took else None

    def keep_only(self, bases: set[SliceBase]) -> None:
        """Forget every other slice."""
        self._watched = {base: one for base, one in self._watched.items() if base in bases}


@dataclass(frozen=True, slots=True)
class _Watched:
    """One slice: when it was looked at, since when each instance is asked for, how long others took."""

    at: float
    asked: dict[Placed, float | None] = field(default_factory=dict)
    """None for one that serves, or of which it is not known."""
    took: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))
