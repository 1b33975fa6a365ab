"""A node writes its facts, however long that takes."""

from typing import Any

from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.provision_records import ProvisionedRecord
from aether.core.model.reason import Reason
from aether.core.model.records import ClusterRecord, NodeRecord, decode, encode
from aether.core.store.commands import Outcome, Put, Refused, Txn
from aether.core.store.machine import KvMachine
from aether.errors import OutcomeUnknown
from aether.node.registration import register
from aether.ports import Member
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual
from aether_forge.sim.oracle import Oracle
from tests.worlds import node_record

N1 = NodeId("n1")


def test_it_waits_for_a_quorum_and_names_the_cluster_it_is_in() -> None:
    async def story() -> None:
        oracle, machine, clock = Oracle(), KvMachine(), VirtualClock()
        store = KvStore(oracle.member(Member(N1, "n1:1"), machine), machine)
        tasks = Tasks()
        tasks.start("register", register(store, clock, node_record("n1"), "cluster-a"))
        await let_pass(20.0)
        assert machine.revision == 0
        oracle.reconnect(N1)
        await let_pass(10.0)
        await register(store, clock, node_record("n1", "life-2"), "cluster-a")
        named = await store.get(keys.CLUSTER)
        assert named is not None
        assert named.version == 1
        node, cluster = await store.get(keys.node(N1)), await store.get(keys.CLUSTER)
        assert node is not None
        assert decode(node.value, NodeRecord).incarnation == "life-2"
        assert cluster is not None
        assert decode(cluster.value, ClusterRecord).cluster_id == "cluster-a"
        # A store made from another cluster's is renamed; a record nobody can read is left alone.
        await register(store, clock, node_record("n1", "life-3"), "cluster-b")
        renamed = await store.get(keys.CLUSTER)
        assert renamed is not None
        assert decode(renamed.value, ClusterRecord).cluster_id == "cluster-b"
        await store.txn(Txn((Put(keys.CLUSTER, b"?"),), Reason("test", "test", "damaged")))
        await register(store, clock, node_record("n1", "life-4"), "cluster-c")
        damaged = await store.get(keys.CLUSTER)
        assert damaged is not None
        assert damaged.value == b"?"
        await tasks.stop()

    run_virtual(story())


def test_a_cluster_made_of_another_takes_no_node_for_the_providers() -> None:
    """Who starts its nodes by hand, under the names of old, keeps them."""

    async def story() -> None:
        oracle, machine, clock = Oracle(), KvMachine(), VirtualClock()
        store = KvStore(oracle.member(Member(N1, "n1:1"), machine), machine)
        oracle.reconnect(N1)
        await register(store, clock, node_record("n1"), "cluster-a")
        whose = [keys.provisioned(NodeId(name)) for name in ("n2", "n3")]
        puts = tuple(
            Put(key, encode(ProvisionedRecord(node=NodeId(name))))
            for key, name in zip(whose, ("n2", "n3"), strict=True)
        )
        await store.txn(Txn(puts, Reason("test", "test", "asked for")))
        await register(store, clock, node_record("n1", "life-2"), "cluster-a")
        assert [one.key for one in store.level((keys.PROVISIONED,)).entries] == whose
        await register(store, clock, node_record("n1", "life-3"), "cluster-b")
        assert not store.level((keys.PROVISIONED,)).entries

    run_virtual(story())


class LateLife(KvStore):
    """A store whose first write lands only when it is let go: its life is over by then."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.held: list[Txn] = []

    async def txn(self, txn: Txn, *given: Any, **named: Any) -> Outcome:
        self.held.append(txn)
        raise OutcomeUnknown("no answer came in time")


def test_a_registration_of_an_earlier_life_that_lands_late_changes_nothing() -> None:
    async def story() -> None:
        oracle, machine, clock = Oracle(), KvMachine(), VirtualClock()
        consensus = oracle.member(Member(N1, "n1:1"), machine)
        await consensus.start()
        old, store, tasks = LateLife(consensus, machine), KvStore(consensus, machine), Tasks()
        tasks.start("register", register(old, clock, node_record("n1"), "cluster-a"))
        await let_pass(0.2)
        await tasks.stop()
        await register(store, clock, node_record("n1", "life-2"), "cluster-a")
        assert len(old.held) == 1
        assert isinstance(await store.txn(old.held[0]), Refused)
        node = await store.get(keys.node(N1))
        assert node is not None
        assert decode(node.value, NodeRecord).incarnation == "life-2"

    run_virtual(story())


class Full(KvStore):
    """A store that takes nothing any more."""

    refused = 0

    async def txn(self, txn: Txn, *given: Any, **named: Any) -> Outcome:
        self.refused += 1
        return Refused(revision=0, message="the store is full", code="full")


def test_a_store_that_takes_nothing_is_asked_now_and_then() -> None:
    async def story() -> None:
        machine, clock = KvMachine(), VirtualClock()
        consensus = Oracle().member(Member(N1, "n1:1"), machine)
        await consensus.start()
        store, tasks = Full(consensus, machine), Tasks()
        tasks.start("register", register(store, clock, node_record("n1"), "cluster-a"))
        await let_pass(10.0)
        assert 10 <= store.refused <= 21
        await tasks.stop()

    run_virtual(story())
