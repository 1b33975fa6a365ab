"""Facts follow the lifecycle and are written under guards."""

from collections.abc import Awaitable, Callable

import pytest

from aether.agent.facts import Fact, NotWritten, Writer
from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.lifecycle import Desired, Event, Phase
from aether.core.model.reason import Reason
from aether.core.model.records import Failure, PhaseRecord, WantedRecord, decode, encode
from aether.core.model.view import PREFIXES, project
from aether.core.store.commands import Put, Txn
from aether.core.store.machine import KvMachine
from aether.ports import Member
from aether.store.client import KvStore
from aether_forge.sim.loop import run_virtual
from aether_forge.sim.oracle import Oracle
from tests.worlds import SHOP, wish

NODE, I0 = NodeId("n1"), InstanceId(f"{SHOP}:1.0.0/0")


class World:
    """A store with one wish in it."""

    def __init__(self) -> None:
        self.machine = KvMachine()
        self.consensus = Oracle().member(Member(NODE, "n1:1"), self.machine)
        self.store = KvStore(self.consensus, self.machine)

    async def wish(self, record: WantedRecord, incarnation: str = "life-1") -> Fact:
        put = Put(keys.wanted(NODE, I0), encode(record))
        await self.store.txn(Txn((put,), Reason("test", "test", "wish")))
        level = self.store.level(PREFIXES)
        entries = ((e.key, e.value, e.mod_revision) for e in level.entries)
        return Writer(NODE, incarnation, self.store).open(
            I0, record, project(entries, level.revision)
        )

    def history(self) -> list[str]:
        changes = self.machine.changes_after(0) or ()
        texts = [change.reason.text for change in changes]
        return [text.removeprefix(f"{I0} is ") for text in texts if text != "wish"]

    def record(self) -> PhaseRecord | None:
        entry = self.machine.get(keys.phase(NODE, I0))
        return decode(entry.value, PhaseRecord) if entry else None


def in_world(story: Callable[[World], Awaitable[None]]) -> None:
    async def main() -> None:
        world = World()
        await world.consensus.start()
        await story(world)

    run_virtual(main())


def test_a_life_is_written_step_by_step_with_its_reasons() -> None:
    async def story(world: World) -> None:
        for step in Desired:
            fact = await world.wish(wish(step, 1))
            await fact.move(step, Event.STEP_BEGAN)
            await fact.move(step, Event.STEP_DONE)
        states = [text.partition(" ")[0] for text in world.history()]
        assert states == [
            *("LOADING", "LOADED", "ACTIVATING", "ACTIVE"),
            *("DEACTIVATING", "LOADED", "UNLOADING", "gone"),
        ]
        assert world.record() is None

    in_world(story)


def test_a_transition_the_lifecycle_does_not_have_writes_nothing() -> None:
    async def story(world: World) -> None:
        fact = await world.wish(wish(Desired.ACTIVATE, 1))
        with pytest.raises(KeyError):
            await fact.move(Desired.ACTIVATE, Event.STEP_DONE)
        assert world.record() is None

    in_world(story)


def test_a_changed_wish_or_a_fact_of_another_hand_is_not_written_over() -> None:
    async def story(world: World) -> None:
        old = await world.wish(wish(Desired.LOAD, 1))
        new = await world.wish(wish(Desired.LOAD, 2))
        with pytest.raises(NotWritten, match="wanted/"):
            await old.move(Desired.LOAD, Event.STEP_BEGAN)
        twin = await world.wish(wish(Desired.LOAD, 2))
        await twin.move(Desired.LOAD, Event.STEP_BEGAN)
        with pytest.raises(NotWritten, match="changed"):
            await new.move(Desired.LOAD, Event.STEP_BEGAN)

    in_world(story)


def test_without_a_quorum_it_says_not_written() -> None:
    async def story(world: World) -> None:
        fact = await world.wish(wish(Desired.LOAD, 1))
        await world.consensus.stop()
        with pytest.raises(NotWritten, match="not written"):
            await fact.move(Desired.LOAD, Event.STEP_BEGAN)

    in_world(story)


def test_a_phase_of_an_earlier_life_counts_as_unknown() -> None:
    async def story(world: World) -> None:
        first = await world.wish(wish(Desired.LOAD, 1))
        await first.move(Desired.LOAD, Event.STEP_BEGAN)
        reborn = await world.wish(wish(Desired.LOAD, 1), incarnation="life-2")
        assert reborn.phase is None
        await reborn.move(Desired.LOAD, Event.STEP_BEGAN)
        record = world.record()
        assert record is not None
        assert (record.state, record.incarnation) == (Phase.LOADING, "life-2")

    in_world(story)


def test_the_last_failure_is_told_until_the_next_try_works() -> None:
    async def story(world: World) -> None:
        failure = Failure(kind="transient", message="port in use")
        fact = await world.wish(wish(Desired.LOAD, 1))
        await fact.move(Desired.LOAD, Event.STEP_BEGAN)
        await fact.move(Desired.LOAD, Event.STEP_FAILED, failure=failure)
        again = await world.wish(wish(Desired.LOAD, 2))
        await again.move(Desired.LOAD, Event.STEP_BEGAN)
        record = world.record()
        assert record is not None
        assert record.failure == failure
        await again.move(Desired.LOAD, Event.STEP_DONE)
        active = await world.wish(wish(Desired.ACTIVATE, 3))
        await active.move(Desired.ACTIVATE, Event.HOST_FOUND)
        record = world.record()
        assert record is not None
        assert (record.state, record.failure) == (Phase.ACTIVE, None)

    in_world(story)
