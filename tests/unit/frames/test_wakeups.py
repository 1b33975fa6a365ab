"""When loops look again."""

import asyncio

import pytest

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


def test_a_ring_while_the_loop_is_at_work_is_kept_for_its_next_wait() -> None:
    async def story() -> list[float]:
        wakeups, woken = Wakeups(CLOCK, 5.0), list[float]()
        loop = asyncio.get_running_loop()
        for at in (1.0, 1.5, 5.0, 12.0):
            loop.call_at(at, wakeups.ring)
        for _ in range(4):
            await wakeups.wait()
            woken.append(CLOCK.now())
            await let_pass(2.0)
        return woken

    # Rung at 1.0; at 1.5 while it worked; at 5.0 where its work ends; at 12.0 with its period.
    assert run_virtual(story()) == [1.0, 3.0, 5.0, 12.0]


def test_a_wait_that_is_cancelled_leaves_the_bell_as_it_is() -> None:
    async def story() -> tuple[float, float]:
        wakeups = Wakeups(CLOCK, 5.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await wakeups.wait()
        wakeups.ring()
        await wakeups.wait()
        rung = CLOCK.now()
        await wakeups.wait()
        return rung, CLOCK.now()

    assert run_virtual(story()) == (1.0, 6.0)
