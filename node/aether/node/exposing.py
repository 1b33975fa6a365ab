"""What a node tells systems that watch it, put together of the parts that tell it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aether.api.service import Api
from aether.config.node import NodeConfig
from aether.config.version import aether_version
from aether.control.manager import ClusterDeploymentManager
from aether.control.scaling import ScalingLoop
from aether.core.alerts.book import AlertBook
from aether.forecast.service import ForecastService
from aether.node.routers import Routers
from aether.node.stores import NodeStore
from aether.node.told_of_leader import forecast_seen, scaling_seen
from aether.ports import Clock
from aether.tasks import Tasks
from aether.telemetry.cluster_metrics import ClusterMetrics
from aether.telemetry.exposition.alerts import alerts_source
from aether.telemetry.exposition.calls import calls_source
from aether.telemetry.exposition.cluster import ClusterSeen, cluster_source
from aether.telemetry.exposition.exposition import Exposition
from aether.telemetry.exposition.forecasts import forecasts_source
from aether.telemetry.exposition.measured import measured_source
from aether.telemetry.exposition.processes import processes_source
from aether.telemetry.exposition.routers import routers_source
from aether.telemetry.exposition.scaling import scaling_source
from aether.telemetry.exposition.sending import sending_source
from aether.telemetry.exposition.spans import spans_source
from aether.telemetry.exposition.store import store_source
from aether.telemetry.exposition.table import SERIES
from aether.telemetry.exposition.traffic import traffic_source
from aether.telemetry.lines import NodeLines
from aether.telemetry.otlp.exporter import OtlpExporter
from aether.telemetry.otlp.opening import open_exporter
from aether.telemetry.traces import NodeTraces
from aether.telemetry.traffic import NodeTraffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The parts that are asked."""

    config: NodeConfig
    cluster_id: str
    run: Path
    """The directory of sockets and pids."""
    clock: Clock
    node_store: NodeStore
    control: ClusterDeploymentManager
    scaling: ScalingLoop
    forecasting: ForecastService
    traces: NodeTraces
    lines: NodeLines
    want_lines: Callable[[], None]
    """Has routers and hosts send what they log."""
    alerts: Callable[[], AlertBook]
    traffic: NodeTraffic
    routers: Routers
    metrics: ClusterMetrics
    is_ready: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposing:
    """What answers scrapes, and what sends to a collector if there is one."""

    exposition: Exposition
    exporter: OtlpExporter | None

    def start(self, tasks: Tasks, api: Api) -> None:
        """Have `tasks` send what is to be sent, and count the calls of this node's API."""
        self.exposition.add(calls_source(lambda: api.counts.counts))
        if self.exporter is not None:
            tasks.start("otlp", self.exporter.run())

    async def stop(self) -> None:
        """Send what is left, within two seconds."""
        if self.exporter is not None:
            await self.exporter.stop()


def expose(told: Told) -> Exposing:
    """Build both for one life of a node; nothing runs before `start`."""
    config, store = told.config, told.node_store.store
    version = aether_version()

    def leads() -> bool:
        return store.leader == config.node_id

    seen = ClusterSeen(
        node=config.node_id,
        version=version,
        store=store,
        view=told.control.view,
        last_plan=lambda: told.control.last_plan,
        is_ready=told.is_ready,
    )
    sources = (
        cluster_source(seen),
        traffic_source(told.traffic, config.metrics.most_routes),
        measured_source(config.node_id, store, told.metrics),
        scaling_source(lambda: scaling_seen(told.scaling) if leads() else None),
        forecasts_source(lambda: forecast_seen(told.forecasting) if leads() else None),
        spans_source(told.traces),
        alerts_source(config.node_id, store, told.alerts),
        routers_source(told.routers.health),
        store_source(told.node_store.group, store),
        processes_source(told.run),
    )
    exposition = Exposition(SERIES, sources, told.clock)
    exporter = open_exporter(
        config.otel, exposition, told.clock, sender=_sender(config, version, told.cluster_id)
    )
    if exporter is not None:
        exposition.add(sending_source(exporter))
        told.traces.subscribe(exporter.offer_spans)
        if config.otel.logs:
            told.lines.send_to(exporter)
            told.want_lines()
    return Exposing(exposition=exposition, exporter=exporter)


def _sender(config: NodeConfig, version: str, cluster_id: str) -> Mapping[str, str]:
    return {"node": config.node_id, "version": version, "cluster": cluster_id}
