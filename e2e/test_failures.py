"""Machines are lost under load, one after another and all at once; nothing acknowledged is."""

import time
from collections.abc import Iterator

import psutil
import pytest

from e2e.forge import EXAMPLES, SHORTENER, Forge, call, running_forge, wait_until
from e2e.load import Load

WHOLE_S = 15.0
WRITES_S = 5.0
STILL_S = 8.0
"""Longer than the silence after which a node is LOST."""
SETTLED_S = 4.0
CALM_S = 6.0
"""Longer than the calm before instances move, and than a move takes."""


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    with running_forge(2000, *EXAMPLES) as cluster:
        yield cluster


def others(victim: int) -> list[int]:
    return [node for node in (1, 2, 3) if node != victim]


def check_links(forge: Forge, links: list[tuple[str, str]], nodes: list[int]) -> None:
    for number, (code, url) in enumerate(links):
        answer = call(forge.router(nodes[number % len(nodes)]), "GET", f"/{code}")
        assert (answer.status, answer.headers.get("location")) == (302, url)


@pytest.mark.parametrize("role", ["leader", "follower"])
def test_a_lost_machine_costs_nothing_that_did_not_touch_it(forge: Forge, role: str) -> None:
    leader = forge.leader()
    victim = leader if role == "leader" else others(leader)[0]
    alive = others(victim)
    with Load([forge.router(node) for node in alive]) as load:
        load.wait_for_requests(200, 30)
        forge.command("kill", f"node-{victim}")
        load.outcome.longest_write_gap_s = 0.0
        whole_s = wait_until(
            "whole without the victim",
            lambda: forge.is_deployed(alive[0]) and f"node-{victim}" not in forge.placed(alive[0]),
            WHOLE_S,
        )
        load.wait_for_requests(200, 30)
    print(f"{role}: whole in {whole_s:.1f} s, longest gap {load.outcome.longest_write_gap_s:.1f} s")  # noqa: T201 - figures for whoever runs this with -s
    assert load.outcome.longest_write_gap_s < WRITES_S
    touched = [failure for failure in load.outcome.failures if f"node-{victim}" in failure]
    assert load.outcome.failures == touched
    check_links(forge, load.outcome.acknowledged, alive)

    forge.command("start", f"node-{victim}")
    wait_until("the victim hosts again", lambda: f"node-{victim}" in forge.placed(victim), 60)
    forge.wait_deployed(victim, 30)
    check_links(forge, load.outcome.acknowledged[-20:], [victim])


@pytest.mark.parametrize("part", ["router", "launcher", "store", "node"])
def test_a_single_process_that_dies_is_replaced(forge: Forge, part: str) -> None:
    hosts = forge.host_count()
    forge.command("kill", "node-2", "--only", part)
    if part == "node":
        assert call(forge.router(2), "GET", "/hello").status == 200
        forge.command("start", "node-2")
    forge.wait_deployed(2, 30)
    wait_until(
        "its router answers", lambda: call(forge.router(2), "GET", "/hello").status == 200, 15
    )
    wait_until("as many hosts as before", lambda: forge.host_count() == hosts, 30)


def test_a_leader_that_stands_still_gives_nobody_up(forge: Forge) -> None:
    """Its store leads on, so it still leads when it goes on, and every report it has is old."""
    hosts = wait_for_calm(forge)
    leader = forge.leader()
    other = others(leader)[0]
    process = node_process(forge, leader)
    seen: set[str] = set()

    def look_for(seconds: float) -> bool:
        seen.update(node["verdict"] for node in forge.api(other, "nodes").json()["items"])
        return time.monotonic() - began > seconds

    process.suspend()
    try:
        began = time.monotonic()
        wait_until("it stood still long enough", lambda: look_for(STILL_S), 2 * STILL_S)
        assert forge.api(other, "status").json()["leader"] == f"node-{leader}"
    finally:
        process.resume()
    began = time.monotonic()
    wait_until("it has led for a while", lambda: look_for(SETTLED_S), 2 * SETTLED_S)
    assert "LOST" not in seen
    assert host_pids(forge) == hosts
    assert forge.is_deployed(leader)


def host_pids(forge: Forge) -> set[int]:
    return {
        process.pid
        for process in forge.processes()
        if command_of(process).startswith("aether: host")
    }


def wait_for_calm(forge: Forge) -> set[int]:
    """Return the hosts once none has come or gone for a while."""
    seen: list[tuple[float, set[int]]] = []

    def is_calm() -> bool:
        now, hosts = time.monotonic(), host_pids(forge)
        if not seen or seen[-1][1] != hosts:
            seen.append((now, hosts))
        return now - seen[-1][0] > CALM_S

    wait_until("nothing moves", is_calm, 60)
    return seen[-1][1]


def command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def node_process(forge: Forge, node: int) -> psutil.Process:
    """Return the process of a node itself, not of its store, its router or its hosts."""
    (found,) = [
        process
        for process in forge.processes()
        if "-m aether.node " in (command := command_of(process))
        and f"--node-id node-{node} " in command
    ]
    return found


def test_all_machines_lost_at_once_come_back_with_everything(forge: Forge) -> None:
    with Load([forge.router(node) for node in (1, 2, 3)]) as load:
        load.wait_for_requests(200, 30)
    assert not load.outcome.failures
    for node in (1, 2, 3):
        forge.command("kill", f"node-{node}")
    assert forge.host_count() == 0
    for node in (1, 2, 3):
        forge.command("start", f"node-{node}")
    wait_until("the API answers", lambda: forge.api(1, "status").status == 200, 30)
    forge.wait_deployed(1, 60)
    for node in (1, 2, 3):
        wait_until(
            "its router answers",
            lambda node=node: call(forge.router(node), "GET", "/hello").status == 200,  # type: ignore[misc] # the default binds the loop's value
            15,
        )
    check_links(forge, load.outcome.acknowledged, [1, 2, 3])


def test_a_node_can_be_added(forge: Forge) -> None:
    forge.command("add")
    wait_until(
        "four nodes on duty",
        lambda: (
            [node["verdict"] for node in forge.api(4, "nodes").json()["items"]] == ["ON_DUTY"] * 4
        ),
        30,
    )
    wait_until(
        "its router answers", lambda: call(forge.router(4), "GET", "/hello").status == 200, 15
    )
    assert {node["node"] for node in forge.api(1, "nodes").json()["items"]} >= {"node-4"}


def test_ctrl_c_leaves_no_process(forge: Forge) -> None:
    assert forge.processes()
    forge.down()
    assert forge.processes() == []
    forge.up()
    forge.wait_deployed(1, 60, SHORTENER)
