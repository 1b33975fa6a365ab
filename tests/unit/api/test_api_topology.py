"""Calls about how large the cluster is to be."""

from dataclasses import replace
from typing import Any

from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import encode
from tests.api_world import ApiWorld
from tests.worlds import node_record

NODE_2 = NodeId("node-2")


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
