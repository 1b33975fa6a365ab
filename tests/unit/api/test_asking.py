"""What another node is asked, and that nobody waits for it for long."""

import asyncio

import pytest

from aether.api import asking
from aether.api.asking import ask, runs
from aether.api.call import FORWARDED, Context
from aether.core.model.ids import NodeId
from aether.errors import Unavailable
from aether.ports import ApiRequest, ApiResponse
from tests.api_world import NODE, ApiWorld

OTHER = NodeId("node-2")


@pytest.fixture
def context(world: ApiWorld) -> Context:
    return world.context


async def test_an_answer_is_read_and_anything_else_is_an_error(
    world: ApiWorld, context: Context
) -> None:
    world.link.answers[OTHER] = ApiResponse(status=200, body=b'{"a": 1}')
    assert await ask(context, OTHER, "/api/v1/status") == {"a": 1}
    ((asked, request),) = world.link.asked
    assert (asked, request.method, request.path) == (OTHER, "GET", "/api/v1/status")
    assert request.headers == {FORWARDED: NODE}
    world.link.answers[OTHER] = ApiResponse(status=404)
    with pytest.raises(Unavailable, match="node-2 answered 404"):
        await ask(context, OTHER, "/x")


async def test_whatever_a_node_answers_it_runs(world: ApiWorld, context: Context) -> None:
    assert await runs(context, NODE)
    assert not await runs(context, OTHER)
    world.link.answers[OTHER] = ApiResponse(status=500)
    assert await runs(context, OTHER)


async def test_nobody_waits_for_long(
    world: ApiWorld, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(node: NodeId, request: ApiRequest) -> ApiResponse:
        await asyncio.Event().wait()
        raise AssertionError(node, request)

    monkeypatch.setattr(asking, "ASK_S", 0.02)
    monkeypatch.setattr(world.link, "forward", never)
    assert not await runs(context, OTHER)
    with pytest.raises(Unavailable, match="did not answer within"):
        await ask(context, OTHER, "/x")
