"""Calls about keys."""

import pytest

from tests.api_world import ApiWorld


async def test_keys(world: ApiWorld) -> None:
    put = await world.call("PUT", "kv/flag/dark%20mode", b"on")
    revision = put.json()["revision"]
    assert revision == world.store.revision
    got = (await world.call("GET", "kv/flag/dark%20mode")).json()
    assert (got["key"], got["value"], got["encoding"]) == ("flag/dark mode", "on", "utf-8")
    assert got["mod_revision"] == revision
    stale = await world.call("PUT", f"kv/flag/dark%20mode?mod_revision={revision}0", b"off")
    assert (stale.status, stale.json()["mod_revision"]) == (409, revision)
    assert (await world.call("PUT", "kv/flag/dark%20mode?mod_revision=0", b"")).status == 409
    right = await world.call("PUT", f"kv/flag/dark%20mode?mod_revision={revision}", b"\xff")
    assert right.status == 200
    assert (await world.call("GET", "kv/flag/dark%20mode")).json()["encoding"] == "base64"
    gone = await world.call("DELETE", "kv/flag/dark%20mode")
    assert (gone.status, gone.json()["deleted"]) == (200, 1)
    assert (await world.call("GET", "kv/flag/dark%20mode")).status == 404
    assert (await world.call("DELETE", "kv/flag/dark%20mode")).status == 404
    assert (await world.call("PUT", "kv/", b"x")).status == 422
    assert (await world.call("PUT", "kv/%ff", b"x")).status == 422
    assert (await world.call("PUT", "kv/" + "k" * 2000, b"x")).status == 422
    assert (await world.call("PUT", "kv/big", b"x" * (1024 * 1024 + 1))).status == 413


@pytest.mark.parametrize("key", ["control/epoch", "cluster", "blueprint/a:b", "node/node-1"])
async def test_keys_of_aether_itself_are_refused(world: ApiWorld, key: str) -> None:
    before = world.store.revision
    for method in ("PUT", "DELETE"):
        answer = await world.call(method, f"kv/{key}", b"x")
        assert (answer.status, answer.json()["code"]) == (403, "forbidden")
    assert world.store.revision == before


async def test_ranges_go_on_where_they_were_cut(world: ApiWorld) -> None:
    await world.put({f"app/{number}": b"x" for number in range(5)})
    await world.put({"zoo": b"y"})
    seen: list[str] = []
    query = "kv?prefix=app/&limit=2"
    while query:
        answer = (await world.call("GET", query)).json()
        seen += [item["key"] for item in answer["items"]]
        query = f"kv?prefix=app/&limit=2&cursor={answer['next']}" if answer["next"] else ""
    assert seen == [f"app/{number}" for number in range(5)]
    first = (await world.call("GET", "kv?limit=1")).json()
    assert (await world.call("GET", f"kv?prefix=zoo&cursor={first['next']}")).status == 422
