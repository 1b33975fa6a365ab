import asyncio

import pytest

from aether.core.store.codec import encode_command
from aether.core.store.machine import KvMachine
from aether.errors import Conflict
from aether.store.outbox import ROOM_BYTES, Outbox
from aether.store.process.subscriptions import Feed
from aether.store.protocol import (
    MAX_ANSWER_BYTES,
    Answer,
    Batch,
    Failed,
    Follow,
    Inbox,
    Progress,
    answer_decoder,
)
from aether.store.watch import MAX_WAITING
from tests.integration.contracts.store import put


class Wire(asyncio.WriteTransport):
    """A client that takes everything, or nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.untaken = 0
        self._inbox = Inbox(answer_decoder, MAX_ANSWER_BYTES)
        self.said: list[Answer] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said += self._inbox.feed(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.untaken

    def is_closing(self) -> bool:
        return False


class World:
    def __init__(self) -> None:
        self.machine = KvMachine()
        self.feed = Feed(self.machine)
        self.wire = Wire()
        self.out = Outbox(self.wire)

    def put(self, key: str) -> None:
        self.machine.apply(encode_command(put(key)), 1)

    async def said(self) -> list[Answer]:
        await asyncio.sleep(0)
        said, self.wire.said = self.wire.said, []
        return said


def keys(said: list[Answer]) -> list[str]:
    return [c.key for message in said if isinstance(message, Batch) for c in message.changes]


async def test_changes_before_its_beginning_come_first() -> None:
    world = World()
    for key in ("a/1", "b/1", "a/2"):
        world.put(key)
    world.feed.open(Follow(1, "a/", 0), world.out)
    world.put("a/3")
    said = await world.said()
    assert said[0] == Progress(1, 0, waiting=2)
    assert keys(said) == ["a/1", "a/2", "a/3"]


async def test_a_member_behind_what_its_watcher_saw_tells_none_of_it_again() -> None:
    world = World()
    world.feed.open(Follow(1, "", 2), world.out)
    for key in ("a", "b", "c"):
        world.put(key)
    said = await world.said()
    assert said[0] == Progress(1, 2)
    assert keys(said) == ["c"]


async def test_what_is_left_out_is_told_to_nobody() -> None:
    world = World()
    subscription = world.feed.open(Follow(1, "", None, "app/", eager=True), world.out)
    await world.said()
    for key in ("app/1", "b", "app/2"):
        world.put(key)
    subscription.progress(eager=True)
    subscription.progress(eager=True)
    said = await world.said()
    assert keys(said) == ["b"]
    assert said[-1] == Progress(1, 3)
    assert len(said) == 2


async def test_a_watch_that_is_not_eager_hears_of_progress_seldom() -> None:
    world = World()
    subscription = world.feed.open(Follow(1, "a/"), world.out)
    world.put("b")
    subscription.progress(eager=True)
    assert await world.said() == [Progress(1, 0)]
    subscription.progress(eager=False)
    assert await world.said() == [Progress(1, 1)]


async def test_changes_wait_for_room_and_are_told_in_order() -> None:
    world = World()
    subscription = world.feed.open(Follow(1, ""), world.out)
    world.wire.untaken = ROOM_BYTES
    for number in range(5):
        world.put(f"k/{number}")
    subscription.progress(eager=False)
    assert keys(await world.said()) == []
    world.wire.untaken = 0
    subscription.pump()
    assert keys(await world.said()) == [f"k/{number}" for number in range(5)]


async def test_who_falls_behind_is_cut_off_once_and_by_name() -> None:
    world = World()
    subscription = world.feed.open(Follow(1, "k/"), world.out)
    await world.said()
    world.wire.untaken = ROOM_BYTES
    for number in range(MAX_WAITING + 3):
        world.put(f"k/{number}")
    assert subscription.is_ended
    (told,) = await world.said()
    assert isinstance(told, Failed)
    assert told.code == "compacted"
    assert "'k/'" in told.message


async def test_a_replaced_state_cuts_off_and_a_closed_watch_hears_nothing() -> None:
    world = World()
    subscription = world.feed.open(Follow(1, ""), world.out)
    closed = world.feed.open(Follow(2, ""), world.out)
    world.feed.close(closed)
    world.machine.restore(list(KvMachine().snapshot()))
    said = await world.said()
    assert subscription.is_ended
    assert [message.id for message in said if isinstance(message, Failed)] == [1]


async def test_a_beginning_that_is_gone_is_refused() -> None:
    world = World()
    other = KvMachine()
    other.apply(encode_command(put("k")), 1)
    world.machine.restore(list(other.snapshot()))
    with pytest.raises(Conflict) as gone:
        world.feed.open(Follow(1, "", 0), world.out)
    assert gone.value.code == "compacted"
