"""Webhooks against a real HTTP server that fails, hangs, refuses, and takes what it is sent."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import structlog

from aether.control.webhooks import Webhooks
from aether.core.alerts.delivery import signature
from aether.core.model.alert_records import (
    AlertRecord,
    DeliveryRecord,
    Severity,
    SilenceRecord,
    WebhookRecord,
)
from aether.core.model.records import decode, encode
from aether.core.store.commands import Delete
from tests.alert_world import AlertWorld, alert_world
from tests.cli_world import Answer, FakeApi, problem, raw_server

ALERT = AlertRecord(severity=Severity.CRITICAL, value=1, bound=0.9, text="it is busy", since_ms=1)
KEY = "alert/node.cpu/n-1"


@pytest.fixture
def target() -> Iterator[FakeApi]:
    api = FakeApi()
    yield api
    api.close()


@asynccontextmanager
async def telling(url: str, **fields: object) -> AsyncIterator[AlertWorld]:
    """A leader with one webhook that begins after what there is."""
    async with alert_world() as world:
        await world.api.record()
        hook = {"url": url, "secret": "k", "from_event": str(world.api.store.revision), **fields}
        await world.api.put({"webhook/w": encode(WebhookRecord(**hook))})  # type: ignore[arg-type] # fields by name
        yield world


async def turns(world: AlertWorld, count: int, webhooks: Webhooks | None = None) -> None:
    """Let so many seconds go by for the webhooks."""
    one = webhooks or world.webhooks
    await world.api.told()
    for _ in range(count):
        one.look(world.tasks)
        await world.webhooks_rest(one)
        world.clock.at += 1.0
        world.api.now_s += 1.0


async def told_up_to(world: AlertWorld) -> DeliveryRecord:
    entry = await world.api.store.get("delivery/w")
    assert entry is not None
    return decode(entry.value, DeliveryRecord)


async def test_an_alert_is_told_signed_and_written_down(target: FakeApi) -> None:
    target.on("POST", "hook", Answer(200))
    async with telling(f"{target.url}/api/v1/hook") as world:
        await world.api.put({KEY: encode(ALERT)})
        await world.api.commit(Delete(KEY))
        await world.api.put({"topology": b'{"nodes": 3, "max_nodes": 5}'})  # not asked for
        await turns(world, 2)
        bodies = [json.loads(ask.body) for ask in target.asked]
        assert [body["type"] for body in bodies] == ["ALERT_RAISED", "ALERT_RESOLVED"]
        first = target.asked[0]
        assert bodies[0]["alert"]["runbook"] == "runbooks/node-cpu.md"
        assert (bodies[0]["cluster"], bodies[0]["severity"]) == ("c-1", "critical")
        assert first.headers["aether-event-id"] == bodies[0]["id"]
        sent_s = int(first.headers["aether-timestamp"])
        assert first.headers["aether-signature"] == signature("k", sent_s, first.body)
        assert (await told_up_to(world)).event >= bodies[1]["id"]
        assert (await told_up_to(world)).told["outcome"] == "delivered"


async def test_failures_are_tried_again_in_order_and_nothing_is_left_out(target: FakeApi) -> None:
    target.on("POST", "hook", problem(500, "down"), problem(429, "later"), Answer(205))
    async with telling(f"{target.url}/api/v1/hook") as world:
        await world.api.put({KEY: encode(ALERT)})
        await world.api.commit(Delete(KEY))
        await turns(world, 6)
        types = [json.loads(ask.body)["type"] for ask in target.asked]
        assert types == ["ALERT_RAISED"] * 3 + ["ALERT_RESOLVED"]
        assert len({ask.headers["aether-event-id"] for ask in target.asked}) == 2
        assert (await told_up_to(world)).dropped == 0


async def test_what_is_refused_again_and_again_is_given_up_and_told(target: FakeApi) -> None:
    refusals = [problem(400, "what is this")] * 3
    target.on("POST", "hook", *refusals, Answer(200))
    async with telling(f"{target.url}/api/v1/hook") as world:
        await world.api.put({KEY: encode(ALERT)})
        await world.api.commit(Delete(KEY))
        await turns(world, 12)
        types = [json.loads(ask.body)["type"] for ask in target.asked]
        assert types == ["ALERT_RAISED"] * 3 + ["ALERT_RESOLVED"]
        assert target.asked[-1].headers["aether-dropped"] == "1"
        assert (await told_up_to(world)).dropped == 1


def hang(connection: socket.socket) -> None:
    """Take what comes and answer nothing until the other side has had enough."""
    while connection.recv(65_536):
        continue


async def test_one_that_hangs_holds_up_no_other(target: FakeApi) -> None:
    target.on("POST", "hook", Answer(200))
    with raw_server(hang) as hanging:
        async with telling(f"{target.url}/api/v1/hook") as world:
            slow = WebhookRecord(url=hanging, timeout_s=0.2, from_event="1")
            await world.api.put({"webhook/a-slow-one": encode(slow)})
            await world.api.put({KEY: encode(ALERT)})
            await turns(world, 2)
            assert len(target.asked) == 1
            states = {name: world.webhooks.state(name) for name in ("w", "a-slow-one")}
            assert [states[name]["failures"] for name in states] == [0, 2]
            assert world.webhooks.failing() == {
                ("webhook.failing", "a-slow-one"): 2.0,
                ("webhook.failing", "w"): 0.0,
            }


async def test_another_leader_goes_on_where_the_last_one_was(target: FakeApi) -> None:
    target.on("POST", "hook", Answer(200))
    async with telling(f"{target.url}/api/v1/hook") as world:
        await world.api.put({KEY: encode(ALERT)})
        await turns(world, 1)
        other = AlertWorld(world.api, world.clock)
        await world.lead(3)
        await world.api.commit(Delete(KEY))
        await turns(world, 2, other.webhooks)
        types = [json.loads(ask.body)["type"] for ask in target.asked]
        assert types == ["ALERT_RAISED", "ALERT_RESOLVED"]


async def test_nobody_is_told_of_what_is_silenced_or_too_old(target: FakeApi) -> None:
    target.on("POST", "hook", Answer(200))
    async with telling(f"{target.url}/api/v1/hook") as world:
        now_ms = int(world.api.now_s * 1000)
        silence = SilenceRecord(author="me", created_ms=now_ms, until_ms=now_ms + 60_000)
        await world.api.put({"silence/s": encode(silence), KEY: encode(ALERT)})
        await turns(world, 2)
        await world.api.commit(Delete("silence/s"), Delete(KEY))
        await world.api.told()
        world.api.now_s += 7200
        await turns(world, 2)
        assert target.asked == []
        assert (await told_up_to(world)).dropped == 1


async def test_one_that_does_not_lead_tells_nothing(target: FakeApi) -> None:
    async with telling(f"{target.url}/api/v1/hook") as world:
        await world.api.put({KEY: encode(ALERT)})
        world.webhooks.node = type(world.webhooks.node)("node-9")
        await turns(world, 2)
        assert target.asked == []
        assert world.webhooks.state("w") == {}


async def test_trying_one_out_says_what_it_answers(target: FakeApi) -> None:
    target.on("POST", "hook", problem(404, "no such hook"))
    async with telling(f"{target.url}/api/v1/hook") as world:
        record = WebhookRecord(url=f"{target.url}/api/v1/hook")
        assert await world.webhooks.try_out("w", record) == 404
        assert json.loads(target.asked[0].body)["type"] == "TEST"
        assert "aether-signature" not in target.asked[0].headers


async def test_a_bug_ends_the_look_and_not_the_node(target: FakeApi) -> None:
    async with telling(f"{target.url}/api/v1/hook") as world:
        calls, again = [0], asyncio.Event()
        real = world.api.store.level

        def level(prefixes: object) -> object:
            calls[0] += 1
            if calls[0] == 1:
                raise ZeroDivisionError("a bug")
            again.set()
            return real(prefixes)  # type: ignore[arg-type] # handed on as it came

        world.api.store.level = level  # type: ignore[method-assign,assignment] # the port, with a bug
        with structlog.testing.capture_logs() as logs:
            world.tasks.start("webhooks", world.webhooks.run())
            async with asyncio.timeout(5):
                await again.wait()
        assert logs[0]["event"] == "look at webhooks broke off"
