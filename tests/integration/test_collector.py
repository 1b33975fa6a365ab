"""Traces, series and lines arrive at a real collector whole, and nothing hangs when there is none."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import grpc
import pytest

from aether.config.monitoring import OtelConfig
from aether.core.tracing.span import ENTRY, Span
from aether.logs import taps as log_taps
from aether.logs.lines import Line
from aether.node.clock import MonotonicClock
from aether.telemetry.exposition.bounds import BOUNDS_S
from aether.telemetry.exposition.exposition import Exposition
from aether.telemetry.exposition.pages import Taken
from aether.telemetry.exposition.series import Sample, Series, Spread
from aether.telemetry.exposition.table import SERIES
from aether.telemetry.otlp.collector import GrpcCollector, Identity
from aether.telemetry.otlp.exporter import OtlpExporter
from aether.telemetry.otlp.opening import open_exporter
from tests.exposition_world import source_of
from tests.integration.collector_rig import Received, collector

SENDER = Identity(node="n-1", version="1.2", cluster="c-1")
TRACE, ENTRY_ID, CHILD_ID = (
    "0af7651916cd43dd8448eb211c80319c",
    "b7ad6b7169203331",
    "00f067aa0ba902b7",
)
BEGAN_NS = 1_000_000_000
POLL_S = 0.01


@pytest.fixture
def running() -> Iterator[tuple[str, Received]]:
    with collector() as made:
        yield made


def link(endpoint: str, timeout_s: float = 5.0) -> GrpcCollector:
    return GrpcCollector(endpoint, timeout_s, SENDER, BEGAN_NS)


def entry(**more: object) -> Span:
    fields: dict[str, object] = {
        "trace": TRACE, "id": ENTRY_ID, "parent": "", "kind": "request", "name": "GET /orders",
        "began": 100.0, "seconds": 0.25, "node": "n-1", "process": "router 0", "slice": "s:o",
        "status": 200, "marks": ENTRY,
    }  # fmt: skip
    return Span(**{**fields, **more})  # type: ignore[arg-type] # a test's own fields


def test_spans_arrive_as_they_were(running: tuple[str, Received]) -> None:
    endpoint, received = running
    made = link(endpoint)
    failed = entry(
        id=CHILD_ID, parent=ENTRY_ID, kind="attempt", status=503, problem="gone", marks=0
    )
    assert made.send_spans([entry(), failed])
    first, second = received.spans
    assert first.trace_id.hex() == second.trace_id.hex() == TRACE
    assert first.span_id.hex() == ENTRY_ID
    assert first.parent_span_id == b""
    assert second.parent_span_id.hex() == ENTRY_ID
    assert (first.name, first.kind, second.kind) == ("GET /orders", 2, 3)  # SERVER, CLIENT
    assert first.start_time_unix_nano == 100_000_000_000
    assert first.end_time_unix_nano - first.start_time_unix_nano == 250_000_000
    assert (first.status.code, second.status.code, second.status.message) == (0, 2, "gone")
    attributes = {one.key: one.value for one in first.attributes}
    assert attributes["aether.slice"].string_value == "s:o"
    assert attributes["http.response.status_code"].int_value == 200
    assert received.resources[0] == {
        "service.name": "aether",
        "service.namespace": "c-1",
        "service.instance.id": "n-1",
        "service.version": "1.2",
    }
    made.close()


def test_series_arrive_with_their_units_and_buckets(running: tuple[str, Received]) -> None:
    endpoint, received = running
    made = link(endpoint)
    table = (
        Series(name="aether_a", kind="counter", help="A.", source="s", labels=("x",), most=2),
        Series(name="aether_b_seconds", kind="histogram", help="B.", source="s", unit="seconds"),
        Series(name="aether_c_bytes", kind="gauge", help="C.", source="s", unit="bytes"),
    )
    below = (*range(1, 20), 25)
    found = Taken(
        {
            "aether_a": {("1",): 3, ("2",): 4.5},
            "aether_b_seconds": {(): Spread(below, 9.5)},
            "aether_c_bytes": {(): True},
        },
        {},
    )
    assert made.send_metrics(table, found, 5_000_000_000)
    counter, histogram, gauge = received.metrics
    assert (counter.name, histogram.unit, gauge.unit) == ("aether_a", "s", "By")
    assert counter.description == "A."
    assert counter.sum.is_monotonic
    assert counter.sum.aggregation_temporality == 2  # cumulative
    points = {one.attributes[0].value.string_value: one for one in counter.sum.data_points}
    assert points["1"].as_int == 3
    assert points["2"].as_double == 4.5
    assert points["1"].start_time_unix_nano == BEGAN_NS
    assert points["1"].time_unix_nano == 5_000_000_000
    (spread,) = histogram.histogram.data_points
    assert (spread.count, spread.sum) == (25, 9.5)
    assert list(spread.explicit_bounds) == list(BOUNDS_S)
    assert list(spread.bucket_counts) == [1] * 19 + [6]
    assert not spread.HasField("min")
    assert gauge.gauge.data_points[0].as_int == 1
    made.close()


def test_many_values_go_in_several_messages(running: tuple[str, Received]) -> None:
    endpoint, received = running
    made = link(endpoint)
    row = Series(name="aether_a", kind="gauge", help="A.", source="s", labels=("x",), most=5000)
    found = Taken({"aether_a": {(str(n),): n for n in range(5000)}}, {})
    assert made.send_metrics((row,), found, 1)
    assert received.calls == 3
    assert sum(len(metric.gauge.data_points) for metric in received.metrics) == 5000
    made.close()


def test_lines_arrive_with_their_trace(running: tuple[str, Received]) -> None:
    endpoint, received = running
    made = link(endpoint)
    known = Line(
        7, "warning", "slow", TRACE, ENTRY_ID, {"slice": "s:o", "took_s": 1.5, "hot": True}
    )
    stray = Line(8, "strange", "other", "no trace", "", {})
    assert made.send_lines([known, stray])
    first, second = received.records
    assert (first.body.string_value, first.severity_text, first.severity_number) == (
        "slow",
        "warning",
        13,
    )
    assert first.trace_id.hex() == TRACE
    assert first.span_id.hex() == ENTRY_ID
    assert first.time_unix_nano == 7
    assert {one.key for one in first.attributes} == {"slice", "took_s", "hot"}
    assert second.trace_id == b""
    assert second.severity_number == 0
    made.close()


def test_a_refusal_is_told(running: tuple[str, Received]) -> None:
    endpoint, received = running
    received.refuse = grpc.StatusCode.INVALID_ARGUMENT
    made = link(endpoint)
    assert not made.send_spans([entry()])
    assert not made.send_lines([Line(1, "info", "x", "", "", {})])
    made.close()


def test_nobody_there_takes_its_time_and_no_more() -> None:
    with collector() as (endpoint, _):
        pass
    made = link(endpoint, timeout_s=1.0)
    began = time.monotonic()
    assert not made.send_spans([entry()])
    assert time.monotonic() - began < 3.0
    made.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the server's threads announce nothing
            await asyncio.sleep(POLL_S)


def exporter(endpoint: str) -> OtlpExporter:
    clock = MonotonicClock()
    config = OtelConfig(endpoint=endpoint, interval_s=1, timeout_s=2)
    exposition = Exposition(SERIES, [], clock)
    exposition.add(source_of("store", Sample("aether_store_term", (), 3)))
    sender = {"node": "n-1", "version": "1", "cluster": "c"}
    made = open_exporter(config, exposition, clock, sender=sender)
    assert made is not None
    return made


async def test_a_whole_exporter_and_a_collector_that_comes_back(
    running: tuple[str, Received],
) -> None:
    endpoint, received = running
    made = exporter(endpoint)
    task = asyncio.get_running_loop().create_task(made.run())
    received.refuse = grpc.StatusCode.UNAVAILABLE
    made.offer_spans([entry()])
    await until(lambda: made.signals["traces"].failures > 0)
    received.refuse = None
    log_taps.pass_on(None, "info", {"event": "back", "level": "info"})
    await until(lambda: bool(received.spans and received.metrics and received.records))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await made.stop()
    assert received.spans[0].span_id.hex() == ENTRY_ID
    assert "aether_store_term" in {metric.name for metric in received.metrics}
    assert any(record.body.string_value == "back" for record in received.records)


async def test_a_collector_that_hangs_holds_up_no_stop(running: tuple[str, Received]) -> None:
    endpoint, received = running
    made = exporter(endpoint)
    task = asyncio.get_running_loop().create_task(made.run())
    received.hang.clear()
    made.offer_spans([entry()])
    await until(lambda: received.calls > 0)
    began = time.monotonic()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await made.stop()
    assert time.monotonic() - began < 2.5


_PROGRAM = """
import asyncio, sys
sys.path[:0] = sys.argv[2].split(":")
from tests.integration.test_collector import POLL_S, entry, exporter

async def main():
    made = exporter(sys.argv[1])
    task = asyncio.get_running_loop().create_task(made.run())
    for _ in range(100):
        made.offer_spans([entry()])
    while made._collector is None:
        await asyncio.sleep(POLL_S)
    while made.signals["metrics"].due == 0.0 and len(made.pending["traces"]):
        await asyncio.sleep(POLL_S)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await made.stop()

asyncio.run(main())
print("ended")
"""


def test_a_process_ends_though_its_collector_hangs(running: tuple[str, Received]) -> None:
    endpoint, received = running
    received.hang.clear()
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, endpoint, ":".join(sys.path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.endswith("\nended\n"), done.stdout + done.stderr
    assert done.returncode == 0
    assert time.monotonic() - began < 30
    assert received.calls >= 1
