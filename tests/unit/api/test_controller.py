from aether.core.model.ids import NodeId
from aether.core.model.plan import DropProvision, Plan
from aether.core.model.reason import Reason
from tests.api_world import ApiWorld


async def test_the_plan_of_the_leader_is_told_with_its_reasons() -> None:
    world = ApiWorld()
    await world.start()
    because = Reason("", "provision", "node-4 is there", {"node": "node-4"}, {"keep": "no need"})
    world.last_plan = Plan((DropProvision(NodeId("node-4"), because),), ("node-2 is full",))
    for path in ("controller/plan", "controller/evaluate"):
        answer = (await world.call("GET", path)).json()
        assert answer["leader"] == "node-1"
        assert answer["waiting"] == ["node-2 is full"]
        assert answer["commands"] == [
            {
                "command": "DropProvision",
                "node": "node-4",
                "because": {
                    "rule": "provision",
                    "text": "node-4 is there",
                    "inputs": {"node": "node-4"},
                    "rejected": {"keep": "no need"},
                },
                "is_by_hand": False,
            }
        ]
    await world.stop()


async def test_only_the_leader_answers() -> None:
    world = ApiWorld()
    await world.start()
    world.oracle.cut_off(NodeId("node-1"))
    answer = await world.call("GET", "controller/evaluate")
    assert (answer.status, answer.json()["code"]) == (503, "no_quorum")
    await world.stop()
