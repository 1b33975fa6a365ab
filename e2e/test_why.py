"""Reasons last: what was decided is told after machines were lost, and after a node began anew."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.forge import EXAMPLES, Forge, running_forge, wait_until

pytestmark = pytest.mark.timeout(400)  # a machine is lost and comes back
LINKS = "org.example:links"
WHOLE_S = 60.0


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    with running_forge(17400, *EXAMPLES) as cluster:
        yield cluster


def told(forge: Forge, *arguments: str) -> Any:  # noqa: ANN401 - whatever is told
    return json.loads(forge.aether("-o", "json", *arguments).stdout)


def hosts(answer: dict[str, Any]) -> set[str]:
    return {instance["node"] for instance in answer["instances"]}


def test_why_tells_placement_loss_and_replacement_and_survives_a_restart(forge: Forge) -> None:
    leader = forge.leader()
    forge.wait_deployed(leader, WHOLE_S)
    before = told(forge, "status")["revision"]
    victim = next(n for n in (3, 2, 1) if n != leader and f"node-{n}" in forge.placed(leader))
    name, alive = f"node-{victim}", next(n for n in (1, 2, 3) if n not in (leader, victim))
    placed = told(forge, "why", "links")
    assert placed["subject"] == f"slice/{LINKS}"
    assert {one["rule"] for one in placed["decisions"]} >= {"place", "target"}
    assert any(
        key["key"].startswith(f"wanted/{name}/{LINKS}:")
        for one in placed["decisions"]
        if one["actor"].startswith("leader:")
        for key in one["keys"]
    )

    forge.command("kill", name)
    wait_until(
        "whole without the victim",
        lambda: forge.is_deployed(alive) and name not in forge.placed(alive),
        WHOLE_S,
    )
    lost = told(forge, "why", name)
    assert lost["now"]["sentences"][0].startswith(f"{name} is LOST")
    judged = [one for one in lost["decisions"] if one["rule"] == "judge"]
    assert judged[0]["actor"].startswith("leader:")
    assert judged[0]["revision"] > before
    again = told(forge, "why", LINKS)["decisions"]
    assert [one for one in again if one["rule"] == "place" and one["revision"] > before]

    then = {
        node["node"]: node["verdict"] for node in told(forge, "node", "list", "--at", str(before))
    }
    assert then[name] == "ON_DUTY"
    assert name in hosts(told(forge, "slice", "get", LINKS, "--at", str(before)))
    assert name not in hosts(told(forge, "slice", "get", LINKS))
    changed = {one["key"]: one for one in told(forge, "diff", str(before), "--subject", name)}
    verdict = changed[f"verdict/{name}"]
    assert (verdict["before"]["verdict"], verdict["after"]["verdict"]) == ("ON_DUTY", "LOST")
    assert verdict["reasons"][-1]["actor"].startswith("leader:")
    screen = forge.aether("why", name).stdout
    assert "reaches back to revision" in screen

    forge.command("start", name)
    wait_until("the victim is back", lambda: forge.is_deployed(victim), WHOLE_S)

    def remembers() -> bool:
        answer = forge.api(victim, f"nodes/{name}?at={before}")
        return answer.status == 200 and answer.json()["verdict"] == "ON_DUTY"

    wait_until("its chronicle goes on", remembers, WHOLE_S)
    mine = forge.api(victim, f"nodes/{name}/why?limit=1000").json()
    assert mine["chronicle"]["node"] == name
    assert mine["chronicle"]["first"] <= before
    rules = [one["rule"] for one in mine["decisions"]]
    assert rules.count("judge") >= 2
