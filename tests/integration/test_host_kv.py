"""A slice's Kv from end to end: NodeKv, HostGateway and a real store of one member."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aether.host.gateway import HostGateway
from aether.host.kv import NodeKv
from aether.sdk import KvConflict, KvInvalid, KvOutcomeUnknown, KvUnavailable
from tests.integration.kv_rig import NODE, TOKENS, World, kv_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with kv_world() as made:
        yield made


async def test_values_are_put_read_listed_and_deleted(world: World) -> None:
    kv = world.kv("secret-a")
    assert await kv.get("x") is None
    version = await kv.put("x/1", b"\x00one")
    await kv.put("x/2", b"two")
    await kv.put("y", b"why")
    entry = await kv.get("x/1")
    assert entry is not None
    assert (entry.key, entry.value, entry.version) == ("x/1", b"\x00one", version)
    assert [found.key for found in await kv.range("x/")] == ["x/1", "x/2"]
    assert [found.key for found in await kv.range(limit=1)] == ["x/1"]
    assert await kv.delete("x/1")
    assert not await kv.delete("x/1")
    assert await kv.get("x/1") is None


async def test_a_version_guards_a_write(world: World) -> None:
    kv = world.kv("secret-a")
    first = await kv.put("x", b"1", version=0)
    with pytest.raises(KvConflict):
        await kv.put("x", b"2", version=0)
    second = await kv.put("x", b"2", version=first)
    with pytest.raises(KvConflict):
        await kv.delete("x", version=first)
    assert await kv.delete("x", version=second)


async def test_no_update_is_lost_between_competing_instances(world: World) -> None:
    def count(old: bytes | None) -> bytes:
        return str(int(old or 0) + 1).encode()

    async def add(kv: NodeKv) -> None:
        for _ in range(5):
            await kv.update("hits", count, attempts=100)

    kvs = [world.kv("secret-a") for _ in range(4)]
    await asyncio.gather(*(add(kv) for kv in kvs))
    entry = await kvs[0].get("hits")
    assert entry is not None
    assert entry.value == b"20"


async def test_slices_do_not_see_each_other_and_keys_lie_below_app(world: World) -> None:
    await world.kv("secret-a").put("k", b"a")
    await world.kv("secret-b").put("k", b"b")
    assert [entry.value for entry in await world.kv("secret-a").range()] == [b"a"]
    found = world.machine.range("")
    assert [entry.key for entry in found.entries] == ["app/org.example:a/k", "app/org.example:b/k"]
    changes = world.machine.changes_after(0)
    assert changes is not None
    assert {change.reason.actor for change in changes} == {
        "slice:org.example:a",
        "slice:org.example:b",
    }


async def test_a_wrong_token_gets_nothing(world: World) -> None:
    with pytest.raises(KvUnavailable, match="no slice on this node is known by this token"):
        await world.kv("wrong").get("k")


async def test_limits_are_refused_with_a_reason(world: World) -> None:
    kv = world.kv("secret-a")
    with pytest.raises(KvInvalid, match="limit"):
        await kv.range(limit=0)
    with pytest.raises(KvInvalid):
        await kv.put("k" * 2000, b"")
    with pytest.raises(KvInvalid):
        await kv.put("big", b"x" * 2_000_000)
    with pytest.raises(KvInvalid, match="frame"):
        await kv.put("huge", b"x" * 9_000_000)
    assert (await kv.put("fits", b"x")) > 0


async def test_unknown_outcomes_are_never_reported_as_failures(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aether.host.gateway.TIMEOUT_S", 0.3)
    kv = world.kv("secret-a")
    world.oracle.lose_answers(1000)
    with pytest.raises(KvOutcomeUnknown):
        await kv.put("k", b"1")
    world.oracle.lose_answers(0)
    world.oracle.cut_off(NODE)
    with pytest.raises(KvUnavailable):
        await kv.put("k", b"1")


async def test_the_kv_comes_back_with_the_node(world: World) -> None:
    kv = world.kv("secret-a")
    await kv.put("k", b"1")
    await world.gateway.stop()
    reading = asyncio.get_running_loop().create_task(kv.get("k"))
    await asyncio.sleep(0)
    again = HostGateway(world.socket, world.store, TOKENS.get)
    await again.start()
    entry = await reading
    assert entry is not None
    assert entry.value == b"1"
    await again.stop()


async def test_a_node_that_never_answers_is_a_failure_in_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("aether.host.kv.TIMEOUT_S", 0.2)
    kv = NodeKv(tmp_path / "absent.sock", "t")
    with pytest.raises(KvUnavailable):
        await kv.put("k", b"1")
    await kv.close()
