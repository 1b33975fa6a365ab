"""What measures a node and its cluster, put together: the sampler, the metrics, and their loops."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from aether.core.model.ids import NodeId
from aether.node.managers import Measuring
from aether.node.stores import NodeStore
from aether.ports import Clock, HostStatus
from aether.tasks import Tasks
from aether.telemetry.cluster_metrics import ClusterMetrics
from aether.telemetry.sampling import NodeSampler
from aether.telemetry.traffic import NodeTraffic


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured, and what by."""

    node: NodeId
    incarnation: str
    data_dir: Path
    clock: Clock
    node_store: NodeStore
    traffic: NodeTraffic


@dataclass(frozen=True, slots=True)
class NodeMeasuring:
    """Everything of a node that measures; nothing runs before `start`."""

    sampler: NodeSampler
    metrics: ClusterMetrics

    def for_reports(self) -> Measuring:
        """Return what reports are made with."""
        return Measuring(sample=self.sampler.packed, hear=self.metrics.hear, take=self.metrics.take)

    def start(self, tasks: Tasks) -> None:
        """Have `tasks` run both loops."""
        tasks.start("sampling", self.sampler.run())
        tasks.start("metrics", self.metrics.run())


def measure(what: Measured, hosts: Callable[[], Iterable[HostStatus]]) -> NodeMeasuring:
    """Build what measures; `hosts` returns the instances of this node as they are known."""
    store, group = what.node_store.store, what.node_store.group
    return NodeMeasuring(
        NodeSampler(
            what.node,
            what.incarnation,
            what.data_dir,
            what.clock,
            hosts=hosts,
            slices=what.traffic.by_slice,
        ),
        ClusterMetrics(
            what.node,
            what.clock,
            leader=lambda: store.leader,
            voters=lambda: [member.node for member in group.members if member.voter],
        ),
    )
