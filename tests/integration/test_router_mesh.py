"""Two router processes: a request that comes in on one node and is answered on the other."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.router_rig import (
    BASE,
    Message,
    Origin,
    Rig,
    RouterProcess,
    Wire,
    fetch,
    head,
    instance,
    local,
    remote,
    row,
    until,
)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    await made.close()


@pytest.fixture
async def pair(rig: Rig) -> tuple[RouterProcess, RouterProcess]:
    return await rig.router("node-1"), await rig.router("node-2")


async def test_a_node_serves_what_another_hosts(
    rig: Rig, pair: tuple[RouterProcess, RouterProcess]
) -> None:
    one, two = pair
    origin = await rig.origin("far")
    await two.use([row()], [local("node-2", origin)])
    await one.use([row()], [remote("node-2", two.mesh)])
    body = head("/x", "Content-Length: 3", "x-request-id: r-1", method="POST") + "abc"
    async with Wire.to(one.public) as wire:
        answer = await wire.ask(body)
    seen = answer.json()
    assert (seen["name"], seen["body"]) == ("far", "abc")
    assert answer.headers["x-aether-instance"] == instance(0)
    assert answer.headers["x-request-id"] == seen["headers"]["x-request-id"] == "r-1"
    assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert answer.raw_head.count(b"x-request-id") == answer.raw_head.count(b"x-aether") == 1
    call = await fetch(one.local, "/_aether/call/x", f"x-aether-slice: {BASE}", method="POST")
    assert call.json()["headers"]["x-aether-slice"] == BASE


async def test_the_mesh_hands_to_local_instances_only(
    rig: Rig, pair: tuple[RouterProcess, RouterProcess]
) -> None:
    one, two = pair
    origin = await rig.origin("near")
    await one.use([row()], [local("node-1", origin), remote("node-2", two.mesh, 1)])
    served = await fetch(one.mesh, "/", f"x-aether-instance: {instance(0)}")
    refused = await fetch(one.mesh, "/", f"x-aether-instance: {instance(1)}")
    nobody = await fetch(one.mesh, "/", "x-aether-instance: rubbish")
    missing = await fetch(one.mesh, "/")
    assert served.status == 200
    for answer in (refused, nobody):
        assert answer.status == 503
        assert answer.headers["x-aether-refused"] == "not-here"
    assert missing.status == 400


async def test_refusal_by_a_node_is_tried_elsewhere_even_for_a_post(
    rig: Rig, pair: tuple[RouterProcess, RouterProcess]
) -> None:
    one, two = pair
    origin = await rig.origin("near")
    dead = Origin(rig.folder / "dead.sock")
    await two.use([row()], [local("node-2", dead, 2)])
    await one.use(
        [row()],
        [local("node-1", origin, 0), remote("node-2", two.mesh, 1), remote("node-2", two.mesh, 2)],
    )
    async with Wire.to(one.public) as wire:
        for number in range(12):
            answer = await wire.ask(head("/", "Content-Length: 2", method="POST") + "ab")
            assert (answer.status, answer.json()["body"]) == (200, "ab"), number


async def test_lost_on_the_other_node_is_repeated_only_where_harmless(
    rig: Rig, pair: tuple[RouterProcess, RouterProcess]
) -> None:
    async def die(
        _request: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.transport.abort()

    one, two = pair
    fatal, origin = await rig.origin("fatal", die), await rig.origin("near")
    await two.use([row()], [local("node-2", fatal, 1)])
    await one.use([row()], [local("node-1", origin, 0), remote("node-2", two.mesh, 1)])
    answers = [await fetch(one.public, "/") for _ in range(6)]
    assert [each.status for each in answers] == [200] * 6
    assert fatal.requests, "the other node was asked as well"
    marked = ("x-aether-idempotent: 1", f"x-aether-slice: {BASE}", "Content-Length: 0")
    calls = [await fetch(one.local, "/_aether/call/x", *marked, method="POST") for _ in range(4)]
    assert [each.status for each in calls] == [200] * 4
    posts = [await fetch(one.public, "/", "Content-Length: 0", method="POST") for _ in range(4)]
    lost = [each for each in posts if each.status == 502]
    assert lost, "a POST that may have taken effect is not repeated"
    assert lost[0].json()["code"] == "upstream_lost"
    assert lost[0].json()["node"] == "node-2"


async def test_lost_node_costs_no_request_of_the_others(
    rig: Rig, pair: tuple[RouterProcess, RouterProcess]
) -> None:
    one, two = pair
    near, far = await rig.origin("near"), await rig.origin("far")
    await two.use([row()], [local("node-2", far, 1)])
    await one.use([row()], [local("node-1", near, 0), remote("node-2", two.mesh, 1)])
    statuses: list[int] = []
    running = True

    async def client() -> None:
        async with Wire.to(one.public) as wire:
            while running:
                statuses.append((await wire.get("/")).status)

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(client())
        await until(lambda: len(far.requests) > 50)
        await two.kill()
        size = len(statuses)
        await until(lambda: len(statuses) > size + 200)
        running = False
    assert set(statuses) == {200}
