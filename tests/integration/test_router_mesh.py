"""Two router processes: a request that comes in on one node and is answered on the other."""

import asyncio

import pytest

from tests.integration.router_rig import (
    BASE,
    WAIT_S,
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
    fatal = await rig.origin("fatal", die)
    spare, fatal_again = await rig.origin("spare"), Origin(fatal.path)
    await two.use([row()], [local("node-2", fatal_again, 1), local("node-2", spare, 2)])
    both = [remote("node-2", two.mesh, 1), remote("node-2", two.mesh, 2)]

    async def lost_post() -> Message:
        """Ask until a POST comes to the instance that dies."""
        while (
            answer := await fetch(one.public, "/", "Content-Length: 0", method="POST")
        ).status == 200:
            await one.use([row()], both)
        return answer

    await one.use([row()], both)
    answers = [await fetch(one.public, "/") for _ in range(2)]
    assert [each.status for each in answers] == [200] * 2
    assert fatal.requests, "the one that dies was asked as well"
    marked = ("x-aether-idempotent: 1", f"x-aether-slice: {BASE}", "Content-Length: 0")
    calls = [await fetch(one.local, "/_aether/call/x", *marked, method="POST") for _ in range(2)]
    assert [each.status for each in calls] == [200] * 2
    async with asyncio.timeout(WAIT_S):
        lost = await lost_post()
    assert lost.status == 502, "a POST that may have taken effect is not repeated"
    assert lost.json()["code"] == "upstream_lost"
    assert lost.json()["node"] == "node-2"


async def test_lost_node_costs_no_request_of_the_others(
    rig: Rig, pair: tuple[RouterProcess, RouterProcess]
) -> None:
    one, two = pair
    three = await rig.router("node-3")
    near, far = await rig.origin("near"), await rig.origin("far")
    await two.use([row()], [local("node-2", far, 1)])
    await three.use([row()], [local("node-3", near, 0)])
    await one.use([row()], [remote("node-3", three.mesh, 0), remote("node-2", two.mesh, 1)])
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


async def test_a_request_that_goes_round_is_stopped_at_the_second_router(
    rig: Rig, pair: tuple[RouterProcess, RouterProcess]
) -> None:
    """Mesh addresses that lead to the public door of a router that would send it on."""
    one, two = pair
    await two.use([row()], [remote("node-1", one.public, 1)])
    await one.use([row()], [remote("node-2", two.public, 1)])
    answer = await fetch(one.public, "/")
    assert answer.status == 508
    assert answer.json()["code"] == "loop"
