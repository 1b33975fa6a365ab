import pytest

from aether.sdk import KvConflict
from aether.sdk.memory import MemoryKv


async def test_it_behaves_as_the_store_does() -> None:
    kv = MemoryKv()
    first = await kv.put("a/1", b"1", version=0)
    with pytest.raises(KvConflict):
        await kv.put("a/1", b"2", version=0)
    second = await kv.put("a/1", b"2", version=first)
    await kv.put("b", b"3")
    assert [entry.key for entry in await kv.range("a/")] == ["a/1"]
    assert [entry.key for entry in await kv.range(limit=1)] == ["a/1"]
    with pytest.raises(KvConflict, match=f"at version {second}, not {first}"):
        await kv.delete("a/1", version=first)
    assert await kv.delete("a/1", version=second)
    assert not await kv.delete("a/1")
    assert await kv.get("a/1") is None
