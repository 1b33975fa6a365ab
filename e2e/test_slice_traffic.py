"""Versions side by side on a real node: weights, rules and what routes ask, told through the API, heard by the router."""

import json
from collections.abc import Iterator

import pytest

from e2e.forge import call, wait_until
from e2e.plain import Nodes, plain_nodes
from e2e.projects import write_project

BASE = 17_800
SLICE = "org.example:which"
TRAFFIC = f"/api/v1/slices/{SLICE}/traffic"
UPDATE_S = 60.0
HEARD_S = 5.0
ASKED = 24

CODE = """
import asyncio

from aether import Response, Slice, get


class Which(Slice):
    async def start(self) -> None:
        await asyncio.sleep({pause_s})

    @get("/which")
    async def which(self) -> Response:
        return Response.text("{version}")

    @get("/secret", internal=True)
    async def secret(self) -> Response:
        return Response.text("for slices alone")

    @get("/which", host="old.example.org", api_version="1", deprecated="2026-12-31", sunset="2027-06-30")
    async def old(self) -> Response:
        return Response.text("old")
"""
BLUEPRINT = """
id = "org.example:which-app:{version}"
[[slices]]
artifact = "org.example:which:{version}"
instances = 6
load_balancing = "least_pending"
update = {{ max_surge = 1 }}
"""


def push(nodes: Nodes, version: str, pause_s: float) -> None:
    project = write_project(
        nodes.folder / f"which-{version}",
        "which",
        CODE.format(version=version, pause_s=pause_s),
        {"id": "org.example:which", "entry": "which:Which"},
        version=version,
        requires=["aether-cluster"],
    )
    nodes.aether(1, "artifact", "push", str(project))


def apply(nodes: Nodes, version: str, *options: str) -> None:
    file = nodes.folder / f"{version}.toml"
    file.write_text(BLUEPRINT.format(version=version))
    nodes.aether(1, "blueprint", "apply", str(file), *options)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with plain_nodes(BASE) as found:
        found.start(1, joins=1)
        found.wait_ready(1)
        push(found, "1.0.0", 0)
        push(found, "2.0.0", 3)
        apply(found, "1.0.0")
        yield found


def ask(nodes: Nodes, path: str = "/which", **headers: str) -> tuple[int, str, dict[str, str]]:
    answer = call(nodes.port(1, "router"), "GET", path, headers=headers)
    return answer.status, answer.body.decode(), answer.headers


def answered_by(nodes: Nodes, **headers: str) -> set[str]:
    return {ask(nodes, **headers)[1] for _ in range(ASKED)}


def serving(nodes: Nodes) -> set[str]:
    told = nodes.get(1, TRAFFIC)[1]
    return {row["version"] for row in told["versions"] if row["active"]}


def weights(nodes: Nodes) -> dict[str, int | None]:
    return {row["version"]: row["weight"] for row in nodes.get(1, TRAFFIC)[1]["versions"]}


def test_what_routes_ask_is_kept(nodes: Nodes) -> None:
    status, body, _ = ask(nodes, "/secret")
    assert (status, "for slices" in body) == (404, False)
    _, body, headers = ask(nodes, host="Old.example.org:80")
    assert (body, headers["x-api-version"]) == ("old", "1")
    assert headers["deprecation"] == "@1798675200"
    assert headers["sunset"] == "Wed, 30 Jun 2027 00:00:00 GMT"
    status, body, headers = ask(nodes, host="new.example.org")
    assert (status, body, "deprecation" in headers) == (200, "1.0.0", False)
    told = json.loads(nodes.aether(1, "-o", "json", "-q", "route", "list"))
    assert {row["host"] for row in told if row["pattern"] == "/which"} == {"", "old.example.org"}


def divide(nodes: Nodes, **said: object) -> None:
    answer = call(nodes.port(1, "management"), "PUT", TRAFFIC, json.dumps(said).encode())
    assert answer.status == 200, answer.body


def test_weights_and_rules_are_heard_and_end_with_the_update(nodes: Nodes) -> None:
    refused = nodes.aether(1, "slice", "traffic", SLICE, "1.0.0=1", "9.0.0=1", code=2)
    assert "versions there are: 1.0.0" in refused
    apply(nodes, "2.0.0", "--detach")
    wait_until("side by side", lambda: serving(nodes) == {"1.0.0", "2.0.0"}, UPDATE_S)
    beta = {"version": "2.0.0", "header": "x-beta", "value": "yes"}
    divide(nodes, weights={"1.0.0": 1, "2.0.0": 0}, rules=[beta])
    wait_until("weights heard", lambda: answered_by(nodes) == {"1.0.0"}, HEARD_S)
    assert answered_by(nodes, **{"x-beta": "yes"}) == {"2.0.0"}
    divide(nodes, weights={"1.0.0": 0, "2.0.0": 1})
    wait_until("weights heard", lambda: answered_by(nodes) == {"2.0.0"}, HEARD_S)
    wait_until("updated", lambda: serving(nodes) == {"2.0.0"}, UPDATE_S)
    wait_until("even again", lambda: weights(nodes) == {"2.0.0": None}, UPDATE_S)
    told = nodes.aether(1, "why", SLICE, "--limit", "500")
    assert "requests of org.example:which are divided: 1.0.0 0, 2.0.0 1" in told
    assert "are divided evenly again: version 1.0.0 gone" in told
    assert "every instance gets the same" in nodes.aether(1, "slice", "traffic", SLICE)
