"""The leader goes by what is set now, whoever leads and whenever it was set."""

from aether.control.manager import ClusterDeploymentManager
from aether.core.control.signals import ControlSettings
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import ConfigRecord, encode
from aether.core.store.commands import Delete, Operation, Put, Txn
from aether.core.store.machine import KvMachine
from aether.ports import Member
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual
from aether_forge.sim.oracle import Oracle
from tests.worlds import node_record

N1, N2 = NodeId("n1"), NodeId("n2")
CLOCK = VirtualClock()
REPORT_S = 0.5
LOST = keys.config("cluster", "control.lost_after_s")


async def leading(*first: Operation) -> tuple[KvStore, ClusterDeploymentManager, Tasks]:
    """A leader with two nodes, of which n2 never reports; its own settings give that 5 s."""
    machine = KvMachine()
    consensus = Oracle().member(Member(N1, "n1:1"), machine)
    await consensus.start()
    store, tasks = KvStore(consensus, machine), Tasks()
    manager = ClusterDeploymentManager(N1, store, CLOCK, ControlSettings(), period_s=1.0)
    known = (Put(keys.node(node), encode(node_record(node))) for node in (N1, N2))
    await write(store, *known, *first)
    tasks.start("control", manager.run())

    async def report() -> None:
        while True:
            manager.hear(N1, "life-1")
            await CLOCK.sleep(REPORT_S)

    tasks.start("reports", report())
    return store, manager, tasks


async def write(store: KvStore, *operations: Operation) -> None:
    await store.txn(Txn(operations, Reason("test", "test", "set up")))


def setting(seconds: float) -> Put:
    return Put(LOST, encode(ConfigRecord(value=seconds)))


def verdict(manager: ClusterDeploymentManager) -> str:
    found = manager.view().verdicts.get(N2)
    return str(found.verdict) if found is not None else "none"


def test_a_change_counts_at_once_for_what_has_waited_already() -> None:
    async def story() -> None:
        store, manager, tasks = await leading(setting(600))
        await let_pass(20.0)
        assert verdict(manager) != "LOST"
        await write(store, setting(10))
        await let_pass(0.3)
        assert verdict(manager) == "LOST", "within a third of the leader's period"
        assert manager.settings(manager.view()).lost_after_s == 10
        await tasks.stop()

    run_virtual(story())


def test_what_was_unset_is_as_the_leader_was_given_it() -> None:
    async def story() -> None:
        store, manager, tasks = await leading(setting(600))
        await let_pass(20.0)
        await write(store, Delete(LOST))
        await let_pass(0.3)
        assert verdict(manager) == "LOST"
        await tasks.stop()

    run_virtual(story())


def test_what_is_in_the_store_counts_from_the_first_turn_of_a_leader() -> None:
    async def story() -> None:
        _, manager, tasks = await leading(setting(600))
        await let_pass(60.0)
        assert verdict(manager) != "LOST"
        assert manager.evaluate().commands == ()
        await tasks.stop()

    run_virtual(story())
