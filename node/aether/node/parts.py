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
from aether.core.agent.copies import nodes_on_duty
from aether.core.control.signals import ControlSettings
from aether.core.model.ids import NodeId
from aether.core.model.records import NodeRecord
from aether.dataplane.feed import TableFeed
from aether.host.client import UnixLauncher
from aether.host.gateway import HostGateway
from aether.logs.orders import FILE as LOG_ORDERS
from aether.node.alerts import Alerts, AlertsGround, assemble_alerts, certificates_of
from aether.node.clock import MonotonicClock
from aether.node.data_dir import DataDir
from aether.node.edges import edges_of
from aether.node.exposing import Exposing, Told, expose
from aether.node.forecasting import Forecasting, forecasting_of
from aether.node.log_orders import NodeLogs
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
from aether.telemetry.lines import NodeLines
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    """The parts all others stand on."""

    clock: MonotonicClock
    node_store: NodeStore
    launcher: UnixLauncher
    layers: Layers
    traffic: NodeTraffic
    traces: NodeTraces
    logs: NodeLogs
    lines: NodeLines
    feed: TableFeed
    chronicle: Chronicle
    readiness: Readiness
    routers: Routers

    @property
    def store(self) -> Store:
        """The cluster's store."""
        return self.node_store.store


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deciding:
    """The parts that decide, and what they go by."""

    measuring: NodeMeasuring
    managers: Managers
    forecasting: Forecasting
    scaling: NodeScaling


def assemble(ground: Ground) -> Parts:
    """Build all parts of a node that is in a cluster; nothing is started yet."""
    base = _base(ground)
    deciding = _deciding(ground, base)
    control, metrics = deciding.managers.control, deciding.measuring.metrics
    alerts = _alerts(ground, base, metrics, control)
    exposing = _exposing(ground, base, deciding, alerts)
    gateway = HostGateway(
        ground.data_dir.run("node.sock"),
        base.store,
        deciding.managers.agent.slice_of,
        base.traces,
        base.lines,
    )
    base.logs.tell(gateway.tell_logs)
    return Parts(
        node_store=base.node_store,
        store=base.store,
        launcher=base.launcher,
        feed=base.feed,
        routers=base.routers,
        gateway=gateway,
        tracing=NodeTracing(
            traces=base.traces,
            processes=(base.feed, gateway),
            link=ground.peers,
            clock=base.clock,
        ),
        readiness=base.readiness,
        managers=deciding.managers,
        measuring=deciding.measuring,
        scaling=deciding.scaling,
        forecasting=deciding.forecasting,
        copies=_copies(ground, base),
        chronicle=base.chronicle,
        alerts=alerts,
        exposing=exposing,
        providing=_providing(ground, base.store, control, base.clock),
        api=_api(ground, base, deciding, alerts, exposing),
    )


def _base(ground: Ground) -> _Base:
    config, data_dir = ground.config, ground.data_dir
    clock = MonotonicClock()
    node_store = _store(ground, clock)
    store = node_store.store
    traffic, traces = NodeTraffic(clock), NodeTraces(config.node_id)
    lines = NodeLines(config.node_id)
    feed = TableFeed(data_dir.run("router.sock.table"), traffic, traces, lines)
    logs = NodeLogs(data_dir.run(LOG_ORDERS))
    logs.tell(feed.tell_logs)
    return _Base(
        clock=clock,
        node_store=node_store,
        launcher=UnixLauncher(data_dir.path),
        layers=Layers(data_dir.path),
        traffic=traffic,
        traces=traces,
        logs=logs,
        lines=lines,
        feed=feed,
        chronicle=Chronicle(data_dir.path / FOLDER, store, clock, ground.membership.cluster_id),
        readiness=Readiness(
            leader=lambda: store.leader,
            router_revision=lambda: feed.confirmed,
            store_answers=node_store.answers,
        ),
        routers=Routers(config, data_dir.path, clock),
    )


def _deciding(ground: Ground, base: _Base) -> _Deciding:
    config, path, store, clock = ground.config, ground.data_dir.path, base.store, base.clock
    measuring = measure(
        Measured(config.node_id, ground.incarnation, path, clock, base.node_store, base.traffic),
        hosts=lambda: list(managers.agent.hosts.values()),
    )
    managers = assemble_managers(_managers_ground(ground, base, measuring))
    metrics = measuring.metrics
    forecasting = forecasting_of(config, path, store, metrics, managers.control.view, clock)
    scaling = scaling_of(config, store, managers.control, metrics, clock, forecasting)
    forecasting.watch(scaling.loop)
    return _Deciding(
        measuring=measuring, managers=managers, forecasting=forecasting, scaling=scaling
    )


def _managers_ground(ground: Ground, base: _Base, measuring: NodeMeasuring) -> ManagersGround:
    config, path = ground.config, ground.data_dir.path
    return ManagersGround(
        record=node_record(config, ground.incarnation),
        cluster_id=ground.membership.cluster_id,
        store=base.store,
        launcher=base.launcher,
        feed=base.feed,
        edges=edges_of(config.router.export),
        clock=base.clock,
        prepare=Preparer(path, ground.repository, base.layers, ground.peers).prepare,
        reports=ground.peers,
        measuring=measuring.for_reports(),
        settings=_control_settings(config),
        voters=lambda: _voters(base.node_store),
        period_s=config.control.period_s,
        registered=base.readiness.note_registered,
        set_log_level=base.logs.set_level,
        set_slow_rule=base.feed.judge_by,
        set_tracing=base.feed.tell_tracing,
    )


def _voters(node_store: NodeStore) -> frozenset[NodeId]:
    return frozenset(member.node for member in node_store.group.members if member.voter)


def _exposing(ground: Ground, base: _Base, deciding: _Deciding, alerts: Alerts) -> Exposing:
    return expose(
        Told(
            config=ground.config,
            cluster_id=ground.membership.cluster_id,
            run=ground.data_dir.run(""),
            clock=base.clock,
            node_store=base.node_store,
            control=deciding.managers.control,
            scaling=deciding.scaling.loop,
            forecasting=deciding.forecasting.service,
            traces=base.traces,
            lines=base.lines,
            want_lines=base.logs.want_lines,
            alerts=alerts.alerting.book,
            traffic=base.traffic,
            routers=base.routers,
            metrics=deciding.measuring.metrics,
            is_ready=lambda: not base.readiness(),
        )
    )


def _copies(ground: Ground, base: _Base) -> Copies:
    shelf = Shelf(ground.repository)
    return Copies(ground.config.node_id, base.store, shelf, ground.peers, base.clock)


def _alerts(
    ground: Ground, base: _Base, metrics: ClusterMetrics, control: ClusterDeploymentManager
) -> Alerts:
    return assemble_alerts(
        AlertsGround(
            node=ground.config.node_id,
            cluster_id=ground.membership.cluster_id,
            store=base.store,
            group=base.node_store.group,
            link=ground.peers,
            clock=MonotonicClock(),
            chronicle=base.chronicle,
            measured=metrics.series,
            view=control.view,
            set_own_levels=base.logs.set_own_levels,
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


def _api(
    ground: Ground, base: _Base, deciding: _Deciding, alerts: Alerts, exposing: Exposing
) -> Api:
    config, node_store, control = ground.config, base.node_store, deciding.managers.control
    intake = Intake(
        ground.repository,
        base.layers,
        base.launcher,
        ground.peers,
        base.store,
        config.node_id,
    )
    return Api(
        Context(
            node=config.node_id,
            store=node_store.store,
            group=node_store.group,
            backups=node_store.backups,
            note_backup=alerts.backups.note,
            link=ground.peers,
            intake=intake,
            readiness=base.readiness,
            version=aether_version(),
            waiting=lambda: control.last_plan.waiting,
            last_plan=lambda: control.last_plan,
            evaluate=control.evaluate,
            chronicle=base.chronicle,
            traffic=base.traffic,
            traces=base.traces,
            metrics=deciding.measuring.metrics,
            scaling=deciding.scaling.desk,
            forecast=deciding.forecasting.desk,
            routers=base.routers,
            events=alerts.events,
            webhooks=alerts.webhooks,
            certificates=certificates_of(config),
            exposition=exposing.exposition if config.metrics.enabled else None,
            rehearsals=Rehearsals(_control_settings(config)),
        )
    )
