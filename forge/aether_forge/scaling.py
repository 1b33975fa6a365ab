"""The product's scaling rules as a controller for an outside simulator of autoscaled pools.

`make(cfg, step_s, history)` returns an object with `decide(view) -> int` that calls `core.scaling.controller.step`,
the function the leader calls, on what the simulator shows it.
"""

from collections.abc import Sequence
from typing import Protocol

from aether.core.scaling.bounds import Bounds
from aether.core.scaling.controller import SliceState, state_from, step
from aether.core.scaling.forecast import Forecast
from aether.core.scaling.observation import Observation
from aether.core.scaling.settings import DEFAULTS, ScalingSettings


class PoolConfig(Protocol):
    """What the simulator says of the pool."""

    start_s: int
    """Seconds until an instance asked for serves."""
    min_inst: int
    max_inst: int


class View(Protocol):
    """What the simulator shows each second."""

    t: int
    ready: int
    starting: int
    target: int
    rate: float
    util: float
    queue: float
    active: float
    p95_ms: float
    minute: int
    minutes: list[float]
    cap_est: float


class PoolController:
    """Scales one simulated pool by the rules the leader uses."""

    def __init__(
        self, cfg: PoolConfig, settings: ScalingSettings, step_s: int, history: Sequence[float]
    ) -> None:
        self.history, self.step_s = history, step_s
        self.settings = settings
        self.bounds = Bounds(cfg.min_inst, cfg.max_inst, cfg.max_inst)
        self.startup_s = float(cfg.start_s)
        self.state: SliceState | None = None

    def decide(self, view: View) -> int:
        """Return the instances wanted, starting ones included."""
        seen = Observation(
            at=float(view.t),
            ready=view.ready,
            starting=view.starting,
            target=view.target,
            rate=view.rate,
            in_flight=view.active,
            queue=view.queue,
            utilisation=view.util,
            p95_s=view.p95_ms / 1000.0,
            capacity_rps=view.cap_est,
            startup_s=self.startup_s,
        )
        state = (
            state_from(self.history, self.step_s, seen, self.bounds, self.settings)
            if self.state is None
            else self.state
        )
        self.state, self.last = step(state, seen, self.bounds, self.settings, self.forecast(view))
        return self.last.wanted

    def forecast(self, view: View) -> Forecast | None:
        """Return the latest forecast; this controller has none."""


def make(cfg: PoolConfig, step_s: int, history: Sequence[float]) -> PoolController:
    """Return a controller for a pool; `history` are mean request rates of steps of `step_s` before the first second."""
    return PoolController(cfg, DEFAULTS, step_s, history)
