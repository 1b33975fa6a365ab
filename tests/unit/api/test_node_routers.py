"""Looking at the routers of a node, and having them replaced, on this node and on another."""

import msgspec
import pytest

from aether.api import node_routers
from aether.api.call import FORWARDED, Call
from aether.api.node_routers import get_routers, restart
from aether.core.model.ids import NodeId
from aether.errors import Unavailable
from aether.ports import ApiResponse
from tests.api_world import NODE, WORKERS, ApiWorld, FakeRouters

OTHER = NodeId("node-2")


@pytest.fixture
def processes(world: ApiWorld) -> FakeRouters:
    return world.routers


def call(node: str, **headers: str) -> Call:
    return Call(rule="api.test", request_id="r", params={"id": node}, headers=headers)


async def test_this_node_is_asked_itself(world: ApiWorld, processes: FakeRouters) -> None:
    told = {"node": NODE, "workers": WORKERS}
    assert (await get_routers(world.context, call(NODE))).value == told
    assert (await restart(world.context, call(NODE))).value == told
    assert processes.restarts == 1
    assert world.link.asked == []


async def test_another_node_is_asked_over_there(world: ApiWorld, processes: FakeRouters) -> None:
    told = {"node": OTHER, "workers": WORKERS}
    world.link.answers[OTHER] = ApiResponse(status=200, body=msgspec.json.encode(told))
    assert (await get_routers(world.context, call(OTHER))).value == told
    assert (await restart(world.context, call(OTHER))).value == told
    paths = [(asked, request.method, request.path) for asked, request in world.link.asked]
    assert paths == [
        (OTHER, "GET", "/api/v1/nodes/node-2/router"),
        (OTHER, "POST", "/api/v1/nodes/node-2/router/restart"),
    ]
    assert all(request.headers == {FORWARDED: NODE} for _, request in world.link.asked)
    assert processes.restarts == 0


async def test_what_the_other_node_cannot_do_is_told_in_its_words(world: ApiWorld) -> None:
    problem = {"code": "unavailable", "detail": "the new router ended at once"}
    world.link.answers[OTHER] = ApiResponse(status=503, body=msgspec.json.encode(problem))
    with pytest.raises(Unavailable, match="the new router ended at once"):
        await restart(world.context, call(OTHER))


async def test_a_call_meant_for_another_node_is_not_sent_on(
    world: ApiWorld, processes: FakeRouters
) -> None:
    for handler in (get_routers, restart):
        with pytest.raises(Unavailable, match="node-1 has no routers of node-2"):
            await handler(world.context, call(OTHER, **{FORWARDED: "node-3"}))
    assert processes.restarts == 0
    assert world.link.asked == []


async def test_a_restart_is_not_waited_for_without_end(
    world: ApiWorld, processes: FakeRouters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_routers, "RESTART_S", 0.02)
    processes.hang = True
    with pytest.raises(Unavailable, match="serve on: ask again"):
        await restart(world.context, call(NODE))
