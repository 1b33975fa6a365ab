"""Second tries and second copies: how many, for what, and at whose cost."""

import asyncio

from tests.integration.router_rig import (
    WAIT_S,
    Handler,
    Message,
    Origin,
    Rig,
    Wire,
    fetch,
    instance,
    local,
    plain,
    row,
    until,
)
from tests.integration.upstream_rig import serving

REQUESTS = 400
AT_A_TIME = 8


async def die(_: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def answer_after(go: asyncio.Event, body: bytes) -> Handler:
    async def answer(
        _: Message, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await go.wait()
        writer.write(plain(body))

    return answer


async def test_a_slice_that_fails_throughout_gets_little_more_than_its_requests(rig: Rig) -> None:
    origins = [await rig.origin(f"o{number}", die) for number in range(3)]
    endpoints = [local("node-1", each, number) for number, each in enumerate(origins)]
    statuses: list[int] = []
    async with serving([row()], endpoints) as router:

        async def ask() -> None:
            async with Wire.to(router.public) as wire:
                for _ in range(REQUESTS // AT_A_TIME):
                    answer = await wire.get("/")
                    statuses.append(answer.status)

        async with asyncio.timeout(4 * WAIT_S), asyncio.TaskGroup() as group:
            for _ in range(AT_A_TIME):
                group.create_task(ask())
        assert sum(router.in_flight) == 0
    allowance = 30  # three a second, for the ten seconds the budget looks back
    upstream = sum(len(each.requests) for each in origins)
    assert len(statuses) == REQUESTS
    assert upstream <= 1.1 * REQUESTS + allowance
    assert set(statuses) <= {502, 503}
    assert 503 in statuses, "once the budget is out the client is told to come back"


async def test_an_instance_that_dies_costs_no_repeatable_request(rig: Rig) -> None:
    dying, sound = await rig.origin("dying"), await rig.origin("sound")
    endpoints = [local("node-1", dying, 0), local("node-1", sound, 1)]
    statuses: list[int] = []
    async with serving([row()], endpoints) as router:

        async def ask() -> None:
            async with Wire.to(router.public) as wire:
                for _ in range(40):
                    statuses.append((await wire.get("/")).status)
                    if len(statuses) == 100:
                        await dying.kill()

        async with asyncio.timeout(4 * WAIT_S), asyncio.TaskGroup() as group:
            for _ in range(AT_A_TIME):
                group.create_task(ask())
    assert dying.requests
    assert statuses == [200] * (40 * AT_A_TIME)


async def test_a_route_without_second_attempts_has_none(rig: Rig) -> None:
    origins = [await rig.origin(f"o{number}", die) for number in range(2)]
    endpoints = [local("node-1", each, number) for number, each in enumerate(origins)]
    async with serving([row(attempts=1)], endpoints) as router:
        assert (await fetch(router.public, "/")).status == 502
    assert sum(len(each.requests) for each in origins) == 1


async def test_the_second_copy_of_a_silent_request_wins(rig: Rig) -> None:
    go = asyncio.Event()
    slow = await rig.origin("slow", answer_after(go, b"slow"))
    slow_too = await rig.origin("slow2", answer_after(go, b"slow"))
    quick = await rig.origin("quick", answer_after(ready := asyncio.Event(), b"quick"))
    ready.set()
    route = row("/{*rest}", "GET", hedge_after_s=0.05)
    async with serving([route], [local("node-1", slow, 0), local("node-1", quick, 1)]) as router:
        answers = [await fetch(router.public, "/") for _ in range(4)]
        assert [each.body for each in answers] == [b"quick"] * 4
        assert {each.headers["x-aether-instance"] for each in answers} == {instance(1)}
        await until(lambda: router.in_flight == [0, 0])
        assert 1 <= len(slow.requests) <= 4
        assert router.context.retries == len(slow.requests)
    only_slow = [local("node-1", slow, 0), local("node-1", slow_too, 1)]
    async with serving([route], only_slow) as router:
        asking = asyncio.ensure_future(fetch(router.public, "/"))  # noqa: TID251, RUF100 - awaited below
        await until(lambda: router.in_flight == [1, 1])
        go.set()
        assert (await asking).status == 200
        await until(lambda: router.in_flight == [0, 0])


async def test_only_a_get_without_a_body_is_copied(rig: Rig) -> None:
    go = asyncio.Event()
    slow = await rig.origin("slow", answer_after(go, b"slow"))
    other = await rig.origin("other", answer_after(go, b"slow"))
    endpoints = [local("node-1", slow, 0), local("node-1", other, 1)]
    async with (
        serving([row(hedge_after_s=0.01)], endpoints) as router,
        asyncio.TaskGroup() as group,
    ):
        asking = [
            group.create_task(fetch(router.public, "/", "Content-Length: 0", method=method))
            for method in ("POST", "PUT", "DELETE")
        ]
        await until(lambda: sum(router.in_flight) == 3)
        copied = group.create_task(fetch(router.public, "/"))
        await until(lambda: sum(router.in_flight) == 5)
        go.set()
        assert [(await each).status for each in (*asking, copied)] == [200] * 4
        assert router.context.retries == 1


async def test_a_connection_the_instance_closed_meanwhile_costs_nothing(rig: Rig) -> None:
    """Kept connections that end while a request is on its way do not count as failures."""
    origin = await rig.origin("a")
    async with serving([row()], [local("node-1", origin)]) as router:
        assert (await fetch(router.public, "/")).status == 200
        await origin.kill()
        again = await Origin(origin.path, "again").start()
        try:
            answers = [await fetch(router.public, "/") for _ in range(3)]
        finally:
            await again.kill()
        assert [each.status for each in answers] == [200] * 3
