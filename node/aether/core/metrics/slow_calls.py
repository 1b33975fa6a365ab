"""From how many seconds on a call is slow, by a rule that may be changed while the cluster runs.

`fixed`: from one time on, for all. `per_method`: from the time given for its route, its slice, or, where
none is given, the fixed one. `adaptive`: a few times what is usual for its route, version and method,
within bounds; what is usual is a moving mean to which each call adds a tenth. Worked example: calls of
20 ms, three times the usual: slow from 60 ms on; once they take 200 ms as a rule, from 600 ms on.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Strategy = Literal["adaptive", "fixed", "per_method"]

STRATEGIES: tuple[Strategy, ...] = ("adaptive", "fixed", "per_method")
LEARNED_CALLS = 10
"""Calls after which what is usual is known."""
MOST_METHODS = 256
"""Routes and slices that may have a time of their own."""
_KEEPS = 0.9
"""Part of the moving mean that is left after one more call."""

_Seconds = Annotated[float, Meta(gt=0.0, le=86_400.0)]
_Name = Annotated[str, Meta(max_length=2048)]


class SlowRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it is told which calls are slow; times in seconds."""

    strategy: Strategy = "adaptive"
    fixed_s: _Seconds = 1.0
    times: Annotated[float, Meta(ge=1.0, le=1000.0)] = 3.0
    """How many times as long as usual a slow call takes."""
    least_s: _Seconds = 0.01
    """No call is slow that takes less; `adaptive` only."""
    most_s: _Seconds = 1.0
    """Every call is slow that takes longer, also while nothing is known yet; `adaptive` only."""
    methods: Annotated[dict[_Name, _Seconds], Meta(max_length=MOST_METHODS)] = {}
    """Times by `GET /orders/{id}`, the same with its slice behind it, `call group:name` or `group:name`."""


class Usual:
    """How long the calls of one series take as a rule."""

    __slots__ = ("calls", "mean_s")

    def __init__(self) -> None:
        self.calls = 0
        self.mean_s = 0.0

    def learn(self, calls: int, seconds: float) -> None:
        """Take in some calls and the time all of them took together; what is no call says nothing.

        Many calls at a time count as if each had taken their mean.
        """
        if calls <= 0:
            return
        mean_s = seconds / calls
        kept = _KEEPS ** min(calls, 1000) if self.calls else 0.0
        self.mean_s = self.mean_s * kept + mean_s * (1.0 - kept)
        self.calls += calls


def slow_after_s(rule: SlowRule, route: str, usual: Usual) -> float:
    """Return the seconds from which on a call of a route is slow; `route` is its key in counts."""
    match rule.strategy:
        case "fixed":
            return rule.fixed_s
        case "per_method":
            return _given(rule.methods, route, rule.fixed_s)
        case "adaptive":
            if usual.calls < LEARNED_CALLS:
                return rule.most_s
            return min(max(rule.times * usual.mean_s, rule.least_s), rule.most_s)


def _given(methods: Mapping[str, float], route: str, otherwise: float) -> float:
    """Return the time given for a route: with its slice, without it, or for the slice."""
    short, _, base = route.rpartition(" ")
    for name in (route, short, base):
        if name in methods:
            return methods[name]
    return otherwise
