"""A simulated pool scaled by the product's rules."""

from dataclasses import dataclass, field, replace

from aether.core.scaling.controller import History
from aether.core.scaling.forecast import Mode
from aether.core.scaling.settings import DEFAULTS
from aether_forge.scaling.foresight import Foresight
from aether_forge.scaling.pool import PoolController
from tests.unit.forge_scaling.test_foresight import Knowing


@dataclass
class Config:
    start_s: int = 30
    min_inst: int = 2
    max_inst: int = 64


@dataclass
class Shown:
    """What the simulator shows."""

    t: int = 0
    ready: int = 6
    starting: int = 0
    target: int = 6
    rate: float = 400.0
    util: float = 0.66
    queue: float = 0.0
    active: float = 4.0
    p95_ms: float = 20.0
    minute: int = -1
    minutes: list[float] = field(default_factory=list)
    cap_est: float = 100.0


def test_the_past_is_learnt_from_before_the_first_second() -> None:
    jumpy = [400.0, 400.0, 400.0, 1600.0] * 700
    pool = PoolController(Config(), replace(DEFAULTS, mode=Mode.OFF), None, History(jumpy, 60.0))
    assert pool.decide(Shown()) > 6
    assert pool.decision is not None
    assert pool.decision.rule == "headroom"


def test_a_forecast_is_made_at_the_end_of_each_step() -> None:
    settings = replace(DEFAULTS, mode=Mode.FULL, learns=False)
    past = History([400.0, 400.0, 2800.0, 2800.0] * 50, 60.0)
    pool = PoolController(Config(), settings, Foresight(Knowing(1600.0), 60.0), past)
    pool.decide(Shown(t=0))
    assert pool.decision is not None
    assert pool.decision.asked.ahead.state == "none"
    wanted = pool.decide(Shown(t=59, minute=0, minutes=[400.0]))
    assert pool.decision.asked.ahead.state == "good"
    assert wanted == 20


def test_bounds_of_the_pool_hold() -> None:
    pool = PoolController(Config(max_inst=8), DEFAULTS, None, History([], 60.0))
    assert pool.decide(Shown(rate=5000.0, queue=900.0, util=1.0)) == 8
