"""The click counter."""

import asyncio

import pytest

from aether.sdk import KvConflict, KvOutcomeUnknown
from aether.sdk.kv import Entry
from aether.sdk.memory import MemoryKv
from aether.sdk.shape import shape_of
from tests.example_slices import import_example, make_clicks


async def test_each_click_raises_the_count_of_its_own_link() -> None:
    clicks = make_clicks()
    assert [await clicks.record("aaaa"), await clicks.record("aaaa")] == [1, 2]
    assert await clicks.record("bbbb") == 1
    assert [await clicks.total(code) for code in ("aaaa", "bbbb", "cccc")] == [2, 1, 0]


async def test_instances_share_their_counters_and_lose_no_click() -> None:
    class SlowKv(MemoryKv):
        async def get(self, key: str) -> Entry | None:
            entry = await super().get(key)
            await asyncio.sleep(0)  # another instance gets its turn between read and write
            return entry

    kv = SlowKv()
    one, other = make_clicks(kv), make_clicks(kv)
    answers = await asyncio.gather(*(side.record("aaaa") for side in (one, other) * 3))
    assert sorted(answers) == [1, 2, 3, 4, 5, 6]
    assert await one.total("aaaa") == 6


async def test_a_count_whose_outcome_is_unknown_is_not_tried_again() -> None:
    class LosingKv(MemoryKv):
        puts = 0

        async def put(self, key: str, value: bytes, *, version: int | None = None) -> int:
            self.puts += 1
            raise KvOutcomeUnknown("time ran out")

    kv = LosingKv()
    with pytest.raises(KvOutcomeUnknown):
        await make_clicks(kv).record("aaaa")
    assert kv.puts == 1


async def test_a_counter_everybody_writes_at_once_is_given_up_after_bounded_tries() -> None:
    class BusyKv(MemoryKv):
        async def put(self, key: str, value: bytes, *, version: int | None = None) -> int:
            raise KvConflict("somebody was faster")

    with pytest.raises(KvConflict):
        await make_clicks(BusyKv()).record("aaaa")


async def test_the_count_is_kept_as_a_number_an_operator_can_read() -> None:
    kv = MemoryKv()
    await make_clicks(kv).record("aaaa")
    entry = await kv.get("clicks/aaaa")
    assert entry is not None
    assert entry.value == b"1"


def test_it_offers_two_calls_and_no_route() -> None:
    shape = shape_of(import_example("clicks").Clicks)
    assert {name: method.mark.idempotent for name, method in shape.methods.items()} == {
        "record": False,
        "total": True,
    }
    assert shape.routes == ()
