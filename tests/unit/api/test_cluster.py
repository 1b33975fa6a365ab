"""Calls about the cluster as a whole."""

from tests.api_world import NODE, ApiWorld
from tests.worlds import SHOP


async def test_health(world: ApiWorld) -> None:
    assert (await world.call("GET", "/health/live")).status == 200
    assert (await world.call("GET", "/health/ready")).status == 200
    world.not_ready = ["no leader is known"]
    answer = await world.call("GET", "/health/ready")
    assert answer.status == 503
    assert answer.json()["reasons"] == ["no leader is known"]
    assert answer.headers["retry-after"] == "1"


async def test_status(deployed: ApiWorld) -> None:
    status = (await deployed.call("GET", "status")).json()
    assert status["cluster"] == "c-1"
    assert (status["node"], status["leader"], status["epoch"]) == ("node-1", "node-1", 1)
    assert status["nodes"] == {"ON_DUTY": 2}
    assert status["blueprints"] == {"DEPLOYED": 1}
    assert status["instances"] == {"wanted": 1, "active": 1}
    assert status["revision"] == deployed.store.revision


async def test_status_needs_no_quorum_but_a_fresh_read_does(deployed: ApiWorld) -> None:
    deployed.oracle.cut_off(NODE)
    status = await deployed.call("GET", "status")
    assert status.status == 200
    assert status.json()["leader"] is None
    assert (await deployed.call("GET", "nodes?consistency=stale")).status == 200


async def test_routes(deployed: ApiWorld) -> None:
    assert (await deployed.call("GET", "routes")).json()["items"] == [
        {
            "method": "GET",
            "pattern": "/shop",
            "slice": SHOP,
            "timeout_s": 5.0,
            "body_limit": 10,
            "host": "",
            "attempts": 3,
            "hedge_after_s": 0.0,
            "rate": 0.0,
            "burst": 0,
            "auth": "",
            "api_version": "",
            "deprecated": "",
            "sunset": "",
            "generation": 0,
            "active": 1,
        }
    ]
