"""Load beyond the room of the nodes asks for a node, and gives it back when it has not been needed for long."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.forge import Forge, running_forge, wait_until
from e2e.scaled import BASE, CAPACITY_RPS, Clients, make_application, write_blueprint
from e2e.test_growth import standing

HIGH = 3.2 * CAPACITY_RPS
BY_HAND = ("node-1", "node-2", "node-3")
LINES = """
instances = 2
max_instances = 6
scaling = { target_utilisation = 0.75 }
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as made:
        yield Path(made)


def nodes_text(forge: Forge) -> str:
    told = forge.api(forge.leader(), "controller/status").json()["nodes"]
    return str(told["text"])


@pytest.mark.timeout(300)
def test_a_node_comes_with_the_load_and_goes_after_it(folder: Path) -> None:
    wheel = make_application(folder)
    with running_forge(5840, "--auto-heal", "3") as forge:
        for node in (1, 2, 3):
            forge.aether("config", "set", "node.capacity", "1", "--node", f"node-{node}")
        forge.aether("topology", "set", "--nodes", "3", "--max", "4")
        forge.aether("config", "set", "scaling.node_idle_s", "10")
        forge.aether("artifact", "push", str(wheel))
        blueprint = write_blueprint(folder, LINES)
        forge.aether("blueprint", "apply", str(blueprint), "--wait")
        for name, value in (("hold_s", "5"), ("down_interval_s", "2")):
            forge.aether("config", "set", f"scaling.{name}", value, "--slice", BASE)
        with Clients([forge.router(node) for node in (1, 2, 3)], HIGH) as clients:
            wait_until("a node is asked for", lambda: "node-4" in standing(forge, 1), 60)
            wait_until("on duty", lambda: standing(forge, 1)["node-4"] == "ON_DUTY", 60)
            wait_until("it carries load", lambda: hosts(forge, "node-4") >= 1, 60)
            assert origins(forge) == dict.fromkeys(BY_HAND, "by hand") | {"node-4": "provider"}
        assert clients.failures == []
        wait_until("nothing is there any more", lambda: "node-4" not in standing(forge, 1), 120)
        assert standing(forge, 1) == dict.fromkeys(BY_HAND, "ON_DUTY")
        assert "of the places are taken" in nodes_text(forge)
        for node in (1, 2, 3):
            forge.aether("config", "set", "node.capacity", "9", "--node", f"node-{node}")
        forge.aether("topology", "set", "--nodes", "2", "--max", "4")
        kept = "none is given back: joined by hand: kept: node-1, node-2, node-3"
        wait_until("nodes are kept", lambda: nodes_text(forge).endswith(kept), 90)
        assert standing(forge, 1) == dict.fromkeys(BY_HAND, "ON_DUTY")


def origins(forge: Forge) -> dict[str, str]:
    return {one["node"]: one["origin"] for one in forge.api(1, "nodes").json()["items"]}


def hosts(forge: Forge, node: str) -> int:
    told = forge.api(1, f"slices/{BASE}").json()
    return sum(one["node"] == node for one in told["instances"])
