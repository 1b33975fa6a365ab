"""A node is given back step by step, through the calls a person would make."""

from dataclasses import dataclass, field

from aether.control.giving_back import GivingBack
from aether.control.scaling_nodes import NodeScaling
from aether.core.model.ids import NodeId
from aether.errors import Unavailable
from aether.ports import ApiRequest, ApiResponse
from tests.scaling_world import TurnedClock


@dataclass
class Leader:
    leads: bool = True
    nodes: NodeScaling = field(default_factory=NodeScaling)


@dataclass
class Api:
    answers: list[int | Exception] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, request: ApiRequest) -> ApiResponse:
        self.asked.append(f"{request.method} {request.path}")
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return ApiResponse(status=answer, body=b"{}")


async def test_it_is_stopped_once_and_then_removed() -> None:
    leader, api = Leader(), Api()
    leader.nodes.give_back = NodeId("node-4")
    back = GivingBack(leader, api, TurnedClock())
    assert await back.look()
    assert await back.look()
    assert api.asked == ["POST /api/v1/nodes/node-4/shutdown", "DELETE /api/v1/nodes/node-4"]


async def test_what_is_refused_is_tried_again_from_there() -> None:
    leader, api = Leader(), Api([409, Unavailable("no quorum"), 200, 409, 200])
    leader.nodes.give_back = NodeId("node-4")
    back = GivingBack(leader, api, TurnedClock())
    assert [await back.look() for _ in range(5)] == [False, False, True, False, True]
    assert [call.partition(" ")[0] for call in api.asked] == ["POST"] * 3 + ["DELETE"] * 2


async def test_nothing_is_asked_without_a_node_or_without_leading() -> None:
    leader, api = Leader(), Api()
    back = GivingBack(leader, api, TurnedClock())
    assert await back.look()
    leader.nodes.give_back = NodeId("node-4")
    leader.leads = False
    assert await back.look()
    assert api.asked == []


async def test_the_next_node_begins_with_its_own_order() -> None:
    leader, api = Leader(), Api()
    back = GivingBack(leader, api, TurnedClock())
    for node in ("node-4", "node-5"):
        leader.nodes.give_back = NodeId(node)
        await back.look()
    assert api.asked == [f"POST /api/v1/nodes/{node}/shutdown" for node in ("node-4", "node-5")]
