"""One simulated pool, scaled by the functions the leader calls: what the simulator shows becomes an observation."""

from typing import Protocol

from aether.core.scaling.bounds import Bounds
from aether.core.scaling.controller import History, SliceState, state_from, step
from aether.core.scaling.decision import Decision
from aether.core.scaling.forecast import Forecast
from aether.core.scaling.observation import Observation
from aether.core.scaling.settings import ScalingSettings
from aether_forge.scaling.foresight import Foresight


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
    """Index of the last completed step, -1 before the first."""
    minutes: list[float]
    """Mean rates of the completed steps."""
    cap_est: float


class PoolController:
    """Scales one simulated pool by the rules the leader uses."""

    def __init__(
        self, cfg: PoolConfig, settings: ScalingSettings, foresight: Foresight | None, past: History
    ) -> None:
        self.settings = settings
        self.bounds = Bounds(cfg.min_inst, cfg.max_inst, cfg.max_inst)
        self.startup_s = float(cfg.start_s)
        self.foresight = foresight
        self.past = past
        self.decision: Decision | None = None
        """The last one."""
        self._state: SliceState | None = None
        self._step = -1
        self._forecast: Forecast | None = None

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
        state = self._begun(seen) if self._state is None else self._state
        if view.minute != self._step and self.foresight is not None:
            self._step = view.minute
            self._forecast = self.foresight.stepped(view.minutes[-1], seen.at)
        self._state, self.decision = step(state, seen, self.bounds, self.settings, self._forecast)
        return self.decision.wanted

    def _begun(self, seen: Observation) -> SliceState:
        """Return the first state, taught by the steps before the first second as a new leader is."""
        past = self.past
        if self.foresight is not None:
            past = past._replace(forecasts=self.foresight.looked_back(past.rates, seen.at))
        return state_from(past, seen, self.bounds, self.settings)
