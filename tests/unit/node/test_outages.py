"""Nodes that lose their quorum and get it back: it is told once, and only where it was so."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import EpochRecord, decode, encode
from aether.core.model.store_records import OutageRecord
from aether.core.store.commands import Operation, Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import Unavailable
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
    lives: Counter[NodeId] = field(default_factory=Counter)

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
        self.lives[node] += 1
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

    async def register(self, node: NodeId, capacity: int = 200) -> None:
        """Write down the present life of the node, and what it can host."""
        record = node_record(str(node), f"life-{self.lives[node]}", capacity)
        await self.write(node, Put(keys.node(node), encode(record)))

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


@pytest.mark.parametrize("has_stayed", [True, False])
async def test_who_was_cut_off_alone_and_leads_afterwards_tells_nothing(
    world: World, has_stayed: bool
) -> None:
    """Leadership may move to it for many reasons: the outage was its own."""
    if has_stayed:
        world.oracle.hand_over(N2)
        await world.lead()
        await world.seconds(2)
    world.cut_off(N1)
    if not has_stayed:
        await world.lead()
    await world.seconds(20)
    world.reconnect(N1)
    await world.seconds(10)
    world.oracle.hand_over(N1)
    await world.lead()
    await world.seconds(5)
    assert (await world.told())[0] is None


async def test_a_leader_that_is_restarted_after_the_outage_was_not_lost_by_it(world: World) -> None:
    world.cut_off(N3)
    await world.seconds(20)
    world.reconnect(N3)
    await world.seconds(5)
    world.cut_off(N1)
    world.live(N1)
    await world.lead()
    await world.seconds(3)
    world.reconnect(N1)
    world.oracle.hand_over(N1)
    await world.lead()
    await world.register(N1)
    await world.seconds(5)
    assert (await world.told())[0] is None


async def test_a_leader_that_is_given_another_capacity_was_not_started(world: World) -> None:
    world.cut_off(N3)
    world.oracle.hand_over(N2)
    await world.lead()
    await world.seconds(20)
    world.reconnect(N3)
    await world.seconds(2)
    await world.register(N2, capacity=50)
    await world.seconds(5)
    assert (await world.told())[0] is None


async def test_the_same_leader_as_before_tells_though_it_begins_its_reign_late(
    world: World,
) -> None:
    world.cut_off(N2, N3)
    await world.seconds(20)
    world.reconnect(N2)
    world.oracle.hand_over(N1)
    world.reconnect(N3)
    await world.seconds(4)
    assert (await world.told())[0] is None
    await world.lead()
    await world.seconds(2)
    record, count = await world.told()
    assert (count, record and record.seen_by) == (1, N1)


class Full(Unavailable):
    """The store takes nothing that is written about outages."""


async def test_what_cannot_be_written_is_logged_once_and_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[float] = []

    async def refuse(*_: object, **__: object) -> None:
        tries.append(world.clock.at)
        raise Full("no room")

    world.cut_off(N2, N3)
    await world.seconds(20)
    world.reconnect(N2, N3)
    await world.lead()
    leader = next(store.leader for store in world.stores.values() if store.leader)
    monkeypatch.setattr(world.stores[leader], "txn", refuse)
    over_at = world.clock.at
    with capture_logs() as logs:
        for _ in range(int(LATER_S) + 20):
            world.clock.at += 1.0
            with suppress(Full):
                await world.watches[leader].look()
    assert len([one for one in logs if one["log_level"] == "warning"]) == 1
    assert len(tries) > 1
    assert max(tries) <= over_at + 1 + LATER_S
