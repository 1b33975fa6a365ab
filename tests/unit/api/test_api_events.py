"""Events over the API: pages, streams, and what is refused."""

import json
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest

from aether.api import events
from aether.chronicle.event_feed import MOST_FOLLOWERS
from aether.core.alerts.events import MISSING
from aether.ports import ApiRequest
from tests.api_world import ApiWorld


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    made = ApiWorld()
    await made.start()
    await made.record()
    yield made
    await made.stop()


async def topology(world: ApiWorld, *counts: int) -> None:
    for count in counts:
        await world.put({"topology": b'{"nodes": %d, "max_nodes": 99}' % count})
    await world.told()


async def test_pages_follow_each_other(world: ApiWorld) -> None:
    await topology(world, 1, 2, 3)
    last = (await world.call("GET", "events?limit=2")).json()
    assert [one["type"] for one in last["items"]] == ["TOPOLOGY_CHANGED"] * 2
    assert last["more"] is False
    first = last["items"][0]["id"]
    after = (await world.call("GET", f"events?after={first}&limit=1")).json()
    assert after["items"] == [last["items"][1]]
    rest = (await world.call("GET", f"events?after={after['next']}")).json()
    assert rest["items"] == []
    assert int(rest["next"]) == world.store.revision


async def test_types_severities_and_subjects(world: ApiWorld) -> None:
    await topology(world, 1)
    await world.put({"verdict/node-2": b'{"verdict": "LOST", "incarnation": "i"}'})
    await world.told()
    for query in ("type=NODE_*,ALERT_*", "severity=critical", "subject=node-2"):
        found = (await world.call("GET", f"events?{query}")).items()
        assert [one["type"] for one in found] == ["NODE_LOST"]


@pytest.mark.parametrize(
    ("query", "told"),
    [("after=x", "no event id"), ("type=NODE_LOSTT", "no event has this type"),
     ("severity=bad", "say info"), ("subject=what/x", "say node/"), ("limit=0", "limit=")],
)  # fmt: skip
async def test_what_is_refused(world: ApiWorld, query: str, told: str) -> None:
    answer = await world.call("GET", f"events?{query}")
    assert answer.status in (400, 422)
    assert told in answer.json()["detail"]


async def test_a_stream_goes_on_where_another_ended(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KEEP_ALIVE_S", 0.05)
    await topology(world, 1, 2)
    last = (await world.call("GET", "events?limit=1")).items()[0]["id"]
    headers = {"accept": "text/event-stream", "last-event-id": str(int(float(last)) - 2)}
    request = ApiRequest(method="GET", path="/api/v1/events", headers=headers)
    answer = await world.api.handle(request)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    assert answer.stream is not None
    assert (await anext(answer.stream)).startswith(b"retry: ")
    frames = (await anext(answer.stream)).decode()
    assert f"id: {last}\n" in frames
    assert await anext(answer.stream) == b": still here\n\n"
    await topology(world, 3)
    async for piece in answer.stream:
        if piece.startswith(b"id: "):
            told = json.loads(piece.partition(b"data: ")[2])
            assert told["text"].startswith("3 nodes")
            break
    world.events.close()
    assert [piece async for piece in answer.stream if piece.startswith(b"id: ")] == []


async def test_what_was_before_the_chronicle_is_a_gap(world: ApiWorld) -> None:
    await topology(world, 1)
    (first, *_) = (await world.call("GET", "events?after=0")).items()
    assert first["type"] == MISSING


async def test_a_node_without_a_chronicle_says_so() -> None:
    made = ApiWorld()
    await made.start()
    try:
        answer = await made.call("GET", "events?after=1")
        assert answer.status == 503
    finally:
        await made.stop()


async def test_one_that_connects_again_goes_on_where_it_was(world: ApiWorld) -> None:
    await topology(world, 1, 2, 3)
    last = (await world.call("GET", "events?limit=2")).items()
    headers = {"last-event-id": last[0]["id"]}
    path = f"/api/v1/events?after={int(float(last[0]['id'])) - 1}"
    request = ApiRequest(method="GET", path=path, headers=headers)
    answer = await world.api.handle(request)
    assert [one["id"] for one in json.loads(answer.body)["items"]] == [last[1]["id"]]


async def test_one_follower_too_many_is_refused_before_the_first_byte(world: ApiWorld) -> None:
    await topology(world, 1)
    headers = {"accept": "text/event-stream"}
    with ExitStack() as others:
        for _ in range(MOST_FOLLOWERS):
            others.enter_context(world.events.following())
        request = ApiRequest(method="GET", path="/api/v1/events", headers=headers)
        answer = await world.api.handle(request)
    assert (answer.status, answer.stream) == (503, None)
    assert "ask another one" in json.loads(answer.body)["detail"]
