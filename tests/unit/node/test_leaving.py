"""A node ends when it is drained and told to, after another leads; and at no other time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import DrainOrder, Verdict, VerdictRecord, encode
from aether.errors import AetherError, Unavailable
from aether.node.clock import MonotonicClock
from aether.node.leaving import Leaving, may_leave
from aether.ports import Group, Member
from tests.api_world import NODE, ApiWorld

LIFE = "life-1"
OTHER = NodeId("node-2")
SHUTDOWN = DrainOrder(by="api:x", shutdown=True)
DUE = VerdictRecord(verdict=Verdict.DECOMMISSIONED, incarnation=LIFE, drain=SHUTDOWN)


@dataclass
class FakeGroup:
    """Led by somebody; hands the lead to node-2 when asked, or fails first."""

    leader: NodeId | None = OTHER
    members: Sequence[Member] = ()
    busy: Callable[[], Awaitable[None]] | None = None
    """What happens while the lead is handed over."""
    failures: list[AetherError] = field(default_factory=list)
    handed: int = 0

    async def transfer_leadership(self, node: NodeId | None, timeout_s: float) -> NodeId:
        assert node is None
        assert timeout_s > 0
        if self.failures:
            raise self.failures.pop()
        if self.busy is not None:
            await self.busy()
        self.handed += 1
        self.leader = OTHER
        return self.leader


@pytest.mark.parametrize(
    ("record", "leaves"),
    [
        (DUE, True),
        (None, False),
        (VerdictRecord(verdict=Verdict.DRAINING, incarnation=LIFE, drain=SHUTDOWN), False),
        (VerdictRecord(verdict=Verdict.LOST, incarnation=LIFE, drain=SHUTDOWN), False),
        (
            VerdictRecord(
                verdict=Verdict.DECOMMISSIONED, incarnation=LIFE, drain=DrainOrder(by="api:x")
            ),
            False,
        ),
        (VerdictRecord(verdict=Verdict.DECOMMISSIONED, incarnation=LIFE), False),
        (
            VerdictRecord(verdict=Verdict.DECOMMISSIONED, incarnation="life-0", drain=SHUTDOWN),
            False,
        ),
    ],
)
def test_who_may_leave(record: VerdictRecord | None, leaves: bool) -> None:
    assert may_leave(record, LIFE) is leaves


@dataclass
class Watched:
    """A node that is watched; `left` is set once it is to stop."""

    world: ApiWorld
    group: FakeGroup = field(default_factory=FakeGroup)
    hosts: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def leaving(self) -> Leaving:
        return Leaving(
            node=NODE,
            incarnation=LIFE,
            store=self.world.store,
            group=cast("Group", self.group),
            clock=MonotonicClock(),
            hosts=lambda: self.hosts,
            leave=self.left.set,
        )

    async def judge(self, record: VerdictRecord, node: NodeId = NODE) -> None:
        await self.world.put({keys.verdict(node): encode(record)})


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    world = ApiWorld()
    await world.start()
    yield Watched(world)
    await world.stop()


async def test_it_leaves_when_it_is_to(watched: Watched) -> None:
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(watched.leaving().run())
        assert not watched.left.is_set()
        await watched.judge(DUE)
        await watched.left.wait()
    assert watched.group.handed == 0


async def test_it_waits_for_its_last_host(watched: Watched) -> None:
    watched.hosts = 1
    await watched.judge(DUE)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(watched.leaving().run())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await watched.left.wait()
        watched.hosts = 0
        await watched.left.wait()


async def test_who_leads_hands_over_first_and_stays_while_nobody_can(watched: Watched) -> None:
    watched.group.leader = NODE
    watched.group.failures = [Unavailable("nobody has caught up")]
    await watched.judge(DUE)
    async with asyncio.timeout(5):
        await watched.leaving().run()
    assert watched.left.is_set()
    assert watched.group.handed == 1
    assert watched.group.failures == []


async def test_a_verdict_that_cannot_be_read_ends_nobody(watched: Watched) -> None:
    await watched.world.put({keys.verdict(NODE): b"?"})
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(watched.leaving().run())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await watched.left.wait()
        await watched.judge(DUE)
        await watched.left.wait()


def on_duty(verdict: Verdict = Verdict.ON_DUTY) -> VerdictRecord:
    return VerdictRecord(verdict=verdict, incarnation=LIFE)


async def test_it_stays_while_the_voters_left_could_not_write(watched: Watched) -> None:
    third = NodeId("node-3")
    watched.group.members = [Member(node, f"{node}:1") for node in (NODE, OTHER, third)]
    await watched.judge(on_duty(), OTHER)
    await watched.judge(on_duty(Verdict.LOST), third)
    await watched.judge(DUE)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(watched.leaving().run())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await watched.left.wait()
        await watched.judge(on_duty(), third)
        await watched.left.wait()


async def test_an_order_taken_back_while_the_lead_is_handed_over_is_not_carried_out(
    watched: Watched,
) -> None:
    async def activated() -> None:
        await watched.judge(on_duty(Verdict.JOINING))

    watched.group = FakeGroup(leader=NODE, busy=activated)
    await watched.judge(DUE)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        running = group.create_task(watched.leaving().run())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await watched.left.wait()
        assert watched.group.handed == 1
        running.cancel()
    assert not watched.left.is_set()
