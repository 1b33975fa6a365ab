"""Everything one scaling decision depends on, as a value: what a decision is made from, and made again from."""

import msgspec

from aether.core.scaling.bounds import Bounds
from aether.core.scaling.plans import Planned
from aether.core.scaling.settings import ScalingSettings


class Ahead(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the forecast says of the next minutes, in requests per second."""

    state: str = "none"
    """`good`, or why it is not acted on: `none`, `off`, `shadow`, `expired`, `untrusted`."""
    soon: float = 0.0
    """Rate to be ready for until instances asked for now would serve; 0 where headroom is learnt: the plan has it."""
    later: float = 0.0
    """Rate that instances given up now would be missed for."""

    @property
    def counts(self) -> bool:
        """Whether the forecast may act."""
        return self.state == "good"


class Question(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How many instances are wanted, given all this."""

    target: int
    """Instances wanted now."""
    ready: int
    """Instances that serve."""
    starting: int
    """Instances that do not serve yet."""
    bounds: Bounds
    settings: ScalingSettings
    demand: float | None = None
    """Requests per second to be served, waiting ones included; None when nothing was measured just now."""
    busy: float | None = None
    """Utilisation of the ready instances, 0..1."""
    capacity: float | None = None
    """Requests per second of one instance."""
    errors: float = 0.0
    """Share of requests that failed, 0..1."""
    planned: Planned | None = None
    """The plan in force at work; None where headroom is not learnt."""
    watched_s: float = 0.0
    """Seconds this slice has been watched without a hole in its figures."""
    p95_s: float | None = None
    """95th percentile of response times, seconds."""
    held_need: int = 0
    """Most instances needed at `target_utilisation` at any time in the settings' `hold_s`; under a plan, most that saturated instances called for."""
    recent_need: int = 0
    """The same in `forecast_hold_s`."""
    since_change_s: float = 0.0
    """Seconds since the last change, of either direction."""
    ahead: Ahead = Ahead()
