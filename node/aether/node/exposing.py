"""What a node tells monitoring systems, put together of the parts that tell it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aether.config.node import NodeConfig
from aether.config.version import aether_version
from aether.control.manager import ClusterDeploymentManager
from aether.node.routers import Routers
from aether.node.stores import NodeStore
from aether.ports import Clock
from aether.telemetry.cluster_metrics import ClusterMetrics
from aether.telemetry.exposition.cluster import ClusterSeen, cluster_source
from aether.telemetry.exposition.exposition import Exposition
from aether.telemetry.exposition.measured import measured_source
from aether.telemetry.exposition.processes import processes_source
from aether.telemetry.exposition.routers import routers_source
from aether.telemetry.exposition.store import store_source
from aether.telemetry.exposition.table import SERIES
from aether.telemetry.exposition.traffic import traffic_source
from aether.telemetry.traffic import NodeTraffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The parts that are asked."""

    config: NodeConfig
    run: Path
    """The directory of sockets and pids."""
    clock: Clock
    node_store: NodeStore
    control: ClusterDeploymentManager
    traffic: NodeTraffic
    routers: Routers
    metrics: ClusterMetrics
    is_ready: Callable[[], bool]


def exposition_of(told: Told) -> Exposition:
    """Return what tells all series of the table."""
    config, store = told.config, told.node_store.store
    seen = ClusterSeen(
        node=config.node_id,
        version=aether_version(),
        store=store,
        view=told.control.view,
        last_plan=lambda: told.control.last_plan,
        is_ready=told.is_ready,
    )
    sources = (
        cluster_source(seen),
        traffic_source(told.traffic, config.metrics.most_routes),
        measured_source(config.node_id, store, told.metrics),
        routers_source(told.routers.health),
        store_source(told.node_store.group, store),
        processes_source(told.run),
    )
    return Exposition(SERIES, sources, told.clock)
