"""Methods and slow calls, as the API tells them: of this node, of all, and with whom silent."""

import msgspec
import pytest

from aether.core.dataplane.route_counts import NO_ROUTE, RouteCounts, call_key, route_key
from aether.core.dataplane.slow_calls import SlowCall
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import encode
from aether.ports import ApiResponse
from tests.api_world import ApiWorld
from tests.worlds import nodes

GET = route_key("GET", "", "/{code}", "g.x:links")
SECOND = NodeId("node-2")


def slow_call(at_ms: int, route: str = GET) -> SlowCall:
    return SlowCall(at_ms, route, "1.0.0", "GET", 200, 1.25, 0.5, "t" * 32, "g.x:links:1.0.0/0")


def counted(world: ApiWorld, *slow: SlowCall) -> None:
    counts = RouteCounts()
    for route, seconds in ((GET, 0.02), (GET, 0.04), (call_key("g.x:clicks"), 0.01)):
        counts.began(route)
        counts.ended(route, "1.0.0", "GET", 200, seconds, bytes_in=0, bytes_out=0, retries=1)
    counts.answered(NO_ROUTE, "GET", 404)
    message = {
        "op": "counts",
        "run": "r",
        "age_s": 1.0,
        "in_flight": {},
        "series": [msgspec.to_builtins(series) for series in counts.changed(100)],
        "slow": [msgspec.to_builtins(one) for one in slow],
    }
    world.traffic.take(message)


async def with_two_nodes(world: ApiWorld) -> None:
    view = nodes("node-1", "node-2")
    await world.put({keys.node(node): encode(record) for node, record in view.nodes.items()})


async def test_each_method_of_each_version_is_told(world: ApiWorld) -> None:
    counted(world)
    answer = (await world.call("GET", "invocations")).json()
    assert answer["nodes"] == ["node-1"]
    assert [(one["slice"], one["route"], one["method"]) for one in answer["items"]] == [
        ("g.x:links", "GET /{code}", "GET"),
        ("g.x:clicks", "call", "GET"),
    ]
    links = answer["items"][0]
    assert (links["version"], links["requests"], links["retries"]) == ("1.0.0", 2, 2)
    assert links["mean_ms"] == pytest.approx(30, rel=0.01)
    assert links["p50_ms"] == pytest.approx(20, rel=0.04)
    assert links["p99_ms"] == pytest.approx(40, rel=0.04)
    only = (await world.call("GET", "invocations?slice=g.x:clicks&this_node=true")).json()
    assert [one["slice"] for one in only["items"]] == ["g.x:clicks"]


async def test_slow_calls_of_all_nodes_are_told_newest_first(world: ApiWorld) -> None:
    counted(world, slow_call(1_000), slow_call(3_000))
    await with_two_nodes(world)
    theirs = {"items": [{"at": "1970-01-01T00:00:02.000+00:00", "slice": "g.x:links", "ms": 9}]}
    world.link.answers[SECOND] = ApiResponse(status=200, body=msgspec.json.encode(theirs))
    answer = (await world.call("GET", "invocations/slow")).json()
    assert answer["nodes"] == ["node-1", "node-2"]
    assert [one["at"][17:19] for one in answer["items"]] == ["03", "02", "01"]
    first = answer["items"][0]
    assert (first["route"], first["ms"], first["slow_after_ms"]) == ("GET /{code}", 1250.0, 500.0)
    assert (first["trace"], first["node"]) == ("t" * 32, "node-1")
    assert len((await world.call("GET", "invocations/slow?limit=1")).json()["items"]) == 1
    assert (await world.call("GET", "invocations/slow?slice=g.x:none")).json()["items"] == []


async def test_a_peer_that_talks_nonsense_is_named_and_left_out(world: ApiWorld) -> None:
    counted(world, slow_call(1_000))
    await with_two_nodes(world)
    world.link.answers[SECOND] = ApiResponse(status=200, body=b'{"items": 7}')
    answer = (await world.call("GET", "invocations/slow")).json()
    assert [one["node"] for one in answer["silent"]] == ["node-2"]
    assert len(answer["items"]) == 1
