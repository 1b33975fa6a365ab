"""Orders about nodes, and plans of them."""

from dataclasses import replace

import pytest

from aether.api import node_orders
from aether.control.scaling_nodes import ACTOR
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import DrainOrder, Verdict, VerdictRecord, decode, encode
from aether.errors import OutcomeUnknown
from aether.ports import ApiRequest, ApiResponse, Member, MemberStatus
from aether.rpc.values import request_from_wire, request_to_wire
from tests.api_world import MEMBERS, NODE, SHOP_1, ApiWorld

NODE_2 = NodeId("node-2")


async def verdict(world: ApiWorld, node: NodeId = NODE_2) -> VerdictRecord:
    entry = await world.store.get(keys.verdict(node))
    assert entry is not None
    return decode(entry.value, VerdictRecord)


async def judge(world: ApiWorld, node: NodeId, record: VerdictRecord) -> None:
    await world.put({keys.verdict(node): encode(record)})


def verdict_of(state: Verdict, drain: DrainOrder | None = None) -> VerdictRecord:
    return VerdictRecord(verdict=state, incarnation="life-1", drain=drain)


async def test_a_node_is_drained_and_activated(deployed: ApiWorld) -> None:
    answer = await deployed.call("POST", "nodes/node-2/drain", b'{"force": true}')
    assert answer.status == 200
    assert answer.json()["summary"].startswith("node-2 is DRAINING and hosts 0 instances")
    assert await verdict(deployed) == verdict_of(
        Verdict.DRAINING, DrainOrder(by="api:anonymous", force=True)
    )
    again = (await deployed.call("POST", "nodes/node-2/drain")).json()
    assert again["changed"] is False
    (listed,) = [
        one for one in (await deployed.call("GET", "nodes")).items() if one["node"] == "node-2"
    ]
    assert listed["drain"] == {"by": "api:anonymous", "shutdown": False, "force": True}
    assert (await deployed.call("POST", "nodes/node-2/activate")).json()["changed"] is True
    assert await verdict(deployed) == verdict_of(Verdict.JOINING)


async def test_an_order_of_this_node_itself_says_so_and_nobody_outside_can(
    deployed: ApiWorld,
) -> None:
    path = "/api/v1/nodes/node-2/shutdown"
    asked = ApiRequest(method="POST", path=path, headers={"actor": ACTOR})
    assert request_from_wire(request_to_wire(replace(asked, actor=ACTOR))) == asked
    assert (await deployed.api.handle(asked)).status == 200
    assert (await verdict(deployed)).drain == DrainOrder(by="api:anonymous", shutdown=True)
    await judge(deployed, NODE_2, verdict_of(Verdict.ON_DUTY))
    assert (await deployed.api.handle(replace(asked, actor=ACTOR))).status == 200
    assert (await verdict(deployed)).drain == DrainOrder(by=ACTOR, shutdown=True)


@pytest.mark.parametrize(("path", "body"), [("shutdown", b""), ("drain", b'{"shutdown": true}')])
async def test_a_node_is_shut_down_while_the_quorum_stays(
    deployed: ApiWorld, path: str, body: bytes
) -> None:
    answer = await deployed.call("POST", f"nodes/node-2/{path}", body)
    assert "2 of 3 voters answer then" in answer.json()["summary"]
    assert (await verdict(deployed)).drain == DrainOrder(by="api:anonymous", shutdown=True)
    deployed.group.silent_s[NodeId("node-3")] = 60.0
    refused = await deployed.call("POST", f"nodes/node-1/{path}", body)
    assert (refused.status, refused.json()["code"]) == (409, "conflict")
    assert "nothing could be written any more" in refused.json()["detail"]
    assert await verdict(deployed, NODE) == verdict_of(Verdict.ON_DUTY)


@pytest.mark.parametrize("body", [b"[]", b'{"shutdwn": true}', b'{"force": "yes"}', b"{"])
async def test_an_order_that_cannot_be_read_changes_nothing(
    deployed: ApiWorld, body: bytes
) -> None:
    for verb in ("drain", "shutdown"):
        assert (await deployed.call("POST", f"nodes/node-2/{verb}", body)).status in (400, 422)
    assert await verdict(deployed) == verdict_of(Verdict.ON_DUTY)


async def lost(world: ApiWorld) -> None:
    await judge(world, NODE_2, verdict_of(Verdict.LOST))
    world.group.silent_s[NODE_2] = 60.0
    await world.put({"config/node/node-2/x": b'{"value": 1}'})


async def records(world: ApiWorld) -> list[str]:
    found = [await world.store.range(prefix) for prefix in ("node/", "verdict/", "config/")]
    return [entry.key for level in found for entry in level.entries]


async def test_a_lost_node_is_removed_with_its_vote(deployed: ApiWorld) -> None:
    await lost(deployed)
    answer = await deployed.call("DELETE", "nodes/node-2")
    assert answer.json()["summary"] == (
        "node-2 is removed; 2 of 2 voters answer then, a quorum is 2: none may fail then"
    )
    assert deployed.group.changes == ["remove node-2"]
    assert await records(deployed) == ["node/node-1", "verdict/node-1"]


async def test_a_removal_that_broke_off_is_finished_when_asked_again(deployed: ApiWorld) -> None:
    await lost(deployed)
    deployed.group.problem = OutcomeUnknown("nobody knows")
    assert (await deployed.call("DELETE", "nodes/node-2")).status == 504
    assert "node/node-2" in await records(deployed)
    deployed.group.problem = None
    deployed.group.members = tuple(one for one in MEMBERS if one.node != NODE_2)
    assert (await deployed.call("DELETE", "nodes/node-2")).status == 200
    assert deployed.group.changes == []
    assert "node/node-2" not in await records(deployed)
    gone = await deployed.call("DELETE", "nodes/node-2")
    assert (gone.status, gone.json()["code"]) == (404, "not_found")


async def test_a_member_without_records_is_removed_too(deployed: ApiWorld) -> None:
    deployed.group.members = (*MEMBERS, Member(NodeId("node-9"), "node-9:1", voter=False))
    assert (await deployed.call("DELETE", "nodes/node-9")).status == 200
    assert deployed.group.changes == ["remove node-9"]


async def test_a_node_that_still_answers_is_not_removed(deployed: ApiWorld) -> None:
    await lost(deployed)
    deployed.link.answers[NODE_2] = ApiResponse(status=503)
    refused = await deployed.call("DELETE", "nodes/node-2?force=true")
    assert refused.status == 409
    assert "still runs" in refused.json()["detail"]
    assert deployed.group.changes == []


async def test_a_node_that_has_just_stopped_is_not_counted_on(
    deployed: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    status = deployed.group.status

    async def falling_silent() -> MemberStatus:
        looks.append(len(deployed.group.changes))
        if len(looks) == 3:
            deployed.group.silent_s[NODE_2] = 60.0
        return await status()

    monkeypatch.setattr(deployed.group, "status", falling_silent)
    await judge(deployed, NODE_2, verdict_of(Verdict.DECOMMISSIONED, DrainOrder(by="x")))
    assert (await deployed.call("DELETE", "nodes/node-2")).status == 200
    assert looks == [0, 0, 0]
    assert deployed.group.changes == ["remove node-2"]


async def test_the_last_voter_to_spare_goes_by_force_only(
    deployed: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its node is gone, and its store still answers."""
    monkeypatch.setattr(node_orders, "SETTLE_S", 0.05)
    await judge(deployed, NODE_2, verdict_of(Verdict.DECOMMISSIONED, DrainOrder(by="x")))
    refused = await deployed.call("DELETE", "nodes/node-2")
    assert "next failure would stop all writes" in refused.json()["detail"]
    assert (await deployed.call("DELETE", "nodes/node-2?force=true")).status == 200


PLAN_KEYS = {"digest", "steps", "placements", "below_budget", "quorum"}


async def test_the_plan_of_a_drain_says_what_becomes_of_budgets_and_quorum(
    deployed: ApiWorld,
) -> None:
    before = deployed.store.revision
    plan = (await deployed.call("POST", "nodes/node-1/drain/plan", b'{"shutdown": true}')).json()
    assert plan.keys() >= PLAN_KEYS
    assert plan["placements"] == {"node-1": [], "node-2": [f"{SHOP_1}/1"]}
    assert plan["verdicts"]["node-1"] == "DECOMMISSIONED"
    assert plan["below_budget"] == []
    assert plan["quorum"]["before"] == {"voters": 3, "quorum": 2, "answering": 3, "may_fail": 1}
    assert plan["quorum"]["after"]["may_fail"] == 0
    assert deployed.store.revision == before
    stays = (await deployed.call("POST", "nodes/node-1/drain/plan")).json()
    assert stays["quorum"]["after"] == stays["quorum"]["before"]


async def test_a_drain_by_force_says_what_goes_below_its_budget(deployed: ApiWorld) -> None:
    plan = (await deployed.call("POST", "nodes/node-1/drain/plan", b'{"force": true}')).json()
    (sentence,) = plan["below_budget"]
    assert "org.example:shop" in sentence


async def test_a_drain_is_ordered_only_as_it_was_planned(deployed: ApiWorld) -> None:
    digest = (await deployed.call("POST", "nodes/node-1/drain/plan")).json()["digest"]
    other = (await deployed.call("POST", "nodes/node-2/drain/plan")).json()["digest"]
    refused = await deployed.call("POST", f"nodes/node-1/drain?plan={other}")
    assert (refused.status, refused.json()["code"]) == (409, "plan_changed")
    assert await verdict(deployed, NODE) == verdict_of(Verdict.ON_DUTY)
    assert (await deployed.call("POST", f"nodes/node-1/drain?plan={digest}")).status == 200
    assert (await verdict(deployed, NODE)).verdict is Verdict.DRAINING


async def test_a_removal_is_planned_and_made_only_as_planned(deployed: ApiWorld) -> None:
    await lost(deployed)
    plan = (await deployed.call("POST", "nodes/node-2/remove/plan")).json()
    assert plan["placements"] == {"node-1": [f"{SHOP_1}/0"]}
    assert plan["quorum"]["before"] == {"voters": 3, "quorum": 2, "answering": 2, "may_fail": 0}
    assert plan["quorum"]["after"] == {"voters": 2, "quorum": 2, "answering": 2, "may_fail": 0}
    assert deployed.group.changes == []
    refused = await deployed.call("DELETE", f"nodes/node-2?plan={'0' * 64}")
    assert (refused.status, refused.json()["code"]) == (409, "plan_changed")
    assert deployed.group.changes == []
    done = await deployed.call("DELETE", f"nodes/node-2?plan={plan['digest']}")
    assert done.status == 200
    assert "node/node-2" not in await records(deployed)


async def test_what_may_not_be_done_has_no_plan(deployed: ApiWorld) -> None:
    assert (await deployed.call("POST", "nodes/node-2/remove/plan")).status == 409
    assert (await deployed.call("POST", "nodes/node-9/remove/plan")).status == 404
    assert (await deployed.call("POST", "nodes/node-9/drain/plan")).status == 404
