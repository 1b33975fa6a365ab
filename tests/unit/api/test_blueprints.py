"""Calls about blueprints."""

import pytest

from aether.core.model import keys
from tests.api_world import BLUEPRINT, SHOP_1, ApiWorld
from tests.worlds import APP, SHOP, nodes, with_artifact


async def test_blueprint_reads(deployed: ApiWorld) -> None:
    listed = (await deployed.call("GET", "blueprints")).json()["items"]
    assert listed == [
        {
            "id": f"{APP}:1.0.0",
            "generation": 1,
            "state": "DEPLOYED",
            "slices": 1,
            "wanted": 1,
            "active": 1,
        }
    ]
    assert (await deployed.call("GET", f"blueprints/{APP}")).json()["generation"] == 1
    status = (await deployed.call("GET", f"blueprints/{APP}/status")).json()
    assert status["state"] == "DEPLOYED"
    assert status["slices"][0]["instances"][0]["node"] == "node-1"
    for path in ("blueprints/a:b", "blueprints/a:b/status"):
        assert (await deployed.call("GET", path)).status == 404
    assert (await deployed.call("GET", "blueprints/nonsense")).status == 422


@pytest.mark.parametrize("as_json", [False, True])
async def test_apply_writes_one_blueprint_with_its_reason(world: ApiWorld, as_json: bool) -> None:
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    changes = world.store.watch(keys.BLUEPRINTS, world.store.revision)
    body, headers = BLUEPRINT.encode(), {"x-request-id": "r-1"}
    if as_json:
        body = b'{"toml": "' + BLUEPRINT.replace("\n", "\\n").replace('"', '\\"').encode() + b'"}'
        headers["content-type"] = "application/json; charset=utf-8"
    answer = await world.call("POST", "blueprints", body, headers)
    assert (answer.status, answer.json()["changed"]) == (200, True)
    change = await anext(changes)
    assert change.reason.actor == "api:anonymous"
    assert change.reason.rule == "api.blueprint.apply"
    assert change.reason.inputs["request"] == "r-1"
    again = (await world.call("POST", "blueprints", body, headers)).json()
    assert again["changed"] is False
    assert again["revision"] == world.store.revision == change.revision


async def test_apply_refuses_with_all_problems_and_changes_nothing(deployed: ApiWorld) -> None:
    before = deployed.store.revision
    bad = await deployed.call("POST", "blueprints?source=b.toml", b'id = "x"\n[[slices]]\nx = 1\n')
    assert bad.status == 422
    assert bad.json()["code"] == "blueprint_invalid"
    assert len(bad.json()["problems"]) == 3
    assert "b.toml:3:1: slices[0].x" in str(bad.json()["problems"])
    unknown = BLUEPRINT.replace("1.0.0", "1.0.1")
    assert (await deployed.call("POST", "blueprints", unknown.encode())).status == 422
    foreign = BLUEPRINT.replace(APP, "org.example:other")
    conflict = await deployed.call("POST", "blueprints", foreign.encode())
    assert (conflict.status, conflict.json()["code"]) == (409, "conflict")
    for body, headers in (
        (b"id = ", {}),
        (b"\xff", {}),
        (b"{", {"content-type": "application/json"}),
    ):
        malformed = await deployed.call("POST", "blueprints", body, headers)
        assert (malformed.status, malformed.json()["code"]) == (400, "malformed")
    assert (await deployed.call("POST", "blueprints", b"#" * 300_000)).status == 413
    assert (await deployed.call("POST", "blueprints", b"#" * 600_000)).status == 413
    assert deployed.store.revision == before


async def test_validate_changes_nothing(world: ApiWorld) -> None:
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    before = world.store.revision
    good = await world.call("POST", "blueprints/validate", BLUEPRINT.encode())
    assert (good.status, good.json()["valid"]) == (200, True)
    bad = await world.call(
        "POST", "blueprints/validate", BLUEPRINT.replace("shop", "shpo").encode()
    )
    assert bad.status == 422
    (problem,) = bad.json()["problems"]
    assert problem.startswith("blueprint:3:1: slices[0].artifact: ")
    assert f"did you mean {SHOP_1}?" in problem
    assert world.store.revision == before


async def test_delete_of_a_blueprint(deployed: ApiWorld) -> None:
    answer = await deployed.call("DELETE", f"blueprints/{APP}?purge_data=true")
    assert (answer.status, answer.json()["changed"]) == (200, True)
    assert await deployed.store.get(keys.blueprint(APP)) is None
    assert b'"purge":true' in (await deployed.store.get(keys.target(SHOP))).value  # type: ignore[union-attr] # it is there
    status = (await deployed.call("GET", f"blueprints/{APP}/status")).json()
    assert status["state"] == "REMOVING"
    assert (await deployed.call("DELETE", f"blueprints/{APP}")).status == 404
    assert (await deployed.call("DELETE", f"blueprints/{APP}?purge_data=perhaps")).status == 422
