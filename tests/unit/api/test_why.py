from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from aether.api.why import naming
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.plan import Plan
from aether.core.model.reason import Reason
from aether.core.model.records import Dependency, Verdict, VerdictRecord, encode
from aether.core.model.view import ClusterView
from aether.core.store.commands import Applied, Delete, Put, Txn
from aether.core.store.machine import KvMachine
from aether.ports import ApiResponse, Member
from tests.api_world import ApiWorld
from tests.worlds import (
    APP,
    SHOP,
    STOCK,
    fact,
    nodes,
    spec,
    target,
    wish,
    with_blueprint,
    with_instance,
)


def deployed() -> ClusterView:
    """Three nodes and a slice of two instances."""
    view = with_blueprint(nodes("node-1", "node-2", "node-3"), spec(f"{SHOP}:1.0.0", 2))
    view = replace(view, targets={SHOP: target(instances=2)})
    for number, node in enumerate(("node-1", "node-2")):
        view = with_instance(view, node, f"{SHOP}:1.0.0/{number}", wish(), fact())
    return view


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    made = ApiWorld()
    await made.start()
    await made.hold(deployed())
    await made.record()
    yield made
    await made.stop()


async def decide(world: ApiWorld, key: str, value: bytes | None, reason: Reason) -> int:
    operation = Delete(key) if value is None else Put(key, value)
    outcome = await world.store.txn(Txn((operation,), reason))
    assert isinstance(outcome, Applied)
    return outcome.revision


def judged(verdict: Verdict) -> bytes:
    return encode(VerdictRecord(verdict=verdict, incarnation="life-1"))


SILENT = Reason(
    "leader:node-1",
    "judge",
    "node-2 was silent for 3 s",
    {"silent_s": "3.0", "decision": "SUSPECT"},
    {"wait": "too long"},
)


async def test_a_node_is_told_of_with_each_decision_about_it(world: ApiWorld) -> None:
    world.now_s += 60
    revision = await decide(world, keys.verdict(NodeId("node-2")), judged(Verdict.SUSPECT), SILENT)
    answer = (await world.call("GET", "nodes/node-2/why")).json()
    assert answer["subject"] == "node/node-2"
    assert answer["now"]["sentences"][0].startswith("node-2 is SUSPECT")
    assert answer["decisions"][0] == {
        "revision": revision,
        "time": "2023-11-14T22:14:20.000Z",
        "actor": "leader:node-1",
        "rule": "judge",
        "text": "node-2 was silent for 3 s",
        "inputs": {"silent_s": 3.0, "decision": "SUSPECT"},
        "rejected": {"wait": "too long"},
        "keys": [{"key": "verdict/node-2", "deleted": False}],
    }
    assert answer["chronicle"]["first"] == revision - 1
    assert answer["chronicle"]["since"] == "2023-11-14T22:13:20.000Z"


async def test_what_the_leader_waits_for_is_told_when_it_names_the_subject(world: ApiWorld) -> None:
    mine, other = f"{SHOP} waits for node-1", "node-10 is being drained"
    world.last_plan = Plan(waiting=(mine, other))
    now = (await world.call("GET", f"slices/{SHOP}/why")).json()["now"]
    assert now["waiting"] == [mine]
    assert now["sentences"][0].startswith(f"{SHOP} 1.0.0:")
    assert (await world.call("GET", "nodes/node-1/why")).json()["now"]["waiting"] == [mine]


async def test_what_a_slice_has_to_do_without_is_told(world: ApiWorld) -> None:
    needs = (Dependency(slice=STOCK),)
    wanted = replace(target(instances=2), dependencies=needs, on_dependency_loss="degrade")
    await world.put({keys.target(SHOP): encode(wanted)})
    told = f"{SHOP} serves without {STOCK}, which has no active instance"
    for path in (f"slices/{SHOP}/why", f"blueprints/{APP}/why"):
        now = (await world.call("GET", path)).json()["now"]
        assert now["sentences"].count(told) == 1, now


async def test_a_leader_elsewhere_is_asked(world: ApiWorld) -> None:
    body = b'{"waiting": ["node-1 is nearly full"]}'
    world.link.answer = ApiResponse(status=200, body=body)
    lead_elsewhere(world)
    now = (await world.call("GET", "nodes/node-1/why")).json()["now"]
    assert (now["leader"], now["waiting"]) == ("node-2", ["node-1 is nearly full"])
    leader, request = world.link.asked[-1]
    assert (leader, request.path) == ("node-2", "/api/v1/controller/plan")
    world.link.answer = None
    now = (await world.call("GET", "nodes/node-1/why")).json()["now"]
    assert "does not say what it waits for" in now["problem"]


def lead_elsewhere(world: ApiWorld) -> None:
    node = NodeId("node-2")
    world.oracle.member(Member(node, "node-2:1"), KvMachine())
    world.oracle.reconnect(node)
    world.oracle.hand_over(node)


async def test_without_a_leader_that_is_said(world: ApiWorld) -> None:
    world.oracle.cut_off(NodeId("node-1"))
    path = "nodes/node-1/why?consistency=stale"
    answer = await world.call("GET", path)
    assert answer.status == 200
    assert "no leader is known" in answer.json()["now"]["problem"]


async def test_the_past_is_told_as_it_was(world: ApiWorld) -> None:
    key = keys.verdict(NodeId("node-2"))
    first = await decide(world, key, judged(Verdict.SUSPECT), SILENT)
    await decide(world, key, judged(Verdict.LOST), SILENT)
    answer = (await world.call("GET", f"nodes/node-2/why?at={first}")).json()
    assert answer["at"] == first
    assert answer["now"]["sentences"][0].startswith("node-2 is SUSPECT")
    assert "waiting" not in answer["now"]
    assert [one["revision"] for one in answer["decisions"]] == [first]


async def test_a_blueprint_is_told_of_with_its_slices(world: ApiWorld) -> None:
    revision = await decide(world, keys.target(SHOP), None, SILENT)
    answer = (await world.call("GET", f"blueprints/{APP}/why")).json()
    assert [one["revision"] for one in answer["decisions"]] == [revision]
    assert answer["now"]["sentences"][0].startswith(f"{APP} is ")


async def test_long_stories_come_in_pages(world: ApiWorld) -> None:
    key = keys.verdict(NodeId("node-2"))
    revisions = [
        await decide(world, key, judged(Verdict.SUSPECT), Reason("a", "judge", str(number)))
        for number in range(5)
    ]
    seen: list[int] = []
    cursor = ""
    for _ in range(3):
        path = f"nodes/node-2/why?limit=2{cursor and f'&cursor={cursor}'}"
        answer = (await world.call("GET", path)).json()
        seen += [one["revision"] for one in answer["decisions"]]
        cursor = answer["next"]
    assert seen == revisions[::-1]
    assert cursor is None


async def test_what_never_was_is_not_found(world: ApiWorld) -> None:
    for path in ("nodes/node-9/why", "slices/org.example:none/why", "blueprints/a:b/why"):
        answer = await world.call("GET", path)
        assert answer.status == 404
        assert "tells of none" in answer.json()["detail"]
    rollout = await world.call("GET", "rollouts/r-1/why")
    assert (rollout.status, "no roll-outs" in rollout.json()["detail"]) == (404, True)


async def test_what_is_gone_is_told_of_while_the_chronicle_reaches(world: ApiWorld) -> None:
    revision = await decide(world, keys.node(NodeId("node-3")), None, SILENT)
    answer: dict[str, Any] = (await world.call("GET", "nodes/node-3/why")).json()
    assert answer["now"]["sentences"] == ["there is no node node-3"]
    assert answer["decisions"][0]["revision"] == revision


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("node-1 is full", True),
        ("node-10 is full", False),
        ("my-node-1 is full", False),
        ("nothing fits on node-1", True),
        ("node-1: full", True),
    ],
)
def test_a_name_is_not_part_of_another(text: str, named: bool) -> None:
    assert (naming([text], ["node-1"]) == [text]) is named


def test_an_instance_names_its_slice() -> None:
    text = "g:a:1.0.0/3 starts slowly"
    assert naming([text], ["g:a"]) == [text]
    assert naming([text], ["g:ab", "x.g:a"]) == []
