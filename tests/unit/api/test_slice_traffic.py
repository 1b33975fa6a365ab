"""Calls about how requests are divided."""

import json

import pytest

from aether.core.model import keys
from aether.core.model.records import TrafficRecord, decode
from tests.api_world import ApiWorld
from tests.worlds import SHOP

PATH = f"slices/{SHOP}/traffic"
RULE = {"version": "1.0.0", "header": "X-Beta", "value": "yes"}


def body(**said: object) -> bytes:
    return json.dumps(said).encode()


async def test_undivided(deployed: ApiWorld) -> None:
    assert (await deployed.call("GET", PATH)).json() == {
        "base": SHOP,
        "versions": [{"version": "1.0.0", "weight": None, "active": 1}],
        "rules": [],
    }
    missing = await deployed.call("GET", "slices/a:b/traffic")
    assert missing.status == 404
    assert SHOP in missing.json()["detail"]


async def test_divided_looked_at_and_reset(deployed: ApiWorld) -> None:
    answer = await deployed.call("PUT", PATH, body(weights={"1.0.0": 5}, rules=[RULE]))
    told = answer.json()
    assert (answer.status, told["changed"]) == (200, True)
    assert told["summary"] == f"requests of {SHOP} are divided: 1 rule, then 1.0.0 5"
    assert told["versions"] == [{"version": "1.0.0", "weight": 5, "active": 1}]
    seen = (await deployed.call("GET", PATH)).json()
    assert seen["rules"] == [
        {"version": "1.0.0", "header": "x-beta", "cookie": "", "value": "yes", "percent": 0.0}
    ]
    entry = await deployed.store.get(keys.traffic(SHOP))
    assert entry is not None
    assert decode(entry.value, TrafficRecord).weights[0].weight == 5
    again = await deployed.call("PUT", PATH, body(weights={"1.0.0": 5}, rules=[RULE]))
    assert not again.json()["changed"]
    gone = (await deployed.call("DELETE", PATH)).json()
    assert (gone["changed"], gone["versions"][0]["weight"], gone["rules"]) == (True, None, [])
    assert not (await deployed.call("DELETE", PATH)).json()["changed"]
    assert await deployed.store.get(keys.traffic(SHOP)) is None


@pytest.mark.parametrize(
    ("said", "status", "told"),
    [
        (body(weights={"9.9.9": 1, "1.0.0": 1}), 422, ["version '9.9.9'", "there are: 1.0.0"]),
        (body(weights={"1.0.0": 0}), 422, ["every version has weight 0"]),
        (body(weights={"1.0.0": -1}), 422, ["-1 for version"]),
        (body(weights={"1.0.0": 1.5}), 422, ["weights.1.0.0"]),
        (body(rules=[{"version": "1.0.0"}]), 422, ["either header or cookie", "either value or"]),
        (body(rules=[{**RULE, "percent": 5, "color": 1}]), 422, ["rules.0.color: unknown key"]),
        (body(), 422, ["neither weights nor rules"]),
        (b"[]", 422, ["should be an object"]),
        (b"{", 400, ["not JSON"]),
    ],
)
async def test_what_makes_no_sense(
    deployed: ApiWorld, said: bytes, status: int, told: list[str]
) -> None:
    answer = await deployed.call("PUT", PATH, said)
    assert answer.status == status
    for part in told:
        assert part in answer.json()["detail"]
    assert await deployed.store.get(keys.traffic(SHOP)) is None


async def test_a_slice_nobody_has(deployed: ApiWorld) -> None:
    said = body(weights={"1.0.0": 1})
    assert (await deployed.call("PUT", "slices/a:b/traffic", said)).status == 404
    assert (await deployed.call("DELETE", "slices/a:b/traffic")).status == 404


async def test_why_tells_who_divided_and_what(deployed: ApiWorld) -> None:
    await deployed.record()
    await deployed.call("PUT", PATH, body(weights={"1.0.0": 5}))
    found = (await deployed.call("GET", f"changes?subject=slice/{SHOP}&limit=1")).items()[0]
    assert (found["actor"], found["rule"]) == ("api:anonymous", "api.slice.traffic.put")
    assert found["text"] == f"requests of {SHOP} are divided: 1.0.0 5"


async def test_another_node_forwards_it_and_refuses_what_is_no_division(follower: ApiWorld) -> None:
    refused = await follower.call("PUT", PATH, b"{")
    assert refused.status == 400
    assert follower.link.asked == []
    await follower.call("PUT", PATH, body(weights={"1.0.0": 1}))
    assert [asked.path for _, asked in follower.link.asked] == [f"/api/v1/{PATH}"]
