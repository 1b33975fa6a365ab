"""What routers counted, as the API tells it: of this node, of all, and with whom silent."""

import msgspec
import pytest

from aether.core.dataplane.route_counts import RouteCounts, call_key, route_key
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import Verdict, VerdictRecord, encode
from aether.ports import ApiResponse
from tests.api_world import ApiWorld
from tests.worlds import nodes

LINKS = route_key("GET", "", "/{code}", "g:links")
SECOND, THIRD = NodeId("node-2"), NodeId("node-3")


def counted(world: ApiWorld, requests: int = 3, run: str = "r") -> None:
    """Have a router of this node report requests, one in flight and one that failed."""
    counts = RouteCounts()
    for status in [200] * requests + [502]:
        counts.began(LINKS)
        counts.ended(LINKS, "1.0.0", "GET", status, 0.02, bytes_in=0, bytes_out=10, retries=0)
    counts.began(call_key("g:clicks"))
    message = {
        "op": "counts",
        "run": run,
        "age_s": 1.0,
        "in_flight": dict(counts.in_flight),
        "series": [msgspec.to_builtins(series) for series in counts.changed(100)],
    }
    assert world.traffic.take(message) == run


async def test_rates_errors_and_latencies_of_this_node(world: ApiWorld) -> None:
    counted(world)
    answer = (await world.call("GET", "routes/stats")).json()
    assert answer["nodes"] == ["node-1"]
    assert answer["silent"] == []
    assert answer["in_flight"] == [{"route": "call", "slice": "g:clicks", "requests": 1}]
    (series,) = answer["series"]
    names = [series[name] for name in ("route", "slice", "version", "method")]
    assert names == ["GET /{code}", "g:links", "1.0.0", "GET"]
    assert (series["requests"], series["total"], series["errors"]) == (4, 4, 0.25)
    assert series["statuses"] == {"2xx": 3, "5xx": 1}
    assert series["rate"] == pytest.approx(4.0, abs=0.01)
    assert series["p50_ms"] == pytest.approx(20.0, rel=1 / 32)
    assert "buckets" not in series


async def test_only_one_slice_and_only_what_got_requests(world: ApiWorld) -> None:
    counted(world)
    other = (await world.call("GET", "routes/stats?slice=g:clicks")).json()
    assert other["series"] == []
    assert len(other["in_flight"]) == 1
    links = (await world.call("GET", "routes/stats?slice=g:links&idle=true&buckets=true")).json()
    assert links["in_flight"] == []
    assert sum(links["series"][0]["buckets"][1::2]) == 4


async def test_a_window_has_bounds(world: ApiWorld) -> None:
    for window in ("0", "121", "x"):
        answer = await world.call("GET", f"routes/stats?window={window}")
        assert answer.status == 422
        assert "is not a whole number from 1 to 120" in answer.json()["detail"]


async def test_all_nodes_add_up_and_the_gone_are_not_asked(world: ApiWorld) -> None:
    await world.hold(nodes("node-1", "node-2", "node-3"))
    gone = VerdictRecord(verdict=Verdict.LOST, incarnation="")
    await world.put({keys.verdict(THIRD): encode(gone)})
    counted(world)
    own = await world.call("GET", "routes/stats?idle=true&buckets=true")
    world.link.answers[SECOND] = ApiResponse(status=200, body=own.body)
    answer = (await world.call("GET", "routes/stats?cluster=true&window=5")).json()
    ((asked, request),) = world.link.asked
    assert asked == SECOND
    assert request.path == "/api/v1/routes/stats?window=5&idle=true&buckets=true"
    assert answer["nodes"] == ["node-1", "node-2"]
    assert (answer["series"][0]["requests"], answer["series"][0]["total"]) == (8, 8)
    assert answer["series"][0]["statuses"] == {"2xx": 6, "5xx": 2}
    assert answer["in_flight"][0]["requests"] == 2


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (None, "does not answer"),
        (b"[]", "has no series"),
        (b'{"series": [1]}', "Expected"),
        (b'{"series": [{"statuses": {}}]}', "missing required field"),
    ],
)
async def test_who_says_nothing_of_use_is_named(
    world: ApiWorld, body: bytes | None, problem: str
) -> None:
    await world.hold(nodes("node-1", "node-2"))
    counted(world)
    if body is not None:
        world.link.answers[SECOND] = ApiResponse(status=200, body=body)
    answer = (await world.call("GET", "routes/stats?cluster=true")).json()
    assert answer["nodes"] == ["node-1"]
    (silent,) = answer["silent"]
    assert silent["node"] == "node-2"
    assert problem in silent["problem"]
    assert answer["series"][0]["requests"] == 4
