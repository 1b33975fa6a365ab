"""Nodes are drained, stopped, brought back and replaced while people use what runs on them."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from aether_forge.processes import part_of
from e2e.forge import EXAMPLES, Forge, running_forge, wait_until
from e2e.load import Load

ALL = (1, 2, 3)
DRAIN_S = 60.0
HELLO = "org.example:hello-asgi"


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    with running_forge(20_000, *EXAMPLES) as cluster:
        cluster.wait_deployed(1, 60)
        yield cluster


@pytest.fixture(autouse=True)
def whole(forge: Forge) -> None:
    """Begin with all nodes on duty, whatever the test before left behind."""
    for name, verdict in verdicts(forge, 1).items():
        if verdict != "ON_DUTY":
            forge.aether("node", "activate", name)
    wait_until("whole", lambda: is_whole(forge, 1), DRAIN_S)


def node(forge: Forge, number: int, asked: int | None = None) -> dict[str, Any]:
    told: dict[str, Any] = forge.api(asked or number, f"nodes/node-{number}").json()
    return told


def verdicts(forge: Forge, asked: int) -> dict[str, str]:
    items = forge.api(asked, "nodes").json()["items"]
    return {item["node"]: item["verdict"] for item in items}


def is_whole(forge: Forge, asked: int) -> bool:
    """Whether every blueprint is deployed and nobody is missing or held back."""
    return set(verdicts(forge, asked).values()) == {"ON_DUTY"} and all(
        blueprint["state"] == "DEPLOYED"
        for blueprint in forge.api(asked, "blueprints").json()["items"]
    )


def hosts(forge: Forge, number: int, asked: int | None = None) -> int:
    return len(node(forge, number, asked)["hosted"])


def bring_back(forge: Forge, number: int) -> None:
    """Put a node on duty again, also while nobody leads yet, and wait until it hosts its share."""
    path = f"nodes/node-{number}/activate"
    wait_until("activated", lambda: forge.api(number, path, "POST").status == 200, DRAIN_S)
    wait_until("all on duty and whole", lambda: is_whole(forge, number), DRAIN_S)
    wait_until(f"node-{number} hosts again", lambda: hosts(forge, number) > 0, DRAIN_S)
    wait_until("whole again", lambda: is_whole(forge, number), DRAIN_S)


@contextmanager
def without_a_failed_request(forge: Forge) -> Iterator[Load]:
    """Send 100 requests a second to the routers of all nodes, over connections kept alive."""
    with Load([forge.router(number) for number in ALL]) as load:
        load.wait_for_requests(100, 30)
        yield load
        load.wait_for_requests(100, 30)
    assert load.outcome.failures == []


@pytest.mark.parametrize("role", ["follower", "leader"])
def test_a_node_is_drained_and_brought_back_without_a_failed_request(
    forge: Forge, role: str
) -> None:
    leader = forge.leader()
    victim = leader if role == "leader" else next(n for n in ALL if n != leader)
    assert hosts(forge, victim) > 0
    with without_a_failed_request(forge) as load:
        began = load.outcome.done
        told = forge.aether("node", "drain", f"node-{victim}", "--wait", "--timeout", "60s")
        assert f"node-{victim} is drained" in told.stderr
        drained = load.outcome.done
        assert hosts(forge, victim) == 0
        assert verdicts(forge, victim)[f"node-{victim}"] == "DECOMMISSIONED"
        bring_back(forge, victim)
    print(f"{role}: {drained - began} requests during the drain, {load.outcome.done} in all")  # noqa: T201 - figures for whoever runs this with -s


def is_moving(forge: Forge, victim: int, asked: int) -> bool:
    return any(one["replacement"] for one in left_on(forge, victim, asked))


def is_leaving(forge: Forge, victim: int, asked: int) -> bool:
    return any(one["desired"] == "DEACTIVATE" for one in left_on(forge, victim, asked))


def left_on(forge: Forge, victim: int, asked: int) -> list[dict[str, Any]]:
    remaining: list[dict[str, Any]] = node(forge, victim, asked)["progress"]["remaining"]
    return remaining


@dataclass(frozen=True)
class Moment:
    """When the leader is killed; a step is held up by launchers that stand still."""

    is_now: Callable[[Forge, int, int], bool]
    """Asked with the node drained and the one asked."""
    holds: Callable[[int], Iterable[int]]
    """Whose launchers stand still, by the node drained."""


MOMENTS = {
    "right after the order": Moment(lambda *_: True, lambda _: ()),
    "while instances move": Moment(is_moving, lambda victim: {*ALL} - {victim}),
    "while instances leave": Moment(is_leaving, lambda victim: {victim}),
}


@contextmanager
def launchers_held(forge: Forge, numbers: Iterable[int]) -> Iterator[None]:
    held = [part_of(forge.data_dir / f"node-{number}", "launcher") for number in numbers]
    for launcher in held:
        assert launcher is not None
        launcher.suspend()
    try:
        yield
    finally:
        for launcher in filter(None, held):
            launcher.resume()


def order(forge: Forge, victim: int, asked: int) -> None:
    """Order the drain, again and again while nobody leads."""
    path = f"nodes/node-{victim}/drain"
    wait_until("ordered", lambda: forge.api(asked, path, "POST").status == 200, DRAIN_S)


def store_of(forge: Forge, number: int) -> psutil.Process:
    """Return what leads on a node: a command of forge would take longer to kill it than the step."""
    store = part_of(forge.data_dir / f"node-{number}", "store")
    assert store is not None
    return store


@pytest.mark.parametrize("step", ["before the order", *MOMENTS])
def test_a_leader_killed_at_any_step_changes_nothing_about_the_end(forge: Forge, step: str) -> None:
    leader = forge.leader()
    victim, other = (number for number in ALL if number != leader)
    leading = store_of(forge, leader)
    if step in MOMENTS:
        moment = MOMENTS[step]
        with launchers_held(forge, moment.holds(victim)):
            order(forge, victim, other)
            wait_until(step, lambda: moment.is_now(forge, victim, other), DRAIN_S)
            leading.kill()
    else:
        leading.kill()
        order(forge, victim, other)
    verdict = verdicts(forge, other)[f"node-{victim}"]
    took = wait_until(
        "drained all the same",
        lambda: verdicts(forge, other)[f"node-{victim}"] == "DECOMMISSIONED",
        DRAIN_S,
    )
    print(f"leader killed {step} ({verdict}): drained after {took:.1f} s")  # noqa: T201 - as above
    assert hosts(forge, victim, other) == 0
    forge.wait_deployed(other, DRAIN_S)
    assert f"node-{victim}" not in forge.placed(other)
    bring_back(forge, victim)


def test_a_leading_machine_lost_in_the_middle_of_a_drain(forge: Forge) -> None:
    leader = forge.leader()
    victim, other = (number for number in ALL if number != leader)
    order(forge, victim, other)
    forge.command("kill", f"node-{leader}")
    wait_until(
        "one lost, one drained",
        lambda: (
            verdicts(forge, other)
            == {
                f"node-{leader}": "LOST",
                f"node-{victim}": "DECOMMISSIONED",
                f"node-{other}": "ON_DUTY",
            }
        ),
        DRAIN_S,
    )
    forge.wait_deployed(other, DRAIN_S)
    assert forge.placed(other) == {f"node-{other}"}
    forge.command("start", f"node-{leader}")
    bring_back(forge, victim)


def test_a_drain_without_room_waits_says_why_and_is_taken_back(forge: Forge) -> None:
    with without_a_failed_request(forge):
        for number in (1, 2):
            forge.aether("node", "drain", f"node-{number}", "--wait", "--timeout", "60s", "-q")
        forge.aether("node", "drain", "node-3")
        wait_until(
            "it says what it waits for",
            lambda: any(
                "org.example:" in sentence for sentence in node(forge, 3)["progress"]["waiting"]
            ),
            DRAIN_S,
        )
        given_up = forge.aether("node", "drain", "node-3", "--wait", "--timeout", "1s", check=False)
        assert given_up.returncode == 5
        assert "at least" in given_up.stderr
        shown = forge.aether("node", "show", "node-3").stdout
        assert "waiting: node-3 drains" in shown
        assert forge.api(3, f"slices/{HELLO}").json()["active"] >= 1
        for number in (3, 2, 1):
            forge.aether("node", "activate", f"node-{number}")
        wait_until("all on duty and whole", lambda: is_whole(forge, 1), DRAIN_S)


def test_a_node_is_shut_down_removed_and_joins_anew_under_its_name(forge: Forge) -> None:
    leader = forge.leader()
    asked = next(number for number in ALL if number != leader)
    name = f"node-{leader}"
    refused = forge.aether("node", "remove", name, check=False)
    assert (refused.returncode, "ON_DUTY" in refused.stderr) == (4, True)
    alive = [forge.router(number) for number in ALL if number != leader]
    with Load(alive) as load:
        load.wait_for_requests(100, 30)
        forge.aether("node", "shutdown", name, "--wait", "--timeout", "60s")
        wait_until("its process ended", lambda: has_ended(forge, name), DRAIN_S)
        started_again_it_stays_empty(forge, leader, asked)
        load.wait_for_requests(100, 30)
        forge.aether("node", "remove", name)
        assert name not in verdicts(forge, asked)
        assert name not in members(forge, asked)
        load.wait_for_requests(100, 30)
    assert load.outcome.failures == []
    assert "ended by itself (exit code 0)" in forge.log.read_text()
    gone = forge.aether("node", "remove", name, check=False)
    assert (gone.returncode, f"there is no node {name}" in gone.stderr) == (3, True)

    shutil.rmtree(forge.data_dir / name)
    forge.command("start", name)
    wait_until("it votes again", lambda: members(forge, asked).get(name) is True, DRAIN_S)
    wait_until("all on duty and whole", lambda: is_whole(forge, asked), DRAIN_S)
    wait_until("it hosts again", lambda: hosts(forge, leader, asked) > 0, DRAIN_S)


def started_again_it_stays_empty(forge: Forge, number: int, asked: int) -> None:
    """A decommissioned node that is started runs, and hosts nothing; then it is stopped once more."""
    name, before = f"node-{number}", node(forge, number, asked)["incarnation"]
    forge.command("start", name)
    wait_until("ready", lambda: forge.api(number, "nodes").status == 200, DRAIN_S)
    wait_until(
        "the leader knows its new life",
        lambda: (
            (told := node(forge, number, asked))["incarnation"] != before
            and told["drain"]["shutdown"] is False
        ),
        DRAIN_S,
    )
    assert verdicts(forge, asked)[name] == "DECOMMISSIONED"
    assert hosts(forge, number, asked) == 0
    refused = forge.aether("node", "remove", name, check=False)
    assert (refused.returncode, "still runs" in refused.stderr) == (4, True)
    forge.aether("node", "shutdown", name)
    wait_until("its process ended again", lambda: has_ended(forge, name), DRAIN_S)


def has_ended(forge: Forge, name: str) -> bool:
    listed = {row.split()[0]: row.split()[1] for row in forge.command("status").stdout.splitlines()}
    return listed[name] == "ended"


def members(forge: Forge, asked: int) -> dict[str, bool]:
    told = forge.api(asked, "cluster/members").json()["members"]
    return {member["node"]: member["voter"] for member in told}
