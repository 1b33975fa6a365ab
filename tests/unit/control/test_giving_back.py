"""A node is given back step by step, through the calls a person would make."""

from dataclasses import dataclass, field

from aether.control.giving_back import GivingBack
from aether.control.scaling_nodes import ACTOR, NodeScaling, Step
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
    actors: set[str] = field(default_factory=set)

    async def __call__(self, request: ApiRequest) -> ApiResponse:
        self.actors.add(request.actor)
        self.asked.append(f"{request.method} {request.path}")
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return ApiResponse(status=answer, body=b"{}")


async def test_it_is_ordered_to_stop_waited_for_and_removed() -> None:
    leader, api = Leader(), Api()
    leader.nodes.give_back = NodeId("node-4")
    back = GivingBack(leader, api, TurnedClock())
    steps: tuple[Step, ...] = ("stop", "wait", "remove")
    for step in steps:
        leader.nodes.next_step = step
        assert await back.look()
    assert api.asked == ["POST /api/v1/nodes/node-4/shutdown", "DELETE /api/v1/nodes/node-4"]
    assert api.actors == {ACTOR}


async def test_what_is_refused_is_tried_again() -> None:
    leader, api = Leader(), Api([409, Unavailable("no quorum"), 200])
    leader.nodes.give_back = NodeId("node-4")
    back = GivingBack(leader, api, TurnedClock())
    assert [await back.look() for _ in range(3)] == [False, False, True]
    assert api.asked == ["POST /api/v1/nodes/node-4/shutdown"] * 3


async def test_nothing_is_asked_without_a_node_or_without_leading() -> None:
    leader, api = Leader(), Api()
    back = GivingBack(leader, api, TurnedClock())
    assert await back.look()
    leader.nodes.give_back = NodeId("node-4")
    leader.leads = False
    assert await back.look()
    assert api.asked == []
