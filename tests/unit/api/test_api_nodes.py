"""Calls about nodes."""

from dataclasses import replace
from typing import Any

import pytest

from aether.api.call import FORWARDED
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import DrainOrder, Verdict, VerdictRecord, decode, encode
from aether.errors import OutcomeUnknown
from aether.ports import ApiResponse, Member
from tests.api_world import MEMBERS, NODE, SHOP_1, ApiWorld
from tests.worlds import node_record

NODE_2 = NodeId("node-2")


async def verdict(world: ApiWorld, node: NodeId = NODE_2) -> VerdictRecord:
    entry = await world.store.get(keys.verdict(node))
    assert entry is not None
    return decode(entry.value, VerdictRecord)


async def judge(world: ApiWorld, node: NodeId, record: VerdictRecord) -> None:
    await world.put({keys.verdict(node): encode(record)})


def verdict_of(state: Verdict, drain: DrainOrder | None = None) -> VerdictRecord:
    return VerdictRecord(verdict=state, incarnation="life-1", drain=drain)


async def test_nodes(deployed: ApiWorld) -> None:
    items = (await deployed.call("GET", "nodes")).json()["items"]
    assert isinstance(items, list)
    assert [
        (item["node"], item["verdict"], item["leader"], item["instances"]) for item in items
    ] == [
        ("node-1", "ON_DUTY", True, 1),
        ("node-2", "ON_DUTY", False, 0),
    ]
    node = (await deployed.call("GET", "nodes/node-1")).json()
    assert node["hosted"] == [{"instance": f"{SHOP_1}/0", "desired": "ACTIVATE", "phase": "ACTIVE"}]
    assert (node["drain"], node["progress"]) == (None, None)
    missing = await deployed.call("GET", "nodes/node-9")
    assert missing.status == 404
    assert "node-1, node-2" in str(missing.json()["detail"])
    assert (await deployed.call("GET", "nodes/No%20Node")).status == 422


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


async def test_the_progress_of_a_drain_is_told_with_what_it_waits_for(deployed: ApiWorld) -> None:
    deployed.waiting = (f"node-1 keeps {SHOP_1}/0", "node-2 is full")
    await judge(deployed, NODE, verdict_of(Verdict.DRAINING, DrainOrder(by="x")))
    progress = (await deployed.call("GET", "nodes/node-1")).json()["progress"]
    assert progress["waiting"] == [f"node-1 keeps {SHOP_1}/0"]
    (left,) = progress["remaining"]
    assert (left["instance"], left["phase"], left["replacement"]) == (f"{SHOP_1}/0", "ACTIVE", "")


async def draining_elsewhere(follower: ApiWorld) -> None:
    await follower.put(
        {
            keys.node(NODE): encode(node_record("node-1")),
            keys.verdict(NODE): encode(verdict_of(Verdict.DRAINING, DrainOrder(by="x"))),
        }
    )
    follower.waiting = ("node-1 waits, as an old plan of this node says",)


async def test_what_a_drain_waits_for_the_leader_is_asked(follower: ApiWorld) -> None:
    await draining_elsewhere(follower)
    follower.link.answer = ApiResponse(status=200, body=b'{"told": "by the leader"}')
    assert (await follower.call("GET", "nodes/node-1")).json() == {"told": "by the leader"}
    ((leader, request),) = follower.link.asked
    assert (leader, request.path) == ("node-0", "/api/v1/nodes/node-1")
    assert request.headers == {FORWARDED: "node-1"}


@pytest.mark.parametrize("headers", [{}, {FORWARDED: "node-2"}])
async def test_without_the_leader_a_node_tells_what_it_knows(
    follower: ApiWorld, headers: dict[str, str]
) -> None:
    await draining_elsewhere(follower)
    told = (await follower.call("GET", "nodes/node-1", headers=headers)).json()
    assert told["progress"]["waiting"] == []
    assert len(follower.link.asked) == (0 if headers else 1)


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


async def test_the_last_voter_to_spare_goes_by_force_only(deployed: ApiWorld) -> None:
    await judge(deployed, NODE_2, verdict_of(Verdict.DECOMMISSIONED, DrainOrder(by="x")))
    refused = await deployed.call("DELETE", "nodes/node-2")
    assert "next failure would stop all writes" in refused.json()["detail"]
    assert (await deployed.call("DELETE", "nodes/node-2?force=true")).status == 200


async def test_the_topology(deployed: ApiWorld) -> None:
    view = node_record("node-2")
    west = replace(view, labels={"zone": "west"}, role="worker")
    await deployed.put({keys.node(NODE_2): encode(west)})
    before: dict[str, Any] = (await deployed.call("GET", "topology")).json()
    assert before == {
        "wanted": None,
        "nodes": 2,
        "verdicts": {"ON_DUTY": 2},
        "roles": {"voter": 1, "worker": 1},
        "zones": [
            {"zone": "", "nodes": [{"node": "node-1", "role": "voter", "verdict": "ON_DUTY"}]},
            {"zone": "west", "nodes": [{"node": "node-2", "role": "worker", "verdict": "ON_DUTY"}]},
        ],
        "provisions": [],
    }
    assert (await deployed.call("PUT", "topology", b'{"nodes": 3, "max_nodes": 5}')).json()[
        "changed"
    ] is True
    assert (await deployed.call("GET", "topology")).json()["wanted"] == {"nodes": 3, "max_nodes": 5}
    refused = await deployed.call("PUT", "topology", b'{"nodes": 6, "max_nodes": 5}')
    assert refused.status == 422
    assert (await deployed.call("DELETE", "topology")).json()["changed"] is True
    assert (await deployed.call("DELETE", "topology")).json()["changed"] is False
