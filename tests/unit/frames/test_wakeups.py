"""When loops look again."""

from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.store.commands import Put, Txn
from aether.core.store.machine import KvMachine
from aether.ports import Member
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether.wakeups import Wakeups
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual
from aether_forge.sim.oracle import Oracle

CLOCK = VirtualClock()


def test_it_looks_once_a_period_and_at_once_when_rung() -> None:
    async def story() -> None:
        wakeups = Wakeups(CLOCK, 5.0)
        await wakeups.wait()
        assert CLOCK.now() == 5.0
        wakeups.ring()
        wakeups.ring()
        await wakeups.wait()
        assert CLOCK.now() == 5.0
        await wakeups.wait()
        assert CLOCK.now() == 10.0

    run_virtual(story())


def test_it_rings_for_changes_under_its_prefixes_only() -> None:
    async def story() -> None:
        machine = KvMachine()
        consensus = Oracle().member(Member(NodeId("n1"), "n1:1"), machine)
        await consensus.start()
        store = KvStore(consensus, machine)
        wakeups, tasks = Wakeups(CLOCK, 60.0), Tasks()
        tasks.start("follow", wakeups.follow(store, ["wanted/", "node/"]))
        await let_pass(1.0)
        for key, expected in (("app/x", 61.0), ("wanted/x", 61.0), ("node/x", 61.0)):
            await store.txn(Txn((Put(key, b"1"),), Reason("test", "test", key)))
            await wakeups.wait()
            assert CLOCK.now() == expected
        await tasks.stop()

    run_virtual(story())
