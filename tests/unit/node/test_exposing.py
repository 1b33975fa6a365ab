"""What a node tells is put together of all its parts; a collector only where there is one."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from aether.config.monitoring import OtelConfig
from aether.config.node import NodeConfig
from aether.core.alerts.book import AlertBook
from aether.core.model.ids import NodeId
from aether.core.model.plan import Plan
from aether.core.model.view import ClusterView
from aether.node.clock import MonotonicClock
from aether.node.exposing import Told, expose
from aether.telemetry.exposition.table import SERIES
from aether.telemetry.lines import NodeLines
from aether.telemetry.traces import NodeTraces
from aether.telemetry.traffic import NodeTraffic
from tests.api_world import FakeGroup, FakeRouters

NODE = NodeId("node-1")


class Api:
    """An API that was called."""

    counts = SimpleNamespace(counts={("status.get", 200): (2, 0.5)})


WANTED: list[str] = []


def parts(run: Path, otel: OtelConfig) -> Told:
    clock, nothing = MonotonicClock(), SimpleNamespace(leader=NODE, revision=5)
    fields: dict[str, Any] = {
        "config": NodeConfig(node_id=NODE, otel=otel),
        "cluster_id": "c-1",
        "run": run,
        "clock": clock,
        "node_store": SimpleNamespace(store=nothing, group=FakeGroup()),
        "control": SimpleNamespace(view=ClusterView, last_plan=Plan()),
        "scaling": SimpleNamespace(judged={}, decisions=SimpleNamespace(next_number=1)),
        "forecasting": SimpleNamespace(
            forecaster=None, problem="none", trust={}, forecasts=dict, age_of=float
        ),
        "traces": NodeTraces(NODE),
        "lines": NodeLines(NODE),
        "want_lines": lambda: WANTED.append("lines"),
        "alerts": AlertBook,
        "traffic": NodeTraffic(clock),
        "routers": FakeRouters(),
        "metrics": SimpleNamespace(
            nodes=dict, age_s=0.5, refused=0, instances=lambda _: [], loads=dict
        ),
        "is_ready": lambda: True,
    }
    return Told(**fields)


class NoTasks:
    """Starts nothing."""

    def start(self, name: str, work: Any) -> None:
        raise AssertionError(f"{name} was started: {work}")


async def test_every_source_tells_something(tmp_path: Path) -> None:
    (tmp_path / "node.pid").write_text("1 1.0")
    exposing = expose(parts(tmp_path, OtelConfig()))
    exposing.start(cast("Any", NoTasks()), cast("Any", Api()))
    found = await exposing.exposition.look()
    failures = found.values["aether_exposition_failures"]
    assert set(failures.values()) == {0}, failures
    sources = {row.source: row.name for row in SERIES if row.name in found.values}
    assert set(sources) == {row.source for row in SERIES} - {"otlp"}
    assert found.values["aether_api_calls"] == {("status.get", "200"): 2}
    assert found.values["aether_store_revision"] == {(): 5}
    assert exposing.exporter is None
    await exposing.stop()


async def test_with_an_endpoint_spans_that_are_kept_wait_to_be_sent(tmp_path: Path) -> None:
    told = parts(tmp_path, OtelConfig(endpoint="http://127.0.0.1:1"))
    exposing = expose(told)
    assert exposing.exporter is not None
    told.traces.take_of_router([["a" * 32, "b" * 16, "", "request", "GET /", 1.0, 0.5]])
    assert len(exposing.exporter.pending["traces"]) == 1
    assert WANTED == ["lines"]
    told.lines.take_of_host([[1, "info", "said", "", "", {}]], "g:a", "g:a:1.0.0/0")
    told.lines.note_dropped(2)
    logs = exposing.exporter.pending["logs"]
    assert (len(logs), logs.dropped) == (1, 2)
    found = await exposing.exposition.look()
    assert found.values["aether_otlp_waiting"]["traces",] == 1
    await exposing.stop()
