"""Everything a node process is made of, put together in one place.

Only this package knows all parts; each part knows ports and the core.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from aether.agent.copies import Copies
from aether.api.call import Context
from aether.api.rehearsals import Rehearsals
from aether.api.service import Api
from aether.artifacts.intake import Intake
from aether.artifacts.layers import Layers
from aether.artifacts.prepare import Preparer
from aether.artifacts.repository import Repository, Shelf
from aether.chronicle.chronicle import FOLDER, Chronicle
from aether.config.node import NodeConfig
from aether.config.runtime_settings import given_at_start
from aether.config.version import aether_version
from aether.control.manager import ClusterDeploymentManager
from aether.control.providing import Providing
from aether.control.scaling_telling import ScalingDesk
from aether.core.agent.copies import nodes_on_duty
from aether.core.control.signals import ControlSettings
from aether.core.model.records import NodeRecord
from aether.dataplane.feed import TableFeed
from aether.forecast.telling import ForecastDesk
from aether.host.client import UnixLauncher
from aether.host.gateway import HostGateway
from aether.node.alerts import Alerts, AlertsGround, assemble_alerts, certificates_of
from aether.node.clock import MonotonicClock
from aether.node.data_dir import DataDir
from aether.node.edges import edges_of
from aether.node.exposing import Exposing, Told, expose
from aether.node.forecasting import Forecasting, forecasting_of
from aether.node.managers import Managers, ManagersGround, assemble_managers
from aether.node.measuring import Measured, NodeMeasuring, measure
from aether.node.provider import HttpNodeProvider
from aether.node.readiness import Readiness
from aether.node.routers import Routers
from aether.node.scaling import NodeScaling, scaling_of
from aether.node.stores import Grounds, NodeStore, open_store
from aether.node.tracing import NodeTracing
from aether.ports import Store
from aether.rpc.formation import Membership
from aether.rpc.peers import Peers
from aether.store.spec import OnMembers
from aether.telemetry.cluster_metrics import ClusterMetrics
from aether.telemetry.log_levels import set_level
from aether.telemetry.traces import NodeTraces
from aether.telemetry.traffic import NodeTraffic


def new_incarnation() -> str:
    """Return a name for this life of the node, unlike any other's."""
    return secrets.token_hex(8)


def node_record(config: NodeConfig, incarnation: str) -> NodeRecord:
    """Return what this node says of itself."""

    def at(port: int) -> str:
        return f"{config.bind}:{port}"

    return NodeRecord(
        node=config.node_id,
        incarnation=incarnation,
        management=at(config.management_port),
        cluster=at(config.cluster_port),
        raft=at(config.raft_port),
        router=at(config.router_port),
        mesh=at(config.mesh_port),
        role="worker" if config.is_worker else "voter",
        labels=config.labels,
        capacity=config.capacity,
        given=given_at_start(config),
        version=aether_version(),
    )


@dataclass(slots=True, kw_only=True)
class Parts:
    """The parts of a node that is in a cluster."""

    node_store: NodeStore
    store: Store
    launcher: UnixLauncher
    feed: TableFeed
    routers: Routers
    gateway: HostGateway
    tracing: NodeTracing
    readiness: Readiness
    managers: Managers
    measuring: NodeMeasuring
    scaling: NodeScaling
    forecasting: Forecasting
    copies: Copies
    chronicle: Chronicle
    alerts: Alerts
    exposing: Exposing
    providing: Providing | None
    """None without a provider of nodes."""
    api: Api


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a node stands on before its parts exist."""

    config: NodeConfig
    incarnation: str
    data_dir: DataDir
    membership: Membership
    remember: OnMembers
    """Keeps changed members for the next start."""
    on_failure: Callable[[str, BaseException], None]
    """Ends the node after a fault of a part."""
    peers: Peers
    repository: Repository


def assemble(ground: Ground) -> Parts:
    """Build all parts of a node that is in a cluster; nothing is started yet."""
    config, data_dir = ground.config, ground.data_dir
    clock = MonotonicClock()
    node_store = _store(ground, clock)
    store = node_store.store
    launcher = UnixLauncher(data_dir.path)
    layers = Layers(data_dir.path)
    traffic = NodeTraffic(clock)
    traces = NodeTraces(config.node_id)
    feed = TableFeed(data_dir.run("router.sock.table"), traffic, traces)
    chronicle = Chronicle(data_dir.path / FOLDER, store, clock, ground.membership.cluster_id)
    intake = Intake(ground.repository, layers, launcher, ground.peers, store, config.node_id)
    measuring = measure(
        Measured(config.node_id, ground.incarnation, data_dir.path, clock, node_store, traffic),
        hosts=lambda: list(managers.agent.hosts.values()),
    )
    metrics = measuring.metrics
    readiness = Readiness(
        leader=lambda: store.leader,
        router_revision=lambda: feed.confirmed,
        store_answers=node_store.answers,
    )
    managers = assemble_managers(
        ManagersGround(
            record=node_record(config, ground.incarnation),
            cluster_id=ground.membership.cluster_id,
            store=store,
            launcher=launcher,
            feed=feed,
            edges=edges_of(config.router.export),
            clock=clock,
            prepare=Preparer(data_dir.path, ground.repository, layers, ground.peers).prepare,
            reports=ground.peers,
            measuring=measuring.for_reports(),
            settings=_control_settings(config),
            period_s=config.control.period_s,
            registered=readiness.note_registered,
            set_log_level=set_level,
            set_slow_rule=feed.judge_by,
            set_tracing=feed.tell_tracing,
        )
    )
    forecasting = forecasting_of(
        config, data_dir.path, store, metrics, managers.control.view, clock
    )
    scaling = scaling_of(
        config, store, managers.control, metrics, clock, forecasting.service.forecasts
    )
    forecasting.watch(scaling.loop)
    routers = Routers(config, data_dir.path, clock)
    alerts = _alerts(ground, node_store, chronicle, metrics, managers.control)
    exposing = expose(
        Told(
            config=config,
            cluster_id=ground.membership.cluster_id,
            run=data_dir.run(""),
            clock=clock,
            node_store=node_store,
            control=managers.control,
            scaling=scaling.loop,
            forecasting=forecasting.service,
            traces=traces,
            alerts=alerts.alerting.book,
            traffic=traffic,
            routers=routers,
            metrics=metrics,
            is_ready=lambda: not readiness(),
        )
    )
    gateway = HostGateway(data_dir.run("node.sock"), store, managers.agent.slice_of, traces)
    return Parts(
        node_store=node_store,
        store=store,
        launcher=launcher,
        feed=feed,
        routers=routers,
        gateway=gateway,
        tracing=NodeTracing(
            traces=traces, processes=(feed, gateway), link=ground.peers, clock=clock
        ),
        readiness=readiness,
        managers=managers,
        measuring=measuring,
        scaling=scaling,
        forecasting=forecasting,
        copies=Copies(config.node_id, store, Shelf(ground.repository), ground.peers, clock),
        chronicle=chronicle,
        alerts=alerts,
        exposing=exposing,
        providing=_providing(ground, store, managers.control, clock),
        api=_api(
            ground,
            node_store,
            intake,
            readiness,
            _Tellers(
                managers.control,
                chronicle,
                traffic,
                traces,
                routers,
                exposing,
                metrics,
                alerts,
                scaling.desk,
                forecasting.desk,
            ),
        ),
    )


def _alerts(
    ground: Ground,
    node_store: NodeStore,
    chronicle: Chronicle,
    metrics: ClusterMetrics,
    control: ClusterDeploymentManager,
) -> Alerts:
    return assemble_alerts(
        AlertsGround(
            node=ground.config.node_id,
            cluster_id=ground.membership.cluster_id,
            store=node_store.store,
            group=node_store.group,
            link=ground.peers,
            clock=MonotonicClock(),
            chronicle=chronicle,
            measured=metrics.series,
            view=control.view,
        )
    )


def _store(ground: Ground, clock: MonotonicClock) -> NodeStore:
    return open_store(
        Grounds(
            config=ground.config,
            data_dir=ground.data_dir.path,
            membership=ground.membership,
            incarnation=ground.incarnation,
            remember=ground.remember,
            on_failure=ground.on_failure,
            clock=clock,
        )
    )


def _providing(
    ground: Ground, store: Store, control: ClusterDeploymentManager, clock: MonotonicClock
) -> Providing | None:
    """Return what asks for further nodes, handing them the cluster addresses of those on duty."""
    config = ground.config
    if not config.provider.url:
        return None

    def join() -> list[str]:
        view = control.view()
        return [view.nodes[node].cluster for node in nodes_on_duty(view)]

    provider = HttpNodeProvider(config.provider, ground.membership.cluster_id, join)
    return Providing(config.node_id, store, provider, clock, _control_settings(config))


def _control_settings(config: NodeConfig) -> ControlSettings:
    return ControlSettings(
        suspect_after_s=config.control.suspect_after_s,
        lost_after_s=config.control.lost_after_s,
        settle_s=config.control.settle_s,
        has_provider=bool(config.provider.url),
    )


@dataclass(frozen=True, slots=True)
class _Tellers:
    """The parts the API asks what was decided, what happened and what is going on."""

    control: ClusterDeploymentManager
    chronicle: Chronicle
    traffic: NodeTraffic
    traces: NodeTraces
    routers: Routers
    exposing: Exposing
    metrics: ClusterMetrics
    alerts: Alerts
    scaling: ScalingDesk
    forecast: ForecastDesk


def _api(
    ground: Ground,
    node_store: NodeStore,
    intake: Intake,
    readiness: Readiness,
    tellers: _Tellers,
) -> Api:
    control = tellers.control
    return Api(
        Context(
            node=ground.config.node_id,
            store=node_store.store,
            group=node_store.group,
            backups=node_store.backups,
            link=ground.peers,
            intake=intake,
            readiness=readiness,
            version=aether_version(),
            waiting=lambda: control.last_plan.waiting,
            last_plan=lambda: control.last_plan,
            evaluate=control.evaluate,
            chronicle=tellers.chronicle,
            traffic=tellers.traffic,
            traces=tellers.traces,
            metrics=tellers.metrics,
            scaling=tellers.scaling,
            forecast=tellers.forecast,
            routers=tellers.routers,
            events=tellers.alerts.events,
            webhooks=tellers.alerts.webhooks,
            certificates=certificates_of(ground.config),
            exposition=tellers.exposing.exposition if ground.config.metrics.enabled else None,
            rehearsals=Rehearsals(_control_settings(ground.config)),
        )
    )
