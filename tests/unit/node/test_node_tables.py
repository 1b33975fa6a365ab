"""Routers get tables from a store that has caught up, and again when something changes."""

from dataclasses import replace
from pathlib import Path

from aether.core.dataplane.table import Table
from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import encode
from aether.core.store.commands import Put, Txn
from aether.core.store.machine import KvMachine
from aether.dataplane.feed import TableFeed
from aether.node.tables import TablePublisher
from aether.ports import Member
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual
from aether_forge.sim.oracle import Oracle
from tests.worlds import SHOP, fact, node_record

N1, I0 = NodeId("n1"), InstanceId(f"{SHOP}:1.0.0/0")


class Kept(TableFeed):
    """A feed that keeps what is published."""

    def __init__(self) -> None:
        super().__init__(Path("unused"))
        self.tables: list[Table] = []

    def publish(self, table: Table) -> None:
        self.tables.append(table)


def test_nothing_is_published_before_a_quorum_was_there_and_then_every_change_at_once() -> None:
    async def story() -> None:
        oracle, machine, feed, tasks = Oracle(), KvMachine(), Kept(), Tasks()
        store = KvStore(oracle.member(Member(N1, "n1:1"), machine), machine)
        tasks.start("tables", TablePublisher(N1, store, feed, VirtualClock()).run())
        await let_pass(60.0)
        assert feed.tables == []  # an empty copy would make a router forget every route
        oracle.reconnect(N1)
        await let_pass(10.0)
        assert [table.instances for table in feed.tables[:1]] == [()]
        active = Put(keys.phase(N1, I0), encode(fact()))
        node = Put(keys.node(N1), encode(node_record("n1")))
        await store.txn(Txn((node, active), Reason("test", "test", "an instance serves")))
        await let_pass(0.01)
        assert not feed.tables[-1].instances  # a fact without an address is left out
        served = Put(keys.phase(N1, I0), encode(replace(fact(), socket="/run/i.sock")))
        await store.txn(Txn((served,), Reason("test", "test", "now with its socket")))
        await let_pass(0.01)
        assert [endpoint.instance for endpoint in feed.tables[-1].instances] == [I0]
        await tasks.stop()

    run_virtual(story())
