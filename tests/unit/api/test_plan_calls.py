"""Calls that answer with a plan and change nothing."""

from tests.api_world import BLUEPRINT, SHOP_1, ApiWorld
from tests.worlds import APP, SHOP, nodes, with_artifact


async def test_the_plan_of_a_first_blueprint(world: ApiWorld) -> None:
    await world.hold(with_artifact(nodes("node-1", "node-2"), SHOP_1))
    before = world.store.revision
    body = BLUEPRINT.replace("max_instances = 5", "instances = 2\nmax_instances = 5")
    answer = await world.call("POST", "blueprints/plan", body.encode())
    assert answer.status == 200
    plan = answer.json()
    assert (plan["id"], plan["changed"], plan["converged"]) == (f"{APP}:1.0.0", True, True)
    assert [step["verb"] for step in plan["steps"]] == [
        "TARGET", "LOAD", "LOAD", "ACTIVATE", "ACTIVATE",
    ]  # fmt: skip
    assert plan["placements"] == {"node-1": [f"{SHOP_1}/0"], "node-2": [f"{SHOP_1}/1"]}
    assert plan["slices"][0]["after"] == {"version": "1.0.0", "wanted": 2, "active": 2}
    assert world.store.revision == before


async def test_a_blueprint_that_may_not_be_applied_has_no_plan(deployed: ApiWorld) -> None:
    unknown = BLUEPRINT.replace("1.0.0", "1.0.1").encode()
    assert (await deployed.call("POST", "blueprints/plan", unknown)).status == 422
    assert (await deployed.call("POST", "blueprints/plan", b"id = ")).status == 400
    assert (await deployed.call("POST", "blueprints/plan", b"#" * 600_000)).status == 413


async def test_the_plan_of_another_number_of_instances(deployed: ApiWorld) -> None:
    path = f"slices/{SHOP}/scale/plan"
    plan = (await deployed.call("POST", path, b'{"instances": 3}')).json()
    assert plan["base"] == SHOP
    assert plan["slices"][0]["after"]["active"] == 3
    assert len(plan["digest"]) == 64
    assert (await deployed.call("POST", path, b'{"instances": 101}')).status == 422
    assert (await deployed.call("POST", path, b'{"instances": "x"}')).status == 422
    assert (await deployed.call("POST", "slices/a:b/scale/plan", b'{"instances": 1}')).status == 404
    assert (await deployed.call("GET", f"slices/{SHOP}")).json()["wanted"] == 1


async def test_the_plan_of_a_deletion(deployed: ApiWorld) -> None:
    path = f"blueprints/{APP}/delete/plan"
    plan = (await deployed.call("POST", path)).json()
    assert plan["id"] == APP
    assert plan["placements"] == {"node-1": [], "node-2": []}
    assert "DROP ROUTE GET /shop" in [step["verb"] for step in plan["steps"]]
    purged = (await deployed.call("POST", f"{path}?purge_data=true")).json()
    assert purged["placements"] == plan["placements"]
    assert (await deployed.call("POST", "blueprints/a:b/delete/plan")).status == 404
    assert (await deployed.call("GET", f"blueprints/{APP}/status")).json()["state"] == "DEPLOYED"


async def test_a_follower_has_the_leader_plan(follower: ApiWorld) -> None:
    await follower.hold(with_artifact(nodes("node-1"), SHOP_1))
    answer = await follower.call("POST", "blueprints/plan", BLUEPRINT.encode())
    assert answer.status == 503
    assert follower.link.asked[0][0] == "node-0"
