"""The main job: deploy, call, scale, delete; all through what a user has."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.forge import EXAMPLES, SHORTENER, Forge, call, running_forge, wait_until


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    with running_forge(1000, *EXAMPLES) as cluster:
        yield cluster


def shorten(forge: Forge, node: int, url: str) -> dict[str, str]:
    answer = call(
        forge.router(node),
        "POST",
        "/api/v1/urls",
        json.dumps({"url": url}).encode(),
        {"content-type": "application/json"},
    )
    assert answer.status == 201, answer
    link: dict[str, str] = answer.json()
    assert set(link) >= {"code", "short_url", "url"}
    return link


def test_a_link_made_on_any_router_redirects_on_every_other(forge: Forge) -> None:
    for node in (1, 2, 3):
        url = f"https://example.org/from/{node}"
        link = shorten(forge, node, url)
        assert link["url"] == url
        for other in (1, 2, 3):
            answer = call(forge.router(other), "GET", f"/{link['code']}")
            assert (answer.status, answer.headers["location"]) == (302, url)
            assert answer.headers["x-request-id"]


def test_clicks_are_counted_by_the_other_slice(forge: Forge) -> None:
    link = shorten(forge, 1, "https://example.org/counted")
    for node in (1, 2, 3):
        call(forge.router(node), "GET", f"/{link['code']}")

    def counted() -> bool:
        answer = call(forge.router(2), "GET", f"/api/v1/urls/{link['code']}")
        return answer.status == 200 and answer.json()["clicks"] == 3

    wait_until("three clicks", counted, 10)
    assert counted()


def test_an_unmodified_asgi_application_answers_on_every_router(forge: Forge) -> None:
    source = Path("examples/asgi_app").rglob("*.py")
    assert all("aether" not in path.read_text() for path in source)
    for node in (1, 2, 3):
        assert call(forge.router(node), "GET", "/hello").status == 200


def test_the_request_id_of_the_caller_is_kept(forge: Forge) -> None:
    answer = call(forge.router(1), "GET", "/nothing-here", headers={"x-request-id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"


def test_the_commands_show_the_cluster(forge: Forge) -> None:
    status = json.loads(forge.aether("status", "-o", "json").stdout)
    assert status["leader"] in ("node-1", "node-2", "node-3")
    assert "node-2" in forge.aether("node", "list").stdout
    assert SHORTENER in forge.aether("blueprint", "list").stdout
    assert "org.example:links" in forge.aether("slice", "list").stdout
    assert "/api/v1/urls" in forge.aether("route", "list").stdout
    assert "org.example:links:1.0.0" in forge.aether("artifact", "list").stdout
    assert "blueprint/" in forge.aether("kv", "range", "blueprint/").stdout
    assert "node-1" in forge.command("status").stdout


def test_scaling_changes_what_runs(forge: Forge) -> None:
    before = forge.host_count()
    forge.aether("slice", "scale", "org.example:links", "4")
    forge.wait_deployed(1, 20)
    wait_until("one host more", lambda: forge.host_count() == before + 1, 10)
    forge.aether("slice", "scale", "org.example:links", "3")
    forge.wait_deployed(1, 30)
    wait_until("as before", lambda: forge.host_count() == before, 10)
    wanted = forge.api(2, "kv?prefix=wanted/&limit=1000").json()["items"]
    assert sum("org.example:links" in entry["key"] for entry in wanted) == 3


def test_applying_the_same_blueprint_again_changes_nothing(forge: Forge) -> None:
    before = forge.api(1, "status").json()["revision"]
    forge.aether("blueprint", "apply", "blueprints/url_shortener.toml")
    assert forge.api(1, "status").json()["revision"] == before


def test_keys_can_be_put_read_and_deleted_but_not_aethers_own(forge: Forge) -> None:
    forge.aether("kv", "put", "flag/dark-mode", "on")
    assert "on" in forge.aether("kv", "get", "flag/dark-mode").stdout
    forge.aether("kv", "delete", "flag/dark-mode")
    assert forge.aether("kv", "get", "flag/dark-mode", check=False).returncode == 3
    refused = forge.aether("kv", "put", "control/epoch", "x", check=False)
    assert refused.returncode in (2, 4)
    assert "control/epoch" in refused.stderr


def test_deleting_a_blueprint_leaves_no_route_no_host_and_no_key(forge: Forge) -> None:
    others = {"org.example:hello-asgi"}
    forge.aether("blueprint", "delete", SHORTENER, "--yes", "--purge-data")
    gone = forge.aether("blueprint", "get", SHORTENER, check=False)
    assert gone.returncode == 3
    wait_until("no host of it", lambda: forge.host_count() == 2, 15)
    entries = forge.api(2, "kv?prefix=&limit=1000").json()["items"]
    kept = ("artifact/", "generation/")  # wheels, and the history: it can be applied again
    left = [entry["key"] for entry in entries if not entry["key"].startswith(kept)]
    assert not [key for key in left if "org.example:links" in key or "org.example:clicks" in key]
    assert not [key for key in left if "url-shortener" in key]
    routes = {route["slice"] for route in forge.api(3, "routes").json()["items"]}
    assert routes == others
    for node in (1, 2, 3):
        wait_until(
            "router forgets",
            lambda node=node: call(forge.router(node), "POST", "/api/v1/urls", b"{}").status == 404,  # type: ignore[misc] # the default binds the loop's value
            5,
        )
    assert call(forge.router(1), "GET", "/hello").status == 200


def test_it_can_be_applied_again_after_a_deletion(forge: Forge) -> None:
    forge.aether("blueprint", "apply", "blueprints/url_shortener.toml")
    link = shorten(forge, 3, "https://example.org/again")
    assert call(forge.router(1), "GET", f"/{link['code']}").status == 302
