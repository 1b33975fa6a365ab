import asyncio

import structlog

from aether.control.member_facts import NODES_S
from aether.core.model.ids import NodeId
from aether.ports import ApiRequest, ApiResponse
from tests.alert_world import alert_world
from tests.api_world import NODE

OTHER = NodeId("node-2")


class Answers:
    """Nodes that answer what a test wants, and count how often they are asked."""

    def __init__(self) -> None:
        self.bodies: dict[NodeId, bytes] = {}
        self.asked = 0

    async def forward(self, leader: NodeId, request: ApiRequest) -> ApiResponse:
        assert request.path == f"/api/v1/nodes/{leader}/conditions"
        self.asked += 1
        body = self.bodies.get(leader)
        return ApiResponse(status=500) if body is None else ApiResponse(status=200, body=body)


async def test_nodes_are_asked_now_and_then_and_members_each_time() -> None:
    async with alert_world() as world:
        link = Answers()
        world.facts.link = link
        link.bodies[OTHER] = b'{"condition": "disk_full", "certificate_days": 2.5, "later": 1}'
        await world.look(3)
        assert link.asked == len(world.api.group.members)
        values = world.facts.values()
        assert values["node.condition", OTHER] == 2.0
        assert values["node.certificate", OTHER] == 2.5
        assert ("node.condition", NODE) not in values
        link.bodies[OTHER] = b"nonsense"
        await world.look(NODES_S)
        assert ("node.condition", OTHER) not in world.facts.values()
        assert link.asked == 2 * len(world.api.group.members)


async def test_who_no_longer_leads_forgets() -> None:
    async with alert_world() as world:
        await world.look()
        assert world.facts.values()
        world.api.group.leader = OTHER
        await world.look()
        assert world.facts.values() == {}


async def test_a_bug_ends_the_look_and_not_the_node() -> None:
    async with alert_world() as world:
        group, real = world.api.group, world.api.group.status
        broken, seen = [True], asyncio.Event()

        async def status() -> object:
            if broken:
                broken.clear()
                raise ZeroDivisionError("a bug")
            seen.set()
            return await real()

        group.status = status  # type: ignore[method-assign,assignment] # the port, with a bug
        with structlog.testing.capture_logs() as logs:
            world.tasks.start("facts", world.facts.run())
            async with asyncio.timeout(5):
                await seen.wait()
        assert [line["event"] for line in logs] == ["look at store members broke off"]
