"""Blueprints of a running cluster: their past, what comes along, and sixty hostile ones at once."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any

import pytest

from e2e.forge import SHORTENER, Forge, running_forge, wait_until
from tests.hostile_blueprints import hostile_blueprints

ARTIFACTS = (
    *("--artifact", "examples/url_shortener/clicks"),
    *("--artifact", "examples/url_shortener/links"),
)
FILE = "blueprints/url_shortener.toml"
ZONES = "blueprints/url_shortener_zones.toml"
DEPLOYED_S = 60.0


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    with running_forge(20_500, *ARTIFACTS) as cluster:
        yield cluster


def told(forge: Forge, *arguments: str) -> Any:  # noqa: ANN401 - JSON values
    return json.loads(forge.aether("-o", "json", "-q", *arguments).stdout)


def is_deployed(forge: Forge) -> bool:
    state = forge.api(1, f"blueprints/{SHORTENER}/status").json()["state"]
    return bool(state == "DEPLOYED")


def deploy_s(forge: Forge, file: str) -> float:
    """Apply, and return the seconds until all of it serves."""
    began = time.monotonic()
    forge.aether("blueprint", "apply", file)
    wait_until("deployed", lambda: is_deployed(forge), DEPLOYED_S)
    return time.monotonic() - began


def test_a_blueprint_has_a_past_and_can_go_back(forge: Forge) -> None:
    for file in (FILE, ZONES):
        deploy_s(forge, file)
    rows = told(forge, "blueprint", "history", SHORTENER)
    assert [(row["generation"], row["current"]) for row in rows] == [(2, True), (1, False)]
    differs = told(forge, "blueprint", "diff", SHORTENER, "1", "2")
    assert {change["name"] for change in differs["changed"]} >= {"instances", "min_available"}
    forge.aether("blueprint", "reapply", SHORTENER, "1")
    shown = told(forge, "blueprint", "show", SHORTENER)
    assert (shown["generation"], shown["id"]) == (3, f"{SHORTENER}:1.0.0")
    assert forge.aether("blueprint", "apply", FILE).returncode == 0
    assert told(forge, "blueprint", "show", SHORTENER)["generation"] == 3


def term(forge: Forge) -> int:
    return max(
        int(forge.api(node, f"cluster/members/node-{node}").json()["term"]) for node in (1, 2, 3)
    )


def test_sixty_hostile_blueprints_neither_move_the_leader_nor_delay_a_good_one(
    forge: Forge,
) -> None:
    alone_s = (deploy_s(forge, ZONES) + deploy_s(forge, FILE)) / 2
    before, texts = (
        term(forge),
        [each.text for each in hostile_blueprints() if each.expected != "harmless"],
    )

    def attack(number: int) -> int:
        body = texts[number % len(texts)].encode()
        try:
            return forge.api(1 + number % 3, "blueprints", "POST", body).status
        except (OSError, HTTPException):
            return 413  # the node stopped reading a body that is too large

    with ThreadPoolExecutor(8) as pool:
        attacks = [pool.submit(attack, number) for number in range(len(texts))]
        beside_s = (deploy_s(forge, ZONES) + deploy_s(forge, FILE)) / 2
        answers = [each.result() for each in attacks]
    print(f"a good roll-out: {alone_s:.1f} s alone, {beside_s:.1f} s beside {len(answers)} attacks")  # noqa: T201 - figures for whoever runs this with -s
    assert set(answers) <= {400, 409, 413, 422, 503}
    assert term(forge) == before
    assert beside_s < 1.5 * alone_s + 2.0
