"""A node that leaves waits until what only it holds is held elsewhere, but not for ever."""

from dataclasses import dataclass, field
from typing import cast

from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import DrainOrder, Verdict, VerdictRecord, encode
from aether.core.store.commands import Put, Txn
from aether.core.store.machine import KvMachine
from aether.node.leaving import COPIES_S, Leaving
from aether.ports import Group, Member
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual
from aether_forge.sim.oracle import Oracle

NODE = NodeId("n1")
CLOCK = VirtualClock()
DUE = VerdictRecord(
    verdict=Verdict.DECOMMISSIONED,
    incarnation="life-1",
    drain=DrainOrder(by="api:x", shutdown=True),
)


class LedByAnother:
    leader = NodeId("n2")
    members: tuple[Member, ...] = ()


@dataclass
class World:
    held: list[str] = field(default_factory=lambda: ["org.example:app:1.0.0"])
    left_at: float | None = None
    tasks: Tasks = field(default_factory=Tasks)

    async def start(self) -> None:
        machine = KvMachine()
        consensus = Oracle().member(Member(NODE, "n1:1"), machine)
        await consensus.start()
        store = KvStore(consensus, machine)
        reason = Reason("test", "test", "decommissioned")
        await store.txn(Txn((Put(keys.verdict(NODE), encode(DUE)),), reason))
        leaving = Leaving(
            node=NODE,
            incarnation="life-1",
            store=store,
            group=cast("Group", LedByAnother()),
            clock=CLOCK,
            hosts=lambda: 0,
            leave=self.leave,
            only_here=lambda: self.held,
        )
        self.tasks.start("leaving", leaving.run())

    def leave(self) -> None:
        self.left_at = CLOCK.now()


def test_it_leaves_once_the_copies_are_made() -> None:
    async def story() -> None:
        world = World()
        await world.start()
        await let_pass(20)
        assert world.left_at is None
        world.held.clear()
        await let_pass(2)
        assert world.left_at is not None
        await world.tasks.stop()

    run_virtual(story())


def test_it_leaves_in_the_end_whatever_lacks() -> None:
    async def story() -> None:
        world, began = World(), CLOCK.now()
        await world.start()
        await let_pass(COPIES_S + 5)
        assert world.left_at is not None
        assert COPIES_S <= world.left_at - began <= COPIES_S + 3
        await world.tasks.stop()

    run_virtual(story())
