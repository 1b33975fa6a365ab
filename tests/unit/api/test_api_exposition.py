"""`GET /metrics`: text, not JSON, and packed when asked."""

import gzip
import json
from dataclasses import replace

from aether.api.exposition import get_metrics
from aether.api.service import Api
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import ClusterRecord, Verdict, encode
from aether.node.clock import MonotonicClock
from aether.ports import ApiRequest, ApiResponse
from aether.telemetry.exposition.exposition import Exposition
from aether.telemetry.exposition.store import store_source
from aether.telemetry.exposition.table import SERIES
from tests.api_world import ApiWorld
from tests.exposition_world import read_text
from tests.worlds import nodes


async def scrape(world: ApiWorld, **headers: str) -> ApiResponse:
    source = store_source(world.group, world.store)
    made = replace(world.context, exposition=Exposition(SERIES, [source], MonotonicClock()))
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await Api(made).handle(ApiRequest(method="GET", path="/metrics", headers=names))


async def test_openmetrics_for_who_asks_for_it(world: ApiWorld) -> None:
    answer = await scrape(world, accept="application/openmetrics-text; version=1.0.0")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.headers["x-request-id"]
    assert read_text(answer.body)["aether_store_term", frozenset()] == 3


async def test_the_older_text_packed(world: ApiWorld) -> None:
    answer = await scrape(world, accept_encoding="deflate, gzip")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.headers["content-encoding"] == "gzip"
    assert b"\naether_store_term 3.0\n" in gzip.decompress(answer.body)


async def test_a_node_that_is_told_not_to_tells_nothing(world: ApiWorld) -> None:
    answer = await world.call("GET", "/metrics")
    assert answer.status == 503
    assert "metrics.enabled" in answer.json()["detail"]
    assert get_metrics.__doc__ is not None


async def test_prometheus_is_told_whom_to_scrape(world: ApiWorld) -> None:
    view = nodes("node-1", "node-2")
    gone = replace(view.verdicts[NodeId("node-2")], verdict=Verdict.DECOMMISSIONED)
    await world.hold(replace(view, verdicts={**view.verdicts, NodeId("node-2"): gone}))
    await world.put({keys.CLUSTER: encode(ClusterRecord(cluster_id="c-1"))})
    answer = await world.call("GET", "/metrics/targets")
    assert json.loads(answer.body) == [
        {
            "targets": [view.nodes[NodeId("node-1")].management],
            "labels": {"instance": "node-1", "cluster": "c-1"},
        }
    ]
