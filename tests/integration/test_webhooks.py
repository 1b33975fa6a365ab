"""Webhooks against a real HTTP server that fails, hangs, refuses, and takes what it is sent."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

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


def silence(world: AlertWorld, **about: str) -> bytes:
    now_ms = int(world.api.now_s * 1000)
    record = SilenceRecord(author="me", created_ms=now_ms, until_ms=now_ms + 60_000, **about)
    return encode(record)


def types(target: FakeApi) -> list[str]:
    return [json.loads(ask.body)["type"] for ask in target.asked]


async def test_nobody_is_told_of_what_was_silenced_from_beginning_to_end(target: FakeApi) -> None:
    target.on("POST", "hook", Answer(200))
    async with telling(f"{target.url}/api/v1/hook") as world:
        await world.api.put({"silence/s": silence(world), KEY: encode(ALERT)})
        await turns(world, 2)
        assert list((await told_up_to(world)).withheld) == [KEY]
        await world.api.commit(Delete("silence/s"), Delete(KEY))
        await turns(world, 2)
        assert target.asked == []
        assert (await told_up_to(world)).withheld == {}


async def test_nobody_is_told_of_what_is_too_old(target: FakeApi) -> None:
    target.on("POST", "hook", Answer(200))
    async with telling(f"{target.url}/api/v1/hook") as world:
        await world.api.put({KEY: encode(ALERT)})
        await world.api.told()
        world.api.now_s += 7200
        await turns(world, 2)
        assert target.asked == []
        assert (await told_up_to(world)).dropped == 1


async def test_who_was_told_of_an_alert_is_told_of_its_end_in_spite_of_a_silence(
    target: FakeApi,
) -> None:
    target.on("POST", "hook", Answer(200))
    async with telling(f"{target.url}/api/v1/hook") as world:
        await world.api.put({KEY: encode(replace(ALERT, severity=Severity.WARNING))})
        await turns(world, 1)
        await world.api.put({"silence/s": silence(world), KEY: encode(ALERT)})
        await turns(world, 1)
        assert types(target) == ["ALERT_RAISED"]  # that it is worse is kept back
        await world.api.commit(Delete(KEY))
        await turns(world, 1)
        assert types(target) == ["ALERT_RAISED", "ALERT_RESOLVED"]


@pytest.mark.parametrize("ends", ["by itself", "by hand"])
async def test_what_is_active_still_when_a_silence_ends_is_told_then_by_another_leader_too(
    target: FakeApi, ends: str
) -> None:
    target.on("POST", "hook", Answer(200))
    async with telling(f"{target.url}/api/v1/hook") as world:
        about = {"metric": "node.cpu", "subject": "n-1"}
        await world.api.put({"silence/s": silence(world, **about), KEY: encode(ALERT)})
        await world.api.put({"alert/node.disk/n-1": encode(ALERT)})  # no silence is about it
        await turns(world, 2)
        assert types(target) == ["ALERT_RAISED"]
        other = AlertWorld(world.api, world.clock)
        await world.lead(3)
        if ends == "by hand":
            await world.api.commit(Delete("silence/s"))
        else:
            world.api.now_s += 61
        await turns(world, 2, other.webhooks)
        assert types(target) == ["ALERT_RAISED", "ALERT_RAISED"]
        late = json.loads(target.asked[-1].body)
        assert late["alert"]["metric"] == "node.cpu"
        assert (await told_up_to(world)).withheld == {}
        await turns(world, 2, other.webhooks)
        assert len(target.asked) == 2


async def test_another_leader_knows_of_an_open_breaker_and_that_it_closed(target: FakeApi) -> None:
    target.on("POST", "hook", *[problem(500, "down")] * 5, Answer(200))
    failing = ("webhook.failing", "w")
    async with telling(f"{target.url}/api/v1/hook") as world:
        await world.api.put({KEY: encode(ALERT)})
        await turns(world, 20)
        assert world.webhooks.failing()[failing] == 5.0
        assert (await told_up_to(world)).failures == 5
        other = AlertWorld(world.api, world.clock)
        await world.lead(3)
        record = world.webhooks._lines["w"].revision
        line = other.webhooks._line(other.webhooks._book(), "w")
        assert (line.revision, line.target.failures, line.target.is_open) == (record, 5, True)
        await turns(world, 2, other.webhooks)
        assert other.webhooks.failing()[failing] == 0.0
        assert (await told_up_to(world)).failures == 0


async def test_a_try_that_is_taken_closes_the_breaker(target: FakeApi) -> None:
    target.on("POST", "hook", *[problem(500, "down")] * 5, Answer(200))
    async with telling(f"{target.url}/api/v1/hook") as world:
        await world.api.put({KEY: encode(ALERT)})
        await turns(world, 20)
        assert world.webhooks.state("w")["breaker"] == "open"
        record = world.webhooks._book().webhooks["w"]
        assert await world.webhooks.try_out("w", record) == 200
        await turns(world, 1)
        assert types(target)[-2:] == ["TEST", "ALERT_RAISED"]
        assert (await told_up_to(world)).failures == 0


async def test_an_open_breaker_with_nothing_waiting_is_no_failure(target: FakeApi) -> None:
    target.on("POST", "hook", problem(500, "down"))
    failing = {("webhook.failing", "w"): 0.0}
    async with telling(f"{target.url}/api/v1/hook") as world:
        await world.api.put({KEY: encode(ALERT)})
        await turns(world, 20)
        assert world.webhooks.failing() == {("webhook.failing", "w"): 5.0}
        world.api.now_s += 7200  # what waits is given up
        own = {"alert/webhook.failing/w": encode(ALERT)}
        await world.api.put(own)  # it is not told of its own failing
        world.clock.at += 60
        await turns(world, 2)
        asked = len(target.asked)
        assert world.webhooks.failing() == failing
        world.clock.at += 60
        await turns(world, 2)
        assert (world.webhooks.failing(), len(target.asked)) == (failing, asked)


async def test_a_change_while_a_post_is_under_way_sends_nothing_twice(target: FakeApi) -> None:
    target.on("POST", "hook", Answer(200))
    async with telling(f"{target.url}/api/v1/hook") as world:
        under_way, go_on, most, now = asyncio.Event(), asyncio.Event(), [0], [0]
        real = world.webhooks.post

        async def slow(*given: Any) -> int:
            now[0] += 1
            most[0] = max(most[0], now[0])
            under_way.set()
            async with asyncio.timeout(10):
                await go_on.wait()
            now[0] -= 1
            return await real(*given)

        world.webhooks.post = slow
        await world.api.put({KEY: encode(ALERT)})
        await world.api.commit(Delete(KEY))
        await world.api.told()
        world.webhooks.look(world.tasks)
        await under_way.wait()
        before = world.webhooks._book().webhooks["w"]
        await world.api.put({"webhook/w": encode(replace(before, timeout_s=7.0))})
        world.webhooks.look(world.tasks)
        world.webhooks.look(world.tasks)
        go_on.set()
        await world.webhooks_rest()
        await turns(world, 2)
        assert (types(target), most) == (["ALERT_RAISED", "ALERT_RESOLVED"], [1])
        await turns(world, 1)
        assert world.webhooks.state("w")["last"]["outcome"] == "delivered"  # type: ignore[index] # a mapping
        assert (await told_up_to(world)).told["outcome"] == "delivered"


async def test_a_storm_of_alerts_reads_the_store_once_a_revision(target: FakeApi) -> None:
    target.on("POST", "hook", Answer(200))
    async with telling(f"{target.url}/api/v1/hook") as world:
        storm = {f"alert/node.cpu/n-{number}": encode(ALERT) for number in range(20)}
        await world.api.put(storm)
        await world.api.told()
        read, real = [0], world.api.store.level

        def level(prefixes: Any) -> Any:
            read[0] += 1
            return real(prefixes)

        world.api.store.level = level  # type: ignore[method-assign] # the port, counted
        await turns(world, 1)
        assert (len(target.asked), read[0] <= 2) == (20, True)
        world.api.group.leader = type(world.webhooks.node)("node-9")
        await world.api.put({KEY: encode(ALERT)})
        read[0] = 0
        world.webhooks.node = type(world.webhooks.node)("node-8")
        await turns(world, 3)
        assert read[0] == 0


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
