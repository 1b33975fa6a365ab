"""Blueprints of a running cluster: their past, and the way back to it."""

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


def deploy(forge: Forge, file: str) -> None:
    """Apply, and wait until all of it serves."""
    forge.aether("blueprint", "apply", file)
    wait_until("deployed", lambda: is_deployed(forge), DEPLOYED_S)


def test_a_blueprint_has_a_past_and_can_go_back(forge: Forge) -> None:
    for file in (FILE, ZONES):
        deploy(forge, file)
    rows = told(forge, "blueprint", "history", SHORTENER)
    assert [(row["generation"], row["current"]) for row in rows] == [(2, True), (1, False)]
    differs = told(forge, "blueprint", "diff", SHORTENER, "1", "2")
    assert {change["name"] for change in differs["changed"]} >= {"instances", "min_available"}
    forge.aether("blueprint", "reapply", SHORTENER, "1")
    shown = told(forge, "blueprint", "show", SHORTENER)
    assert (shown["generation"], shown["id"]) == (3, f"{SHORTENER}:1.0.0")
    assert forge.aether("blueprint", "apply", FILE).returncode == 0
    assert told(forge, "blueprint", "show", SHORTENER)["generation"] == 3
