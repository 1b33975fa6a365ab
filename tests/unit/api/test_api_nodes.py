"""Calls about nodes."""

import pytest

from aether.api.call import FORWARDED
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.provision_records import ProvisionedRecord
from aether.core.model.records import DrainOrder, EpochRecord, Verdict, VerdictRecord, encode
from aether.ports import ApiResponse
from tests.api_world import NODE, SHOP_1, ApiWorld
from tests.worlds import node_record

NODE_2 = NodeId("node-2")


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


async def test_how_a_node_came_is_told(deployed: ApiWorld) -> None:
    await deployed.put({keys.provisioned(NODE_2): encode(ProvisionedRecord(node=NODE_2))})
    items = (await deployed.call("GET", "nodes")).json()["items"]
    assert isinstance(items, list)
    assert [item["origin"] for item in items] == ["by hand", "provider"]


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


async def test_of_the_past_the_leader_of_then_is_told(deployed: ApiWorld) -> None:
    await deployed.record()
    await deployed.put({keys.EPOCH: encode(EpochRecord(leader=NODE_2, epoch=2))})
    then = deployed.store.revision
    await deployed.put({keys.EPOCH: encode(EpochRecord(leader=NODE, epoch=3))})
    for at, leads in ((f"?at={then}", [False, True]), ("", [True, False])):
        items = (await deployed.call("GET", f"nodes{at}")).items()
        assert [item["leader"] for item in items] == leads, at
        assert (await deployed.call("GET", f"nodes/node-2{at}")).json()["leader"] is leads[1]
