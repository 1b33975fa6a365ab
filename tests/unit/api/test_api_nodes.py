"""Calls about nodes."""

from tests.api_world import SHOP_1, ApiWorld


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
    missing = await deployed.call("GET", "nodes/node-9")
    assert missing.status == 404
    assert "node-1, node-2" in str(missing.json()["detail"])
    assert (await deployed.call("GET", "nodes/No%20Node")).status == 422
