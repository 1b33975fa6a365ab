"""Nodes that lose their quorum and get it back: it is told once, and only where it was so."""

from dataclasses import dataclass, field

import pytest

from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import EpochRecord, decode, encode
from aether.core.model.store_records import OutageRecord
from aether.core.store.commands import Operation, Put, Txn
from aether.core.store.machine import KvMachine
from aether.node.outages import LATER_S, OutageWatch
from aether.ports import Member
from aether.store.client import KvStore
from aether_forge.sim.oracle import Oracle
from tests.scaling_world import TurnedClock
from tests.worlds import node_record

N1, N2, N3 = NODES = (NodeId("n-1"), NodeId("n-2"), NodeId("n-3"))


@dataclass
class World:
    """Three nodes that watch; those that are cut off run on."""

    oracle: Oracle = field(default_factory=Oracle)
    clock: TurnedClock = field(default_factory=TurnedClock)
    stores: dict[NodeId, KvStore] = field(default_factory=dict)
    watches: dict[NodeId, OutageWatch] = field(default_factory=dict)
    epoch: int = 0

    async def start(self) -> None:
        for node in NODES:
            machine = KvMachine()
            consensus = self.oracle.member(Member(node, f"{node}:1"), machine)
            self.stores[node] = KvStore(consensus, machine)
            self.live(node)
            await consensus.start()
        await self.lead()
        for node in NODES:
            await self.register(node)
        await self.seconds(2)

    def live(self, node: NodeId) -> None:
        """Begin a life of the node: it knows nothing of what was before."""
        self.watches[node] = OutageWatch(
            node, self.stores[node], self.clock, lambda: int(self.clock.at * 1000)
        )

    async def write(self, node: NodeId, operation: Operation) -> None:
        await self.stores[node].txn(Txn((operation,), Reason("test", "test", "test")))

    async def lead(self) -> None:
        """Have whoever leads begin an epoch, as a leader does."""
        leader = next(store.leader for store in self.stores.values() if store.leader)
        self.epoch += 1
        record = EpochRecord(leader=leader, epoch=self.epoch)
        await self.write(leader, Put(keys.EPOCH, encode(record)))

    async def register(self, node: NodeId) -> None:
        await self.write(node, Put(keys.node(node), encode(node_record(str(node)))))

    async def seconds(self, count: int) -> None:
        for _ in range(count):
            self.clock.at += 1.0
            for watch in self.watches.values():
                await watch.look()

    def cut_off(self, *nodes: NodeId) -> None:
        for node in nodes:
            self.oracle.cut_off(node)

    def reconnect(self, *nodes: NodeId) -> None:
        for node in nodes:
            self.oracle.reconnect(node)

    async def told(self) -> tuple[OutageRecord | None, int]:
        """Return the last outage that was told, and how many were."""
        leader = next(store for store in self.stores.values() if store.leader)
        entry = await leader.get(keys.OUTAGE)
        return (decode(entry.value, OutageRecord), entry.version) if entry else (None, 0)


@pytest.fixture
async def world() -> World:
    made = World()
    await made.start()
    return made


async def test_a_lost_quorum_is_told_once_when_it_is_over(world: World) -> None:
    began = world.clock.at
    world.cut_off(N2, N3)
    await world.seconds(20)
    world.reconnect(N2, N3)
    await world.lead()
    await world.seconds(3)
    record, count = await world.told()
    assert count == 1
    assert record is not None
    assert record.since_ms == int((began + 1) * 1000)
    assert record.lasted_s == 19.0
    assert record.seen_by == record.leader
    world.cut_off(N1, N2)
    await world.seconds(10)
    world.reconnect(N1, N2)
    await world.lead()
    await world.seconds(3)
    assert (await world.told())[1] == 2, "the next one is told as well"


async def test_the_survivor_tells_for_a_leader_that_was_started_meanwhile(world: World) -> None:
    world.cut_off(N1, N2)
    await world.seconds(20)
    world.live(N1)
    world.live(N2)
    world.reconnect(N1, N2)
    await world.lead()
    await world.seconds(1)
    assert (await world.told())[0] is None, "the leader may know better"
    leader = world.stores[N3].leader
    assert leader is not None
    assert leader != N3
    await world.register(leader)
    await world.seconds(3)
    record, count = await world.told()
    assert (count, record and record.seen_by, record and record.leader) == (1, N3, leader)


async def test_a_leader_that_was_cut_off_alone_tells_nothing(world: World) -> None:
    world.cut_off(N1)
    await world.lead()
    await world.seconds(60)
    world.reconnect(N1)
    await world.seconds(int(LATER_S) + 5)
    assert (await world.told())[0] is None


async def test_a_change_of_leader_is_no_outage(world: World) -> None:
    world.cut_off(N2, N3)
    await world.seconds(4)
    world.reconnect(N2, N3)
    await world.lead()
    await world.seconds(5)
    assert (await world.told())[0] is None


async def test_what_was_before_the_cluster_was_found_is_no_outage(world: World) -> None:
    world.cut_off(N2, N3)
    for node in NODES:
        world.live(node)
    await world.seconds(30)
    world.reconnect(N2, N3)
    await world.lead()
    await world.seconds(5)
    assert (await world.told())[0] is None


async def test_a_node_that_stood_still_has_seen_nothing_meanwhile(world: World) -> None:
    world.cut_off(N2, N3)
    await world.seconds(2)
    world.clock.at += 600.0
    world.reconnect(N2, N3)
    await world.lead()
    await world.seconds(5)
    assert (await world.told())[0] is None
