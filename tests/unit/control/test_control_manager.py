"""The leader's shell: it acts only while it leads and never on another leader's epoch."""

from aether.control.manager import ClusterDeploymentManager
from aether.core.control.signals import ControlSettings
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import EpochRecord, decode, encode
from aether.core.store.commands import Put, Txn
from aether.core.store.machine import KvMachine
from aether.ports import Member
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual
from aether_forge.sim.oracle import Oracle
from tests.worlds import node_record

CLOCK = VirtualClock()


async def led_by(oracle: Oracle, name: str) -> tuple[KvStore, ClusterDeploymentManager]:
    node, machine = NodeId(name), KvMachine()
    consensus = oracle.member(Member(node, f"{name}:1"), machine)
    await consensus.start()
    store = KvStore(consensus, machine)
    return store, ClusterDeploymentManager(node, store, CLOCK, ControlSettings(), period_s=1.0)


async def epoch(store: KvStore) -> EpochRecord | None:
    entry = await store.get(keys.EPOCH)
    return decode(entry.value, EpochRecord) if entry else None


def test_the_leader_begins_an_epoch_and_judges_nodes_that_report() -> None:
    async def story() -> None:
        store, manager = await led_by(Oracle(), "n1")
        tasks = Tasks()
        tasks.start("control", manager.run())
        register = Put(keys.node(NodeId("n1")), encode(node_record("n1")))
        await store.txn(Txn((register,), Reason("test", "test", "register")))
        manager.hear(NodeId("n1"), "life-1")
        await let_pass(2.0)
        assert await epoch(store) == EpochRecord(leader=NodeId("n1"), epoch=1)
        assert manager.view().verdicts[NodeId("n1")].verdict == "ON_DUTY"
        await let_pass(10.0)
        assert manager.view().verdicts[NodeId("n1")].verdict == "LOST"
        await tasks.stop()

    run_virtual(story())


def test_a_follower_writes_nothing() -> None:
    async def story() -> None:
        oracle = Oracle()
        leader_store, _ = await led_by(oracle, "n1")
        _, follower = await led_by(oracle, "n2")
        tasks = Tasks()
        tasks.start("control", follower.run())
        await let_pass(5.0)
        assert await epoch(leader_store) is None
        await tasks.stop()

    run_virtual(story())


def test_an_epoch_taken_by_another_is_begun_anew_not_written_under() -> None:
    async def story() -> None:
        store, manager = await led_by(Oracle(), "n1")
        tasks = Tasks()
        tasks.start("control", manager.run())
        await let_pass(2.0)
        stolen = Put(keys.EPOCH, encode(EpochRecord(leader=NodeId("n9"), epoch=2)))
        await store.txn(Txn((stolen,), Reason("test", "test", "another leader")))
        await let_pass(3.0)
        assert await epoch(store) == EpochRecord(leader=NodeId("n1"), epoch=3)
        await tasks.stop()

    run_virtual(story())
