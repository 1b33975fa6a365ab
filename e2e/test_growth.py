"""A cluster that grows by workers, and one that heals itself by new nodes."""

import time
from collections.abc import Iterator

import pytest

from e2e.forge import EXAMPLES, Forge, call, running_forge, wait_until
from e2e.plain import Nodes, plain_nodes
from e2e.test_store_lost import build_wheel, is_deployed, says_hello


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with plain_nodes(27_000) as made:
        yield made


def standing(forge: Forge, node: int) -> dict[str, str]:
    """Return the verdict on each node, as `node` knows."""
    items = forge.api(node, "nodes").json()["items"]
    return {item["node"]: item["verdict"] for item in items}


def serves(forge: Forge, node: int) -> bool:
    return call(forge.router(node), "GET", "/hello").status == 200


@pytest.mark.timeout(300)
def test_a_node_that_is_lost_for_good_is_replaced() -> None:
    with running_forge(23_000, *EXAMPLES, "--auto-heal", "3") as forge:
        forge.wait_deployed(1, 60)
        lost = forge.leader()
        (asked, *_) = [node for node in (1, 2, 3) if node != lost]
        began = time.monotonic()
        forge.command("kill", f"node-{lost}")
        wait_until("node-4 on duty", lambda: standing(forge, asked).get("node-4") == "ON_DUTY", 90)
        appeared = time.monotonic() - began
        wait_until("instances on node-4", lambda: "node-4" in forge.placed(asked), 60)
        forge.wait_deployed(asked, 60)
        wait_until("node-4 serves", lambda: serves(forge, 4), 30)
        whole = time.monotonic() - began
        print(f"a lost node: replaced after {appeared:.1f} s, all serves after {whole:.1f} s")  # noqa: T201 - for whoever runs this with -s
        assert standing(forge, asked)[f"node-{lost}"] == "LOST"
        assert set(standing(forge, asked)) == {"node-1", "node-2", "node-3", "node-4"}
        provisions = forge.api(asked, "kv?prefix=provision/").json()
        assert provisions["items"] == []


@pytest.mark.timeout(300)
def test_workers_serve_and_cost_no_quorum(nodes: Nodes) -> None:
    for number in (1, 2, 3):
        nodes.start(number, joins=1, expect=3)
    for number in (4, 5):
        nodes.start(number, joins=1, flags=("--role", "worker"))
    for number in (1, 2, 3, 4, 5):
        nodes.wait_ready(number)
    nodes.aether(1, "artifact", "push", str(build_wheel(nodes.folder / "wheels")))
    nodes.aether(1, "blueprint", "apply", "blueprints/asgi_app.toml", "--wait")
    wait_until("all serve", lambda: all(says_hello(nodes, n) for n in range(1, 6)), 30)
    wait_until("three vote", lambda: voters(nodes, 1) == {"n-1", "n-2", "n-3"}, 30)
    assert set(nodes.members(1)) == {f"n-{number}" for number in range(1, 6)}
    before = nodes.get(1, "/api/v1/cluster/members")[1]["may_fail"]
    nodes.kill(4)
    nodes.kill(5)
    wait_until("deployed without them", lambda: is_deployed(nodes, 1), 60)
    assert nodes.get(1, "/api/v1/cluster/members")[1]["may_fail"] == before
    assert voters(nodes, 1) == {"n-1", "n-2", "n-3"}
    nodes.start(4, joins=1, flags=("--role", "worker"))
    nodes.wait_ready(4)
    assert not nodes.members(1)["n-4"]["voter"], "it came back and asks for no vote"


def voters(nodes: Nodes, number: int) -> set[str]:
    return {node for node, member in nodes.members(number).items() if member["voter"]}
