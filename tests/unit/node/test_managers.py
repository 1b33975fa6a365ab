"""The composition root: its managers stand on ports alone and run what they are given."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aether.core.dataplane.table import Table
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import ArtifactRecord, Verdict
from aether.core.store.machine import KvMachine
from aether.errors import Unavailable
from aether.node.managers import Managers, ManagersGround, assemble_managers
from aether.ports import Member
from aether.rpc.reports import ReportStream
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.hosts import HostWeather, SimulatedLauncher
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual
from aether_forge.sim.oracle import Oracle
from tests.worlds import node_record

N1 = NodeId("n1")


class Tables:
    """A feed whose router confirms every table at once."""

    def __init__(self) -> None:
        self.latest: Table | None = None

    def publish(self, table: Table) -> None:
        self.latest = table

    @property
    def confirmed(self) -> int | None:
        return self.latest.revision if self.latest else None


class Alone:
    """The link of a node without peers."""

    self_node = N1

    @asynccontextmanager
    async def report_stream(self, node: NodeId, /) -> AsyncIterator[ReportStream]:
        raise Unavailable(f"there is no {node}")
        yield


async def nothing(_: ArtifactRecord) -> tuple[str, ...]:
    return ()


async def grounds(tables: Tables, registered: list[str]) -> ManagersGround:
    machine = KvMachine()
    consensus = Oracle().member(Member(N1, "n1:1"), machine)
    await consensus.start()
    return ManagersGround(
        record=node_record("n1"),
        cluster_id="one",
        store=KvStore(consensus, machine),
        launcher=SimulatedLauncher(random.Random(1), HostWeather()),
        feed=tables,
        clock=VirtualClock(),
        prepare=nothing,
        reports=Alone(),
        registered=lambda: registered.append("n1"),
    )


def test_a_node_of_ports_registers_reports_leads_and_publishes_tables() -> None:
    async def story() -> None:
        tables, registered, tasks = Tables(), list[str](), Tasks()
        managers: Managers = assemble_managers(await grounds(tables, registered))
        assert not registered
        managers.start(tasks)
        await let_pass(5.0)
        view = managers.control.view()
        assert registered == ["n1"]
        assert view.nodes[N1].incarnation == "life-1"
        assert view.verdicts[N1].verdict is Verdict.ON_DUTY
        assert view.cluster is not None
        assert view.cluster.cluster_id == "one"
        assert view.revisions[keys.EPOCH]
        assert tables.confirmed == view.revision
        await tasks.stop()

    run_virtual(story())


def test_before_it_starts_nothing_is_written() -> None:
    async def story() -> None:
        managers = assemble_managers(await grounds(Tables(), []))
        await let_pass(5.0)
        assert managers.control.view().revision == 0

    run_virtual(story())
