"""Writers through random cut-offs and lost answers: every write once, every member equal."""

import asyncio
import random

import pytest

from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.store.commands import Guard, Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import NoQuorum, OutcomeUnknown
from aether.ports import Member
from aether.store.client import KvStore
from aether_forge.sim.oracle import Oracle

REASON = Reason("test:simulation", "count", "one more")
NODES = [NodeId(f"node-{number}") for number in (1, 2, 3)]


class Counter:
    """Adds one to a key by guarded writes, and knows how often that surely happened."""

    def __init__(self, store: KvStore) -> None:
        self.surely = 0
        self.maybe = 0
        self._store = store

    async def add(self) -> None:
        try:
            entry = await self._store.get("count", timeout_s=0.06)
            value, revision = (int(entry.value), entry.mod_revision) if entry else (0, 0)
            txn = Txn((Put("count", b"%d" % (value + 1)),), REASON, (Guard("count", revision),))
            outcome = await self._store.txn(txn, timeout_s=0.06)
        except NoQuorum:
            return
        except OutcomeUnknown:
            self.maybe += 1
            return
        self.surely += not hasattr(outcome, "failed")


@pytest.mark.parametrize("seed", range(6))
async def test_no_addition_is_lost_or_doubled(seed: int) -> None:
    dice = random.Random(f"{seed}/faults")
    oracle = Oracle()
    machines = {node: KvMachine() for node in NODES}
    stores = []
    for port, (node, machine) in enumerate(machines.items(), start=6101):
        consensus = oracle.member(Member(node, f"127.0.0.1:{port}"), machine)
        await consensus.start()
        stores.append(KvStore(consensus, machine))
    counters = [Counter(store) for store in stores]
    for _ in range(40):
        match dice.randrange(5):
            case 0:
                oracle.cut_off(dice.choice(NODES))
            case 1:
                oracle.lose_answers(dice.randrange(4))
            case _:
                oracle.reconnect(dice.choice(NODES))
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            for counter in dice.sample(counters, 2):
                group.create_task(counter.add())
    oracle.lose_answers(0)
    for node in NODES:
        oracle.reconnect(node)
    entry = await stores[0].get("count")
    count = int(entry.value) if entry else 0
    surely = sum(counter.surely for counter in counters)
    assert 0 < surely <= count <= surely + sum(counter.maybe for counter in counters)
    assert len({machine.state_hash() for machine in machines.values()}) == 1
    for store in stores:
        await store.close()
