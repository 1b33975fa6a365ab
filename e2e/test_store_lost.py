"""Disks and whole clusters are lost; an operator gets them back with the commands of the guide."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aether.api.members import SILENT_S
from e2e.forge import BIN, ROOT, call, wait_until
from e2e.plain import Nodes, plain_nodes

HELLO = "org.example:hello"
VALUE = "kept over everything"
RESTORED = "CLUSTER_RESTORED"


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with plain_nodes(21_000) as made:
        yield made


@pytest.fixture(scope="module")
def wheel(nodes: Nodes) -> Path:
    return build_wheel(nodes.folder / "wheels")


def build_wheel(out: Path) -> Path:
    command = [str(BIN / "aether"), "-o", "json", "slice", "build", "examples/asgi_app"]
    subprocess.run([*command, "--out", str(out)], cwd=ROOT, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def is_deployed(nodes: Nodes, number: int) -> bool:
    status, told = nodes.get(number, f"/api/v1/blueprints/{HELLO}/status")
    return status == 200 and told["state"] == "DEPLOYED"


def says_hello(nodes: Nodes, number: int) -> bool:
    return call(nodes.port(number, "router"), "GET", "/hello").status == 200


def holders_of(nodes: Nodes, number: int) -> set[str]:
    """Return the nodes that hold the wheel, as `aether artifact list` says."""
    (artifact,) = nodes.aether_json(number, "artifact", "list")
    return set(artifact["holders"])


def value_of(nodes: Nodes, number: int) -> str:
    status, told = nodes.get(number, "/api/v1/kv/app/org.example:kept/key")
    return str(told["value"]) if status == 200 else ""


@pytest.mark.timeout(300)
def test_a_lost_disk_a_lost_cluster_and_a_lost_quorum(nodes: Nodes, wheel: Path) -> None:
    for number in (1, 2, 3):
        nodes.start(number, joins=1, expect=3)
    for number in (1, 2, 3):
        nodes.wait_ready(number)
    nodes.aether(1, "artifact", "push", str(wheel))
    nodes.aether(1, "blueprint", "apply", "blueprints/asgi_app.toml", "--wait")
    nodes.aether(1, "kv", "put", "app/org.example:kept/key", VALUE)
    wait_until("three voters", lambda: nodes.has_voters(1, 1, 2, 3), 30)
    old_cluster = nodes.aether_json(1, "status")["cluster"]
    lost_disk(nodes)
    backup = nodes.folder / "shop.backup"
    taken = nodes.aether_json(2, "cluster", "backup", str(backup))
    assert taken["cluster"] == old_cluster
    wait_until("it is an event", lambda: events(nodes, 1, "BACKUP_*") == ["BACKUP_TAKEN"], 15)
    restored_cluster(nodes, wheel, backup, taken)
    lost_quorum(nodes)


def events(nodes: Nodes, number: int, types: str) -> list[str]:
    """Return the types of the events that a node tells, of those asked for."""
    status, answer = nodes.get(number, f"/api/v1/events?type={types}&limit=1000")
    return [event["type"] for event in answer["items"]] if status == 200 else []


def is_missed(nodes: Nodes) -> bool:
    """Whether a leader has not heard of n-3 for long; n-3 may have led, and then nobody knows yet."""
    silent_s = nodes.members(1).get("n-3", {}).get("silent_s")
    return silent_s is not None and silent_s > SILENT_S


def lost_disk(nodes: Nodes) -> None:
    """A node whose disk was lost joins again by itself, and votes."""
    nodes.kill(3)
    nodes.wipe(3)
    wait_until("it is missed", lambda: is_missed(nodes), 15)
    refused = nodes.aether(1, "cluster", "remove", "n-2", "--force", "because", code=4)
    assert "nothing could be written any more" in refused
    nodes.start(3, joins=1)
    took = wait_until("n-3 votes again", lambda: nodes.has_voters(1, 1, 2, 3), 60)
    print(f"a lost disk: voter again after {took:.1f} s")  # noqa: T201 - for whoever runs this with -s
    assert value_of(nodes, 3) == VALUE


def restored_cluster(nodes: Nodes, wheel: Path, backup: Path, taken: dict[str, object]) -> None:
    """Of the old cluster nothing is left but a backup, and one old node that turns up again."""
    for number in (1, 2, 3):
        nodes.kill(number)
    nodes.wipe(1)
    nodes.wipe(2)
    raft = f"127.0.0.1:{nodes.port(1, 'raft')}"
    where = ("--data-dir", str(nodes.data_dir(1)), "--node-id", "n-1", "--raft-address", raft)
    restored = nodes.aether_json(1, "cluster", "restore", str(backup), *where)
    assert restored["state_hash"] == taken["state_hash"]
    assert restored["cluster"] != taken["cluster"]
    assert "not empty" in nodes.aether(1, "cluster", "restore", str(backup), *where, code=4)

    nodes.start(1)
    nodes.wait_ready(1)
    wait_until(
        "the cluster has its new name",
        lambda: nodes.get(1, "/api/v1/status")[1]["cluster"] == restored["cluster"],
        15,
    )
    assert value_of(nodes, 1) == VALUE
    wait_until("it is an event", lambda: events(nodes, 1, RESTORED) == [RESTORED], 15)
    nodes.aether(1, "artifact", "push", str(wheel))
    wait_until("one node serves it", lambda: is_deployed(nodes, 1) and says_hello(nodes, 1), 60)

    nodes.start(2, joins=1)
    nodes.start(3, joins=1)  # with what it held before
    wait_until("n-2 votes", lambda: nodes.has_voters(1, 1, 2), 60)
    store_log = nodes.data_dir(3) / "logs" / "store.log"
    wait_until(
        "n-3 is refused",
        lambda: "wrong_cluster" in store_log.read_text(),
        30,
    )
    assert nodes.get(3, "/health/ready")[0] != 200
    assert set(nodes.members(1)) == {"n-1", "n-2"}
    nodes.kill(3)
    nodes.wipe(3)
    nodes.start(3, joins=1)
    wait_until("n-3 votes", lambda: nodes.has_voters(1, 1, 2, 3), 60)
    wait_until("n-3 serves it too", lambda: is_deployed(nodes, 3) and says_hello(nodes, 3), 60)
    nodes.aether(1, "cluster", "transfer", "n-2")
    assert nodes.members(3)["n-2"]["role"] == "leader"


def lost_quorum(nodes: Nodes) -> None:
    """Two of three are lost for ever; the third becomes a cluster of its own."""
    nodes.aether(1, "kv", "put", "app/org.example:kept/key", VALUE * 2)
    wait_until("all have it", lambda: nodes.has_voters(1, 1, 2, 3), 30)
    wait_until("n-2 holds the wheel", lambda: "n-2" in holders_of(nodes, 1), 30)
    at = ("--data-dir", str(nodes.data_dir(2)))
    assert "runs in" in nodes.aether(1, "cluster", "recover", *at, "--look", code=4)
    for number in (1, 2, 3):
        nodes.kill(number)
    nodes.wipe(1)
    looked = nodes.aether_json(2, "cluster", "recover", *at, "--look")
    assert looked["given_up"] == ["n-1", "n-3"]
    assert "nothing was changed" in nodes.aether(
        2, "cluster", "recover", *at, "--confirm", "yes", code=2
    )
    assert "--confirm CLUSTER_ID" in nodes.aether(2, "cluster", "recover", *at, code=2)
    told = nodes.aether(2, "cluster", "recover", *at, "--confirm", looked["cluster"])
    assert f"acknowledged after entry {looked['last_index']} of this member" in told
    assert "given up for ever: n-1, n-3" in told

    nodes.start(2)
    nodes.wait_ready(2)
    assert value_of(nodes, 2) == VALUE * 2
    wait_until("it is an event", lambda: RESTORED in events(nodes, 2, RESTORED), 15)
    nodes.start(1, joins=2)
    nodes.start(3, joins=2)  # with what it held before: it stays out
    wait_until("n-1 votes", lambda: nodes.has_voters(2, 1, 2), 60)
    assert nodes.get(3, "/health/ready")[0] != 200
    wait_until("served", lambda: is_deployed(nodes, 2) and says_hello(nodes, 1), 60)
