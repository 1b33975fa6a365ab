import asyncio

import pytest

from aether.sdk import Entry, KvConflict, KvOutcomeUnknown
from aether.sdk.memory import MemoryKv


def count(old: bytes | None) -> bytes:
    return str(int(old or 0) + 1).encode()


class Contended(MemoryKv):
    """Another writer is quicker, `times` times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def get(self, key: str) -> Entry | None:
        found = await super().get(key)
        if self.times:
            self.times -= 1
            await super().put(key, count(found.value if found else None))
        return found


async def test_update_tries_again_until_nobody_was_quicker() -> None:
    kv = Contended(3)
    assert await kv.update("n", count) == b"4"


async def test_update_gives_up_after_its_attempts() -> None:
    with pytest.raises(KvConflict, match="each of 3 attempts"):
        await Contended(10).update("n", count, attempts=3)


async def test_updates_side_by_side_are_all_counted() -> None:
    kv = MemoryKv()
    await asyncio.gather(*(kv.update("n", count) for _ in range(20)))
    entry = await kv.get("n")
    assert entry is not None
    assert entry.value == b"20"


async def test_an_unknown_outcome_is_not_tried_again() -> None:
    class Unsure(MemoryKv):
        puts = 0

        async def put(self, key: str, value: bytes, *, version: int | None = None) -> int:
            self.puts += 1
            raise KvOutcomeUnknown("time ran out")

    kv = Unsure()
    with pytest.raises(KvOutcomeUnknown):
        await kv.update("n", count)
    assert kv.puts == 1
