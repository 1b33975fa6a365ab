"""Seconds of a slice's life for tests of scaling: a pool that starts instances, under any load."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import sqrt

from aether.core.scaling.bounds import Bounds
from aether.core.scaling.controller import SliceState, first_state, step
from aether.core.scaling.decision import Decision
from aether.core.scaling.forecast import Forecast
from aether.core.scaling.observation import Observation
from aether.core.scaling.settings import DEFAULTS, ScalingSettings

WIDE = Bounds(minimum=1, maximum=100, room=100)
FIXED = replace(DEFAULTS, learns=False)
"""Headroom is what the target utilisation leaves."""
CAPACITY = 100.0


def seen(
    at: float = 0.0, rate: float | None = 300.0, target: int = 4, **more: object
) -> Observation:
    """A look at a slice all of whose instances serve."""
    ready = more.pop("ready", target)
    assert isinstance(ready, int)
    fields: dict[str, object] = {
        "utilisation": None if rate is None else min(1.0, rate / max(ready * CAPACITY, 1.0)),
        "capacity_rps": CAPACITY,
        "startup_s": 5.0,
        "starting": target - ready,
    }
    return Observation(at=at, ready=ready, target=target, rate=rate, **{**fields, **more})  # type: ignore[arg-type] # fields by name


@dataclass
class Pool:
    """Instances that serve `startup_s` after they were wanted, scaled by the controller."""

    target: int = 4
    bounds: Bounds = WIDE
    settings: ScalingSettings = DEFAULTS
    startup_s: float = 5.0
    errors: float = 0.0
    haze: Callable[[], float] | None = None
    """Factor by which utilisation is off, second by second; None: it is right, and capacity is stated."""
    state: SliceState | None = None
    at: float = 0.0
    starting: list[float] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)

    def live(
        self,
        rates: Iterable[float | None],
        forecast: Callable[[float], Forecast | None] | None = None,
    ) -> "Pool":
        """Live through seconds of these request rates."""
        for rate in rates:
            self.at += 1.0
            self.starting = [due for due in self.starting if due > self.at]
            look = seen(
                self.at,
                rate,
                self.target,
                ready=self.target - len(self.starting),
                startup_s=self.startup_s,
                error_share=self.errors,
                **self._hazy(rate),
            )
            state = self.state or first_state(look)
            told = None if forecast is None else forecast(self.at)
            self.state, decision = step(state, look, self.bounds, self.settings, told)
            self._resize(decision.wanted)
            self.decisions.append(decision)
            self.targets.append(self.target)
        return self

    def _hazy(self, rate: float | None) -> dict[str, float | None]:
        if self.haze is None or rate is None:
            return {}
        ready = max(1, self.target - len(self.starting))
        used = rate / (ready * CAPACITY) * self.haze()
        return {"utilisation": min(1.0, used), "capacity_rps": None}

    def _resize(self, wanted: int) -> None:
        more = wanted - self.target
        self.starting.extend([self.at + self.startup_s] * max(more, 0))
        if more < 0:
            self.starting = self.starting[: max(0, len(self.starting) + more)]
        self.target = wanted


def noisy(mean: float, seconds: int, seed: int = 1) -> list[float]:
    """Counts per second of random arrivals (a normal approximation of Poisson's, never below 0)."""
    dice = random.Random(seed)
    return [max(0.0, float(round(dice.gauss(mean, mean**0.5)))) for _ in range(seconds)]


def drifting(share: float, seed: int) -> Callable[[], float]:
    """Return factors around 1 that are off by a share, and stay so for half a minute: what busy neighbours do."""
    dice = random.Random(seed)
    off = 0.0

    def factor() -> float:
        nonlocal off
        off = 0.97 * off + sqrt(1 - 0.97**2) * dice.gauss(0.0, share)
        return 1.0 + off

    return factor


def turns(targets: list[int]) -> int:
    """How often a series of targets changed its direction."""
    changes = [after - before for before, after in pairwise(targets) if after != before]
    return sum((a > 0) != (b > 0) for a, b in pairwise(changes))
