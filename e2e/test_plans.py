"""Plans that bind: what was planned happens, and when it would not, nothing does."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.forge import SHORTENER, Forge, running_forge, wait_until

ARTIFACTS = (
    *("--artifact", "examples/url_shortener/clicks"),
    *("--artifact", "examples/url_shortener/links"),
)
FILE = "blueprints/url_shortener.toml"
LINKS = "org.example:links"
SETTLED_S = 60.0


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    with running_forge(24_000, *ARTIFACTS) as cluster:
        yield cluster


def plan(forge: Forge, *arguments: str) -> dict[str, Any]:
    made = json.loads(forge.aether("-o", "json", "-q", *arguments).stdout)
    assert isinstance(made, dict)
    return made


def placements(forge: Forge, node: int) -> dict[str, list[str]]:
    """Return what each node hosts, ACTIVE and wanted so, as `node` knows it."""
    found: dict[str, list[str]] = {f"node-{number}": [] for number in (1, 2, 3)}
    for slice_ in forge.api(node, "slices").json()["items"]:
        for one in forge.api(node, f"slices/{slice_['base']}").json()["instances"]:
            assert one["desired"] == "ACTIVATE", one
            assert one["phase"] == "ACTIVE", one
            found[one["node"]].append(one["instance"])
    return {name: sorted(hosted) for name, hosted in found.items()}


def lands(forge: Forge, planned: dict[str, Any], node: int) -> bool:
    try:
        return placements(forge, node) == {
            name: sorted(hosted) for name, hosted in planned["placements"].items()
        }
    except AssertionError:
        return False  # something is under way


def test_what_is_applied_as_planned_lands_as_planned(forge: Forge) -> None:
    made = plan(forge, "blueprint", "plan", FILE)
    assert made["converged"]
    assert sum(len(hosted) for hosted in made["placements"].values()) == 5
    assert forge.api(1, f"blueprints/{SHORTENER}").status == 404
    forge.aether("blueprint", "apply", FILE, "--plan", made["digest"])
    took_s = wait_until("as planned", lambda: lands(forge, made, 1), SETTLED_S)
    print(f"planned {made['duration_s']:.1f} s, settled {took_s:.1f} s after it served")  # noqa: T201 - figures for whoever runs this with -s
    again = plan(forge, "blueprint", "plan", FILE)
    assert (again["changed"], again["steps"], again["placements"]) == (
        False,
        [],
        made["placements"],
    )


def test_scaling_and_deleting_land_as_planned_too(forge: Forge) -> None:
    made = plan(forge, "slice", "scale", LINKS, "5", "--dry-run")
    forge.aether("slice", "scale", LINKS, "5", "--plan", made["digest"])
    wait_until("five as planned", lambda: lands(forge, made, 2), SETTLED_S)
    text = forge.aether("slice", "scale", LINKS, "4", "--dry-run").stdout
    assert "DEACTIVATE" in text
    assert "digest:" in text


def test_a_plan_for_another_cluster_is_refused_and_nothing_changes(forge: Forge) -> None:
    made = plan(forge, "slice", "scale", LINKS, "7", "--dry-run")
    leader = forge.leader()
    victim = next(node for node in (1, 2, 3) if node != leader)
    forge.command("kill", f"node-{victim}")

    def is_lost() -> bool:
        return bool(forge.api(leader, f"nodes/node-{victim}").json()["verdict"] == "LOST")

    wait_until("the node is lost", is_lost, SETTLED_S)
    refused = forge.aether("slice", "scale", LINKS, "7", "--plan", made["digest"], check=False)
    assert refused.returncode == 4, refused.stderr
    assert f"node node-{victim} is LOST" in refused.stderr
    assert "hint: make the plan again" in refused.stderr
    assert forge.api(leader, f"slices/{LINKS}").json()["wanted"] == 5

    forge.wait_deployed(leader, SETTLED_S)
    anew = plan(forge, "slice", "scale", LINKS, "7", "--dry-run")
    assert anew["digest"] != made["digest"]
    assert anew["placements"][f"node-{victim}"] == []
    forge.aether("slice", "scale", LINKS, "7", "--plan", anew["digest"])
    wait_until("seven as planned", lambda: lands(forge, anew, leader), SETTLED_S)


def test_a_deletion_as_planned(forge: Forge) -> None:
    leader = forge.leader()
    made = plan(forge, "blueprint", "delete", SHORTENER, "--dry-run")
    assert all(hosted == [] for hosted in made["placements"].values())
    other = "0" * 64
    wrong = forge.aether("blueprint", "delete", SHORTENER, "--yes", "--plan", other, check=False)
    assert wrong.returncode == 4
    assert forge.api(leader, f"blueprints/{SHORTENER}").status == 200
    forge.aether("blueprint", "delete", SHORTENER, "--yes", "--plan", made["digest"])
    assert forge.api(leader, f"blueprints/{SHORTENER}").status == 404
