"""The leader's scaling put together: the loop, what it says of itself, and who carries out what it asks."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aether.control.giving_back import GivingBack
from aether.control.manager import ClusterDeploymentManager
from aether.control.scaling import ScalingGround, ScalingLoop
from aether.control.scaling_telling import ScalingDesk
from aether.core.model.ids import NodeId, SliceBase
from aether.core.scaling.forecast import Forecast
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

    def start(self, tasks: Tasks, ask: Ask) -> None:
        """Have `tasks` run it, until it is stopped."""
        tasks.start("scaling", self.loop.run())
        tasks.start("giving back nodes", GivingBack(self.loop, ask, self.clock).run())


def scaling_of(
    node: NodeId,
    store: Store,
    control: ClusterDeploymentManager,
    metrics: ClusterMetrics,
    clock: Clock,
    forecasts: Callable[[], Mapping[SliceBase, Forecast]] = dict,
) -> NodeScaling:
    """Build the scaling of one life of a node."""
    loop = ScalingLoop(
        ScalingGround(
            node=node,
            leader=lambda: store.leader,
            control=control,
            loads=metrics,
            clock=clock,
            forecasts=forecasts,
        )
    )
    return NodeScaling(loop=loop, desk=ScalingDesk(loop, control), clock=clock)
