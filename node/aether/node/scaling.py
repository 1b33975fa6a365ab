"""The leader's scaling put together: the loop, what it says of itself, and who carries out what it asks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aether.config.advisor import AdvisorConfig
from aether.config.node import NodeConfig
from aether.control.advising import Advising
from aether.control.giving_back import GivingBack
from aether.control.manager import ClusterDeploymentManager
from aether.control.scaling import ScalingGround, ScalingLoop
from aether.control.scaling_telling import ScalingDesk
from aether.node.advisor import HttpAdvisor
from aether.node.forecasting import Forecasting
from aether.ports import ApiRequest, ApiResponse, Clock, Store
from aether.tasks import Tasks
from aether.telemetry.cluster_metrics import ClusterMetrics

Ask = Callable[[ApiRequest], Awaitable[ApiResponse]]
"""This node's own management API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeScaling:
    """What one node has of scaling; it decides only while the node leads."""

    loop: ScalingLoop
    desk: ScalingDesk
    clock: Clock
    advising: Advising | None = None
    """None without an advisor."""

    def start(self, tasks: Tasks, ask: Ask) -> None:
        """Have `tasks` run it, until it is stopped."""
        tasks.start("scaling", self.loop.run())
        tasks.start("giving back nodes", GivingBack(self.loop, ask, self.clock).run())
        if self.advising is not None:
            tasks.start("advising", self.advising.run())


def scaling_of(
    config: NodeConfig,
    store: Store,
    control: ClusterDeploymentManager,
    metrics: ClusterMetrics,
    clock: Clock,
    forecasting: Forecasting,
) -> NodeScaling:
    """Build the scaling of one life of a node."""
    loop = ScalingLoop(
        ScalingGround(
            node=config.node_id,
            leader=lambda: store.leader,
            control=control,
            loads=metrics,
            clock=clock,
            forecasts=forecasting.service.forecasts,
            past=forecasting.past,
            has_provider=bool(config.provider.url),
        )
    )
    advising = _advising(config.advisor, loop, control, clock)
    return NodeScaling(
        loop=loop,
        desk=ScalingDesk(loop, control, advising),
        clock=clock,
        advising=advising,
    )


def _advising(
    config: AdvisorConfig, loop: ScalingLoop, control: ClusterDeploymentManager, clock: Clock
) -> Advising | None:
    if not config.url:
        return None
    return Advising(
        loop,
        control,
        HttpAdvisor(config),
        clock,
        interval_s=config.interval_s,
        dry_run=config.dry_run,
    )
