"""Machines are lost under load, one after another and all at once; nothing acknowledged is."""

from collections.abc import Iterator

import pytest

from e2e.forge import EXAMPLES, SHORTENER, Forge, call, running_forge, wait_until
from e2e.load import Load

WHOLE_S = 15.0
WRITES_S = 5.0


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


def test_ctrl_c_leaves_no_process(forge: Forge) -> None:
    assert forge.processes()
    forge.down()
    assert forge.processes() == []
    forge.up()
    forge.wait_deployed(1, 60, SHORTENER)
