"""Alerts, silences, thresholds, webhooks and log levels over the API."""

import json

from aether.core.model.alert_records import AlertRecord, Severity
from aether.core.model.records import encode
from aether.ports import ApiResponse
from tests.api_world import Answered, ApiWorld

BUSY = AlertRecord(severity=Severity.WARNING, value=0.95, bound=0.9, text="busy", since_ms=1)
DOWN = AlertRecord(severity=Severity.CRITICAL, value=1, bound=1, text="down", since_ms=2)


async def send(world: ApiWorld, method: str, path: str, **body: object) -> Answered:
    return await world.call(method, path, json.dumps(body).encode())


async def test_the_worst_come_first_with_who_silences_them(world: ApiWorld) -> None:
    await world.put({"alert/node.cpu/n-1": encode(BUSY), "alert/slice.down/a:b": encode(DOWN)})
    made = await send(world, "POST", "alerts/silences", metric="node.cpu", author="me")
    assert made.status == 201
    name = made.json()["id"]
    found = (await world.call("GET", "alerts")).items()
    assert [one["metric"] for one in found] == ["slice.down", "node.cpu"]
    assert [one["silenced_by"] for one in found] == [[], [name]]
    assert found[0]["runbook"] == "runbooks/slice-down.md"
    world.now_s += 4000
    assert (await world.call("GET", "alerts/silences")).items() == []
    assert (await world.call("GET", "alerts")).items()[1]["silenced_by"] == []
    assert (await world.call("DELETE", f"alerts/silences/{name}")).status == 200
    assert (await world.call("DELETE", f"alerts/silences/{name}")).status == 404


async def test_a_silence_needs_an_author(world: ApiWorld) -> None:
    answer = await send(world, "POST", "alerts/silences", metric="node.cpu")
    assert "author: is required" in answer.json()["detail"]


async def test_thresholds_are_shown_as_they_count(world: ApiWorld) -> None:
    answer = await send(world, "PUT", "thresholds/node.cpu/n-1", warning=0.5, for_s=1)
    assert answer.json()["in_force"]["warning"] == 0.5
    rows = {
        (row["metric"], row["subject"]): row
        for row in (await world.call("GET", "thresholds")).items()
    }
    assert rows["node.cpu", "*"]["origin"] == "built in"
    assert (rows["node.cpu", "n-1"]["origin"], rows["node.cpu", "n-1"]["critical"]) == ("set", None)
    gone = (await world.call("DELETE", "thresholds/node.cpu/n-1")).json()
    assert (gone["changed"], gone["in_force"]["warning"]) == (True, 0.9)
    assert (await send(world, "PUT", "thresholds/node.cpuu/*", warning=1)).status == 422
    assert (await send(world, "PUT", "thresholds/node.cpu", warning=1)).status == 422
    assert (
        await send(world, "PUT", "thresholds/cluster.nodes/-", warning=3, critical=1)
    ).status == 200


async def test_what_a_webhook_signs_with_is_shown_nowhere(world: ApiWorld) -> None:
    await world.record()
    url = "https://example.org/tok3n"
    assert (await send(world, "PUT", "webhooks/w", url=url, secret="k3y")).status == 200
    again = await send(world, "PUT", "webhooks/w", url=url, types=["NODE_*"])
    assert again.json()["changed"]
    await world.told()
    (row,) = (await world.call("GET", "webhooks")).items()
    assert (row["url"], row["signed"], row["types"]) == ("https://example.org/…", True, ["NODE_*"])
    paths = ["webhooks", "kv/webhook/w", "kv?prefix=webhook/", "changes", "events", "diff?from=1"]
    for path in paths:
        answer = await world.call("GET", path)
        assert answer.status == 200
        assert b"tok3n" not in answer.body
        assert b"k3y" not in answer.body
    assert (await world.call("POST", "webhooks/w/test")).json() == {
        "status": 200,
        "delivered": True,
    }
    assert world.teller.tried[0].secret == "k3y"  # noqa: S105 - what the test itself set
    assert (await world.call("POST", "webhooks/x/test")).status == 404


async def test_one_that_does_not_lead_asks_the_leader_about_webhooks(follower: ApiWorld) -> None:
    follower.link.answer = ApiResponse(
        status=200, headers={"content-type": "application/json"}, body=b'{"items": [1]}'
    )
    assert (await follower.call("GET", "webhooks")).json() == {"items": [1]}
    follower.link.answer = None
    assert (await follower.call("GET", "webhooks?consistency=stale")).json() == {"items": []}


async def test_log_levels_have_an_end(world: ApiWorld) -> None:
    answer = await send(world, "PUT", "log-levels/aether.rpc", level="debug", for_s=60)
    assert answer.json()["in_force"]["until"] == "2023-11-14T22:14:20.000Z"
    assert [one["logger"] for one in (await world.call("GET", "log-levels")).items()] == [
        "aether.rpc"
    ]
    assert (await world.call("DELETE", "log-levels/aether.rpc")).json()["changed"]
    assert (await send(world, "PUT", "log-levels/aether.rpc", level="loud")).status == 422


async def test_the_history_of_alerts_is_their_events(world: ApiWorld) -> None:
    await world.record()
    await world.put({"alert/node.cpu/n-1": encode(BUSY)})
    await world.put({"topology": b'{"nodes": 3, "max_nodes": 5}'})
    await world.told()
    found = (await world.call("GET", "alerts/history?subject=n-1")).items()
    assert [one["type"] for one in found] == ["ALERT_RAISED"]
    assert (await world.call("GET", f"alerts/history?after={found[0]['id']}")).items() == []


async def test_two_who_change_the_same_are_told_apart(world: ApiWorld) -> None:
    first = (await send(world, "PUT", "thresholds/node.cpu/*", warning=0.5)).json()
    again = (await send(world, "PUT", "thresholds/node.cpu/*", warning=0.5)).json()
    assert (first["changed"], again["changed"]) == (True, False)
