"""Changes made only while their outcome is the planned one."""

from dataclasses import replace

import pytest

from aether.api.plans import MOST_GUARDS, PlanChanged, check_plan, plan_answer
from aether.core.control.admission import Admitted
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import Verdict, VerdictRecord, encode
from aether.core.model.view import ClusterView
from aether.core.store.commands import MAX_OPERATIONS, Guard, Put, Txn
from aether.core.store.limits import txn_problem
from tests.api_world import BLUEPRINT, SHOP_1, ApiWorld
from tests.worlds import APP, SHOP, nodes, target, with_artifact

UNKNOWN = "0" * 64


async def plan_of(world: ApiWorld, path: str, body: bytes) -> str:
    answer = await world.call("POST", path, body)
    assert answer.status == 200, answer.body
    return str(answer.json()["digest"])


async def test_a_blueprint_is_applied_as_planned(world: ApiWorld) -> None:
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    body = BLUEPRINT.encode()
    digest = await plan_of(world, "blueprints/plan", body)
    assert await world.store.get(keys.blueprint(APP)) is None
    applied = await world.call("POST", f"blueprints?plan={digest}", body)
    assert (applied.status, applied.json()["changed"]) == (200, True)
    again = await world.call("POST", f"blueprints?plan={digest}", body)
    assert (again.status, again.json()["changed"]) == (200, False)


async def test_it_is_refused_when_the_cluster_is_another_and_nothing_changes(
    world: ApiWorld,
) -> None:
    await world.hold(with_artifact(nodes("node-1", "node-2"), SHOP_1))
    body = BLUEPRINT.encode()
    digest = await plan_of(world, "blueprints/plan", body)
    lost = VerdictRecord(verdict=Verdict.LOST, incarnation="life-1")
    await world.put({keys.verdict(NodeId("node-1")): encode(lost)})
    before = world.store.revision
    refused = await world.call("POST", f"blueprints?plan={digest}", body)
    assert (refused.status, refused.json()["code"]) == (409, "plan_changed")
    problems = refused.json()["problems"]
    assert f"not planned, and would happen now: {SHOP}: LOAD {SHOP_1}/0 on node-2" in problems
    assert f"planned, and would not happen now: {SHOP}: LOAD {SHOP_1}/0 on node-1" in problems
    assert refused.json()["digest"] == await plan_of(world, "blueprints/plan", body)
    assert world.store.revision == before


async def test_a_plan_this_leader_does_not_know_and_what_is_no_digest(deployed: ApiWorld) -> None:
    path, body = f"slices/{SHOP}/scale", b'{"instances": 2}'
    refused = await deployed.call("POST", f"{path}?plan={UNKNOWN}", body)
    assert (refused.status, refused.json()["code"]) == (409, "plan_changed")
    assert "was not made by this leader" in refused.json()["problems"][0]
    for text in ("short", "0" * 63 + "G", ""):
        answer = await deployed.call("POST", f"{path}?plan={text}", body)
        assert answer.status == 422, text
    assert (await deployed.call("GET", f"slices/{SHOP}")).json()["wanted"] == 1


async def test_scaling_and_deleting_as_planned(deployed: ApiWorld) -> None:
    scale, body = f"slices/{SHOP}/scale", b'{"instances": 3}'
    digest = await plan_of(deployed, f"{scale}/plan", body)
    assert (
        await deployed.call("POST", f"{scale}?plan={digest}", b'{"instances": 4}')
    ).status == 409
    assert (await deployed.call("POST", f"{scale}?plan={digest}", body)).status == 200
    delete = await plan_of(deployed, f"blueprints/{APP}/delete/plan", b"")
    assert (await deployed.call("DELETE", f"blueprints/{APP}?plan={digest}")).status == 409
    assert (await deployed.call("DELETE", f"blueprints/{APP}?plan={delete}")).status == 200


def held() -> ClusterView:
    view = with_artifact(nodes("node-1", "node-2"), SHOP_1)
    revisions = {keys.verdict(node): 5 for node in view.nodes}
    revisions |= {keys.target(SHOP): 7, keys.blueprint(APP): 6, "route/GET /shop": 2}
    return replace(view, targets={SHOP: target()}, revisions=revisions)


async def test_the_answer_carries_what_the_caller_adds(world: ApiWorld) -> None:
    change = Admitted((Put(keys.target(SHOP), encode(target(instances=2))),), (), "two of it")
    answer = await plan_answer(world.context, held(), change, {"quorum": {"may_fail": 1}})
    assert answer["quorum"] == {"may_fail": 1}
    assert (answer["summary"], answer["changed"]) == ("two of it", True)
    assert "outline" not in answer
    assert answer["pace"]["load_s"] > 0
    assert answer["below_budget"] == []


async def test_a_plan_that_holds_guards_what_it_depends_on(world: ApiWorld) -> None:
    guard = Guard(keys.target(SHOP), 7)
    change = Admitted((Put(keys.target(SHOP), encode(target(instances=2))),), (guard,), "two")
    digest = (await plan_answer(world.context, held(), change))["digest"]
    assert await check_plan(world.context, held(), change, digest) == (
        Guard("verdict/node-1", 5),
        Guard("verdict/node-2", 5),
        Guard(keys.blueprint(APP), 6),
    )
    many = replace(held(), revisions={f"wanted/n/{number:04d}": 1 for number in range(900)})
    assert len(await check_plan(world.context, many, change, digest)) == MOST_GUARDS


async def test_a_change_of_five_hundred_slices_still_fits_one_transaction(world: ApiWorld) -> None:
    own = tuple(Guard(f"artifact/org.example:s{number}:1.0.0", 1) for number in range(503))
    change = Admitted((Put(keys.target(SHOP), encode(target(instances=2))),), own, "many")
    many = replace(held(), revisions={f"verdict/n{number:04d}": 5 for number in range(50)})
    digest = (await plan_answer(world.context, many, change))["digest"]
    guards = await check_plan(world.context, many, change, digest)
    assert len(guards) == MAX_OPERATIONS - len(own)
    assert guards[0] == Guard("verdict/n0000", 5)
    txn = Txn(then=change.then, guards=(*own, *guards), reason=Reason("test", "test", "many"))
    assert txn_problem(txn) is None


async def test_a_plan_that_does_not_hold_raises(world: ApiWorld) -> None:
    change = Admitted((Put(keys.target(SHOP), encode(target(instances=2))),), (), "two")
    with pytest.raises(PlanChanged) as refused:
        await check_plan(world.context, held(), change, UNKNOWN)
    assert "outcome would not be that of plan 000000000000" in refused.value.message


@pytest.mark.parametrize("text", ["", "12", "0" * 63 + "G", "0A" * 32])
async def test_what_is_no_digest_is_refused_before_anything_is_decided(
    deployed: ApiWorld, text: str
) -> None:
    """Also where the change would be none, and where a plan is asked of a node that is not there."""
    before = deployed.store.revision
    calls = [
        ("POST", f"slices/{SHOP}/scale", b'{"instances": 1}'),
        ("POST", "nodes/node-9/drain", b""),
        ("POST", "nodes/node-9/shutdown", b""),
        ("DELETE", "nodes/node-9", b""),
        ("POST", "blueprints", BLUEPRINT.encode()),
        ("DELETE", f"blueprints/{APP}", b""),
        ("POST", f"blueprints/{APP}/history/1/apply", b""),
    ]
    for method, path, body in calls:
        answer = await deployed.call(method, f"{path}?plan={text}", body)
        assert answer.status == 422, (path, answer.body)
        assert "no digest of a plan" in answer.json()["detail"], path
    assert deployed.store.revision == before
