"""What a router does when instances, nodes and tables come and go, and when it does."""

import asyncio
import json

import pytest

from tests.integration.router_rig import (
    WAIT_S,
    Held,
    Message,
    Origin,
    Rig,
    Wire,
    fetch,
    head,
    instance,
    local,
    plain,
    row,
    until,
)


async def test_dead_endpoint_costs_no_request(rig: Rig, echo: Origin) -> None:
    router = await rig.router()
    dead = Origin(rig.folder / "dead.sock")
    await router.use([row()], [local("node-1", dead, 0), local("node-1", echo, 1)])
    for number in range(20):
        answer = await fetch(router.public, "/", "Content-Length: 0", method="POST")
        assert answer.status == 200, f"request {number}: {answer.body!r}"


async def test_killed_instance_costs_no_idempotent_request(rig: Rig) -> None:
    origins = [await rig.origin(name) for name in "abc"]
    router = await rig.router()
    await router.use([row()], [local("node-1", o, n) for n, o in enumerate(origins)])
    statuses: list[int] = []
    running = True

    async def client() -> None:
        async with Wire.to(router.public) as wire:
            while running:
                statuses.append((await wire.get("/")).status)

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(client())
        await until(lambda: len(statuses) > 300)
        await origins[0].kill()
        await _grows(statuses, 300)
        await origins[0].start()
        before = len(origins[0].requests)
        await until(lambda: len(origins[0].requests) > before + 20)
        running = False
    assert set(statuses) == {200}


async def test_lost_answer_to_a_post_is_not_sent_again(rig: Rig, echo: Origin) -> None:
    async def die(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.transport.abort()

    fatal = await rig.origin("f", die)
    router = await rig.router()
    await router.use([row()], [local("node-1", fatal)])
    lost = await fetch(router.public, "/", "Content-Length: 0", method="POST")
    assert (lost.status, lost.json()["code"]) == (502, "upstream_lost")
    assert lost.json()["instance"] == instance(0)
    assert lost.json()["node"] == "node-1"
    assert len(fatal.requests) == 1
    await router.use([row()], [local("node-1", fatal), local("node-1", echo, 1)])
    for _ in range(4):
        assert (await fetch(router.public, "/")).status == 200
        body = head("/", "Content-Length: 5", method="PUT") + "again"
        async with Wire.to(router.public) as wire:
            assert (await wire.ask(body)).json()["body"] == "again"


async def test_stale_connection_of_the_only_instance_is_replaced(rig: Rig) -> None:
    async def once(
        _request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if served.setdefault(writer, 0):
            writer.transport.abort()
            return
        served[writer] += 1
        writer.write(plain(b"ok"))

    served: dict[asyncio.StreamWriter, int] = {}
    origin = await rig.origin("o", once)
    router = await rig.router()
    await router.use([row()], [local("node-1", origin)])
    async with Wire.to(router.public) as wire:
        for _ in range(6):
            assert (await wire.get("/")).status == 200


async def test_answer_cut_short_is_not_passed_off_as_whole(rig: Rig) -> None:
    async def cut(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this")
        await writer.drain()
        writer.close()

    origin = await rig.origin("x", cut)
    router = await rig.router()
    await router.use([row()], [local("node-1", origin)])
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await fetch(router.public, "/")


async def test_change_of_table_drops_nothing(rig: Rig) -> None:
    origins = [await rig.origin(name) for name in "ab"]
    router = await rig.router()
    await router.use([row()], [local("node-1", origins[0])])
    statuses: list[int] = []
    running = True

    async def client() -> None:
        async with Wire.to(router.public) as wire:
            while running:
                statuses.append((await wire.get("/")).status)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(client())
        for turn in range(20):
            await router.use([row()], [local("node-1", origins[turn % 2], turn % 2)])
            await _grows(statuses, 10)
        running = False
    assert set(statuses) == {200}
    assert all(origin.requests for origin in origins)


async def test_restart_serves_from_the_saved_table_without_a_node(rig: Rig, echo: Origin) -> None:
    router = await rig.router()
    await router.use([row()], [local("node-1", echo)])
    saved = router.data_dir / "router" / "table.json"
    await until(saved.exists)
    assert router.feed is not None
    await router.feed.stop()
    assert (await fetch(router.public, "/")).status == 200, "the node is gone, traffic is not"
    router.feed = None
    await router.kill()
    await router.start(with_node=False)
    assert (await fetch(router.public, "/")).json()["name"] == "a"
    health = (await fetch(router.local, "/_aether/health")).json()
    assert (health["status"], health["revision"]) == ("ok", 1)
    assert set(json.loads(saved.read_text())) == {"checksum", "format", "table"}


async def test_damaged_saved_table_is_not_used(rig: Rig, echo: Origin) -> None:
    router = await rig.router()
    await router.use([row()], [local("node-1", echo)])
    saved = router.data_dir / "router" / "table.json"
    await until(saved.exists)
    await router.kill()
    saved.write_text(saved.read_text().replace("/{*rest}", "/{*other}"))
    await router.close()
    router.feed = None
    await router.start(with_node=False)
    assert (await fetch(router.public, "/")).status == 404
    assert "checksum" in router.log()


async def test_stops_cleanly_and_finishes_what_is_in_flight(rig: Rig) -> None:
    held = Held()
    origin = await rig.origin("w", held)
    router = await rig.router()
    await router.use([row()], [local("node-1", origin)])
    pid, started = (router.data_dir / "run" / "router.pid").read_text().split()
    assert int(pid) == router.pid
    assert float(started) > 0
    async with Wire.to(router.public) as busy, Wire.to(router.public) as idle:
        busy.writer.write(head("/").encode())
        await until(lambda: bool(origin.requests))
        assert router.process is not None
        router.process.terminate()
        assert await idle.is_closed()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await fetch(router.public, "/")
        held.release.set()
        answer = await busy.read()
        assert answer.body == b"at last"
        assert answer.headers["connection"] == "close"
    async with asyncio.timeout(WAIT_S):  # it was told: a second signal could meet it on its way out
        assert await router.process.wait() == 0
    assert not (router.data_dir / "run" / "router.pid").exists()
    assert not (router.data_dir / "run" / "router.sock").exists()


async def _grows(items: list[int], by: int) -> None:
    size = len(items) + by
    await until(lambda: len(items) > size)
