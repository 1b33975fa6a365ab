"""Members as the API shows and changes them."""

import json
from dataclasses import replace
from typing import Any

import msgspec

from aether.api.call import FORWARDED
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import encode
from aether.errors import NoQuorum, Unavailable
from aether.ports import ApiResponse
from tests.api_world import ApiWorld
from tests.worlds import node_record

NODE_2, NODE_3, NODE_4 = (NodeId(f"node-{n}") for n in (2, 3, 4))


def says(**said: Any) -> ApiResponse:
    return ApiResponse(status=200, body=msgspec.json.encode(said))


async def test_the_leader_tells_who_is_how_far_and_what_each_says_of_itself(
    world: ApiWorld,
) -> None:
    world.link.answers = {
        NODE_2: says(condition="disk_full", detail="no space", applied=70),
        NODE_3: ApiResponse(status=503),
    }
    world.group.silent_s[NODE_3] = 4.0
    told = (await world.call("GET", "cluster/members")).json()
    assert (told["seen_by"], told["leader"], told["term"]) == ("node-1", "node-1", 3)
    assert (told["voters"], told["quorum"], told["answering"], told["may_fail"]) == (3, 2, 2, 0)
    one, two, three, four = told["members"]
    assert (one["role"], one["condition"], one["match"], one["lag"]) == ("leader", "ok", 100, 0)
    assert (two["role"], two["condition"], two["detail"]) == ("voter", "disk_full", "no space")
    assert (two["match"], two["lag"], two["applied"], two["state"]) == (80, 20, 70, "replicate")
    assert (three["condition"], three["silent_s"]) == ("unreachable", 4.0)
    assert (four["role"], four["voter"], four["condition"]) == ("learner", False, "unreachable")
    assert "does not answer" in four["detail"]


async def test_another_node_asks_the_leader(world: ApiWorld) -> None:
    world.group.leader = NODE_2
    world.link.answers = {NODE_2: says(seen_by="node-2")}
    assert (await world.call("GET", "cluster/members")).json() == {"seen_by": "node-2"}
    (node, asked) = world.link.asked[0]
    assert (node, asked.headers[FORWARDED]) == (NODE_2, "node-1")


async def test_without_a_leader_a_node_tells_what_it_knows(world: ApiWorld) -> None:
    for leader in (None, NODE_2):
        world.group.leader = leader
        told = (await world.call("GET", "cluster/members")).json()
        assert (told["seen_by"], told["leader"]) == ("node-1", leader)
        assert (told["answering"], told["may_fail"]) == (1, -1)
        assert [member["match"] for member in told["members"]] == [100, None, None, None]


async def test_one_member_tells_of_itself_or_is_asked(world: ApiWorld) -> None:
    own = (await world.call("GET", "cluster/members/node-1")).json()
    assert (own["condition"], own["last_index"], own["commit"]) == ("ok", 100, 90)
    world.link.answers = {NODE_2: says(node="node-2", condition="quarantined")}
    other = (await world.call("GET", "cluster/members/node-2")).json()
    assert other["condition"] == "quarantined"
    again = await world.call("GET", "cluster/members/node-2", headers={FORWARDED: "node-3"})
    assert again.status == 503
    missing = await world.call("GET", "cluster/members/node-9")
    assert missing.status == 404
    assert "known: node-1, node-2" in missing.json()["detail"]


async def test_a_learner_is_promoted_and_a_voter_stays_one(world: ApiWorld) -> None:
    for node, changed in ((NODE_4, True), (NODE_2, False)):
        answer = await world.call("POST", f"cluster/members/{node}/promote")
        assert answer.json() == {"node": node, "changed": changed}
    assert world.group.changes == ["add node-4 True", "add node-2 True"]
    assert (await world.call("POST", "cluster/members/node-9/promote")).status == 404


async def test_a_worker_is_not_promoted(world: ApiWorld) -> None:
    worker = replace(node_record(NODE_4), role="worker")
    await world.put({keys.node(NODE_4): encode(worker)})
    refused = await world.call("POST", f"cluster/members/{NODE_4}/promote")
    assert (refused.status, refused.json()["code"]) == (409, "conflict")
    assert "node-4 is a worker and never votes" in refused.json()["detail"]
    assert world.group.changes == []


async def test_a_dead_voter_and_a_learner_are_removed_without_ado(world: ApiWorld) -> None:
    world.group.silent_s[NODE_3] = 60.0
    answer = (await world.call("DELETE", "cluster/members/node-3")).json()
    assert answer["before"] == {"voters": 3, "quorum": 2, "answering": 2, "may_fail": 0}
    assert answer["after"] == {"voters": 2, "quorum": 2, "answering": 2, "may_fail": 0}
    assert (await world.call("DELETE", "cluster/members/node-4")).status == 200
    assert world.group.changes == ["remove node-3", "remove node-4"]


async def test_the_last_spare_voter_is_removed_only_with_a_reason(world: ApiWorld) -> None:
    refused = await world.call("DELETE", "cluster/members/node-3")
    assert (refused.status, refused.json()["code"]) == (409, "quorum_at_risk")
    assert "without node-3, 2 of 2 voters answer and 2 make a quorum" in refused.json()["detail"]
    assert (refused.json()["before"]["may_fail"], refused.json()["after"]["may_fail"]) == (1, 0)
    assert world.group.changes == []
    answer = await world.call("DELETE", "cluster/members/node-3?force=moving%20house")
    assert (answer.status, answer.json()["force"]) == (200, "moving house")
    assert world.group.changes == ["remove node-3"]


async def test_no_reason_is_good_enough_to_lose_the_quorum(world: ApiWorld) -> None:
    world.group.silent_s[NODE_3] = 60.0
    answer = await world.call("DELETE", "cluster/members/node-2?force=because")
    assert (answer.status, answer.json()["code"]) == (409, "quorum_at_risk")
    assert "nothing could be written any more" in answer.json()["detail"]
    assert world.group.changes == []


async def test_what_the_group_refuses_is_told(world: ApiWorld) -> None:
    world.group.problem = NoQuorum("node-4 does not keep up with the log yet (lagging)")
    answer = await world.call("POST", "cluster/members/node-4/promote")
    assert (answer.status, answer.json()["code"]) == (503, "no_quorum")
    world.group.problem = Unavailable("node-2 did not take over")
    assert (await world.call("POST", "cluster/leader")).status == 503


async def test_leadership_goes_to_whom_it_is_meant_for(world: ApiWorld) -> None:
    answer = await world.call("POST", "cluster/leader", b'{"node": "node-3"}')
    assert answer.json() == {"before": "node-1", "leader": "node-3"}
    assert (await world.call("POST", "cluster/leader")).json()["leader"] == "node-2"
    assert (await world.call("POST", "cluster/leader", b'{"node": "node-9"}')).status == 404
    assert (await world.call("POST", "cluster/leader", b'{"node": "No Node"}')).status == 422
    unknown = await world.call("POST", "cluster/leader", json.dumps({"nodes": 1}).encode())
    assert unknown.status == 422
    assert world.group.changes == ["transfer node-3", "transfer None"]
