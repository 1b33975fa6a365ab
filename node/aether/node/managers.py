"""The managers of a node over ports: what a node process runs, and what the simulator runs.

Nothing here knows a socket, a process or a file. `ClusterDeploymentManager`,
`NodeDeploymentManager`, reports, registration and routing tables are put together here and nowhere
else, so that a simulated node is a node.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aether.agent.manager import NodeDeploymentManager
from aether.agent.stepper import Prepare, Stepper
from aether.config.runtime_settings import Effective
from aether.control.manager import ClusterDeploymentManager
from aether.core.control.signals import ControlSettings
from aether.core.metrics.slow_calls import SlowRule
from aether.core.model.ids import NodeId
from aether.core.model.records import NodeRecord
from aether.core.tracing.sampling import TracingSettings
from aether.node.live_settings import LiveSettings
from aether.node.registration import register
from aether.node.tables import Edges, Feed, TablePublisher
from aether.ports import Clock, Launcher, Store
from aether.rpc.handlers import NodeReport
from aether.rpc.reports import Reporter, ReportLink
from aether.tasks import Tasks


def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """What a node measures of itself, and what becomes of it."""

    sample: Callable[[], bytes]
    """Returns this node's sample of the last second."""
    hear: Callable[[bytes], Awaitable[None]]
    """Takes this node's own while it leads."""
    take: Callable[[bytes], Awaitable[None]]
    """Takes what another leader makes of all samples; raises ValueError for what is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagersGround:
    """The ports the managers of one life of a node stand on."""

    record: NodeRecord
    """What the node says of itself; its incarnation names this life."""
    cluster_id: str
    store: Store
    launcher: Launcher
    feed: Feed
    """Takes the routing tables."""
    edges: Edges | None = None
    """Takes them to proxies that are not ours."""
    clock: Clock
    prepare: Prepare
    reports: ReportLink
    measuring: Measuring | None = None
    """None where nothing is measured."""
    settings: ControlSettings = field(default_factory=ControlSettings)
    voters: Callable[[], frozenset[NodeId]] = frozenset
    """Says who votes in the store; nobody where that is not known."""
    period_s: float = 1.0
    """How often each loop looks again when nothing rings."""
    registered: Callable[[], None] = _nothing
    """Called once `node/{node}` is in the store."""
    set_log_level: Callable[[str], None] = _nothing
    """Has the process log this level and what is worse."""
    set_slow_rule: Callable[[SlowRule], None] = _nothing
    """Has the routers tell slow calls by this rule."""
    set_tracing: Callable[[TracingSettings], None] = _nothing
    """Has the routers record traces by these settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Managers:
    """The managers of one life of a node; nothing runs before `start`."""

    ground: ManagersGround
    control: ClusterDeploymentManager
    agent: NodeDeploymentManager
    tables: TablePublisher
    reporter: Reporter
    live: LiveSettings

    def start(self, tasks: Tasks, *, tables: bool = True) -> None:
        """Have `tasks` run every loop, until it is stopped; no `tables` on a node without routers."""
        tasks.start("register", self._register())
        tasks.start("reports", self.reporter.run())
        tasks.start("control", self.control.run())
        tasks.start("agent", self.agent.run())
        tasks.start("settings", self.live.run())
        if tables:
            tasks.start("tables", self.tables.run())

    async def _register(self) -> None:
        ground = self.ground
        await register(ground.store, ground.clock, ground.record, ground.cluster_id)
        ground.registered()


def assemble_managers(ground: ManagersGround) -> Managers:
    """Build the managers of one life of a node."""
    node, store, clock = ground.record.node, ground.store, ground.clock
    control = ClusterDeploymentManager(
        node, store, clock, ground.settings, period_s=ground.period_s, voters=ground.voters
    )
    tables = TablePublisher(node, store, ground.feed, clock, ground.edges)
    stepper = Stepper(
        node,
        ground.record.incarnation,
        store,
        ground.launcher,
        ground.prepare,
        table_revision=lambda: tables.confirmed,
        drain_grace_s=Effective(ground.record).drain_grace_s,
    )
    agent = NodeDeploymentManager(stepper, store, ground.launcher, clock, period_s=ground.period_s)
    return Managers(
        ground=ground,
        control=control,
        agent=agent,
        tables=tables,
        reporter=_reporter(ground, control, agent),
        live=LiveSettings(
            ground.record,
            store,
            clock,
            ground.set_log_level,
            ground.set_slow_rule,
            ground.set_tracing,
        ),
    )


def _reporter(
    ground: ManagersGround, control: ClusterDeploymentManager, agent: NodeDeploymentManager
) -> Reporter:
    node, incarnation = ground.record.node, ground.record.incarnation
    measuring = ground.measuring

    def measure() -> NodeReport:
        hosts = agent.hosts
        return NodeReport(
            node=node,
            incarnation=incarnation,
            in_flight=sum(host.in_flight for host in hosts.values()),
            instances=len(hosts),
            table_revision=max(0, ground.feed.confirmed or 0),  # -1: no table is confirmed yet
            sample=measuring.sample() if measuring is not None else b"",
        )

    async def here(report: NodeReport) -> None:
        control.hear(report.node, report.incarnation)
        if measuring is not None:
            await measuring.hear(report.sample)

    return Reporter(
        ground.reports,
        leader=lambda: ground.store.leader,
        measure=measure,
        local=here,
        clock=ground.clock,
        shared=measuring.take if measuring is not None else None,
    )
