"""What is done to a cluster costs no request: 200 a second on connections kept alive, a fifth of them writes.

A request goes out when its time has come, not when the one before was answered in good time, and one that fails is
not repeated by the client.
"""

import asyncio
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from aether_forge import control
from aether_forge.layout import Layout
from e2e.forge import EXAMPLES, ROOT, SHORTENER, Forge, running_forge, wait_until
from e2e.load import Load, Steady

ALL = (1, 2, 3)
RATE = 200.0
CHANGE_S = 60.0
LINKS = "org.example:links"
HELLO = "org.example:hello"
IN_HAND = 3
"""Writes one machine carries out at a time: 40 a second among three machines, a few ms each, on a slow day 200."""
SECOND_S = 200
"""Requests of a second."""


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    with running_forge(22_000, *EXAMPLES) as cluster:
        cluster.wait_deployed(1, CHANGE_S)
        yield cluster


@contextmanager
def no_request_fails(forge: Forge, routers: Sequence[int] = ALL) -> Iterator[Load]:
    """Load the routers of these nodes from a second before until two seconds after what is done inside."""
    wait_until("whole", lambda: is_whole(forge), CHANGE_S)
    with Load([forge.router(number) for number in routers], RATE) as load:
        load.wait_for_requests(SECOND_S, 30)
        yield load
        load.wait_for_requests(2 * SECOND_S, 30)
    print(f"{load.outcome.done} requests, failed {len(load.outcome.failures)}")  # noqa: T201 - figures for whoever runs this with -s
    assert load.outcome.failures == []
    assert load.outcome.acknowledged, "nothing was written"


def is_whole(forge: Forge) -> bool:
    return all(
        item["verdict"] == "ON_DUTY" for item in forge.api(1, "nodes").json()["items"]
    ) and forge.is_deployed(1)


def instances(forge: Forge, version: str | None = None) -> int:
    """Return how many instances of the links serve, of one version or of all."""
    status = forge.api(1, f"blueprints/{SHORTENER}/status").json()
    return sum(
        instance["phase"] == "ACTIVE" and f"{LINKS}:{version or ''}" in instance["instance"]
        for slice_ in status["slices"]
        if slice_["base"] == LINKS
        for instance in slice_["instances"]
    )


@pytest.mark.timeout(300)
def test_nodes_drain_one_after_another(forge: Forge) -> None:
    with no_request_fails(forge):
        for number in ALL:
            forge.aether("node", "drain", f"node-{number}", "--wait")
            forge.aether("node", "activate", f"node-{number}")
            wait_until("whole again", lambda: is_whole(forge), CHANGE_S)
    assert is_whole(forge)


def test_instances_go_from_four_to_one_and_back(forge: Forge) -> None:
    with no_request_fails(forge):
        for count in (4, 1, 4):
            forge.aether("slice", "scale", LINKS, str(count))
            wait_until(f"{count} serve", lambda n=count: instances(forge) == n, CHANGE_S)  # type: ignore[misc] # the default binds the loop's value
    assert instances(forge) == 4


def test_a_version_follows_another(forge: Forge, tmp_path: Path) -> None:
    project = tmp_path / "links"
    shutil.copytree(ROOT / "examples/url_shortener/links", project)
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace('version = "1.0.0"', 'version = "1.1.0"'))
    forge.aether("artifact", "push", str(project))
    blueprint = (ROOT / "blueprints/url_shortener.toml").read_text()
    (tmp_path / "next.toml").write_text(
        re.sub(r"(links|shortener):1\.0\.0", r"\1:1.1.0", blueprint)
    )
    with no_request_fails(forge):
        forge.aether("blueprint", "apply", str(tmp_path / "next.toml"))
        wait_until("the new version serves alone", lambda: _has_only(forge, "1.1.0"), CHANGE_S)
        forge.aether("blueprint", "apply", "blueprints/url_shortener.toml")
        wait_until("the old version serves alone", lambda: _has_only(forge, "1.0.0"), CHANGE_S)
    assert instances(forge, "1.1.0") == 0


def _has_only(forge: Forge, version: str) -> bool:
    return instances(forge, version) == instances(forge) > 0 and forge.is_deployed(1)


def test_the_leaders_store_dies(forge: Forge) -> None:
    with no_request_fails(forge):
        leader = forge.leader()
        forge.command("kill", f"node-{leader}", "--only", "store")
        wait_until("somebody leads", lambda: forge.leader() > 0, CHANGE_S)
        forge.wait_deployed(leader, CHANGE_S)
    assert forge.leader() in ALL


def test_the_leaders_node_process_dies(forge: Forge) -> None:
    """Its hosts, its router and its store go on; slices wait for their keys until it is back."""
    wait_until("hello is whole", lambda: forge.is_deployed(1, HELLO), CHANGE_S)
    clients = [Steady(forge.router(number)) for number in ALL]
    with no_request_fails(forge):
        leader = forge.leader()
        took_s = start_again(forge, leader)
        print(f"the node process of the leader was away for {took_s:.1f} s")  # noqa: T201 - as above
        wait_until("somebody leads", lambda: forge.leader() > 0, CHANGE_S)
        forge.wait_deployed(leader, CHANGE_S)
    for client in clients:
        client.stop()
    assert [failure for client in clients for failure in client.failures] == []
    assert min(client.done for client in clients) > SECOND_S / len(ALL)


def start_again(forge: Forge, number: int) -> float:
    """Kill a node process and have it started again at once; return the seconds until its API answers."""
    began = time.monotonic()
    path = Layout(forge.data_dir).socket
    for order in ({"op": "kill", "node": number, "only": "node"}, {"op": "start", "node": number}):
        asyncio.run(control.call(path, order))
    wait_until("its API", lambda: forge.api(number, "status").status == 200, CHANGE_S)
    return time.monotonic() - began


@pytest.mark.timeout(300)
def test_the_leaders_machine_dies(forge: Forge) -> None:
    """But for writes that it had in hand: whether they were done, nobody can tell."""
    leader = forge.leader()
    alive = [number for number in ALL if number != leader]
    wait_until("whole", lambda: is_whole(forge), CHANGE_S)
    with Load([forge.router(number) for number in alive], RATE) as load:
        load.wait_for_requests(SECOND_S, 30)
        forge.command("kill", f"node-{leader}")
        wait_until("somebody else leads", lambda: forge.leader() in alive, CHANGE_S)
        forge.wait_deployed(alive[0], CHANGE_S)
        load.wait_for_requests(2 * SECOND_S, 30)
    in_hand = [each for each in load.outcome.failures if each.startswith("POST 502")]
    print(f"{load.outcome.done} requests, failed {len(load.outcome.failures)}")  # noqa: T201 - as above
    assert load.outcome.failures == in_hand
    assert len(in_hand) <= IN_HAND, "more writes than one machine has in hand at a time"
    forge.command("start", f"node-{leader}")
    wait_until("whole again", lambda: is_whole(forge), CHANGE_S)
