"""The exporter sends what waits, waits longer after failures, and stops whatever the collector does."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
import structlog

from aether.config.monitoring import OtelConfig
from aether.core.tracing.span import Span
from aether.logs import taps as log_taps
from aether.logs.lines import Line
from aether.node.clock import MonotonicClock
from aether.telemetry.exposition.exposition import Exposition
from aether.telemetry.exposition.pages import Taken
from aether.telemetry.exposition.sending import sending_source
from aether.telemetry.exposition.series import Sample, Series
from aether.telemetry.exposition.table import SERIES
from aether.telemetry.otlp.exporter import MOST_PAUSE_S, OtlpExporter, Signal
from tests.exposition_world import source_of, told

ROW = Series(name="aether_x", kind="gauge", help="X.", source="x")
TABLE = (ROW, *(row for row in SERIES if row.source == "exposition"))
POLL_S = 0.002
CONFIG = OtelConfig(endpoint="http://127.0.0.1:1", interval_s=1, queue=10)


def span(number: int) -> Span:
    return Span(
        trace="a" * 32, id=f"{number:016x}", parent="", kind="request", name="GET /", began=1.0,
        seconds=0.5,
    )  # fmt: skip


class FakeCollector:
    """Takes everything, nothing, or hangs."""

    def __init__(self) -> None:
        self.takes = True
        self.hangs = threading.Event()
        self.hangs.set()
        self.spans: list[Span] = []
        self.lines: list[Line] = []
        self.looks: list[Taken] = []
        self.closed = False

    def _answer(self) -> bool:
        self.hangs.wait(30)
        return self.takes

    def send_spans(self, spans: Sequence[Span]) -> bool:
        if self._answer():
            self.spans += spans
        return self.takes

    def send_metrics(self, table: Sequence[Series], found: Taken, now_ns: int) -> bool:
        assert table == TABLE
        assert now_ns > 0
        if self._answer():
            self.looks.append(found)
        return self.takes

    def send_lines(self, lines: Sequence[Line]) -> bool:
        if self._answer():
            self.lines += lines
        return self.takes

    def close(self) -> None:
        self.closed = True


class Rig:
    """An exporter over a collector of which a test has the say; a second passes in a moment."""

    def __init__(self, config: OtelConfig = CONFIG) -> None:
        self.collector = FakeCollector()
        self.clock = QuickClock()
        exposition = Exposition(TABLE, [], self.clock)
        exposition.add(source_of("x", Sample("aether_x", (), 1)))
        self.exporter = OtlpExporter(config, exposition, self.clock, lambda: self.collector)
        self.task = asyncio.get_running_loop().create_task(self.exporter.run())

    async def until(self, condition: Callable[["Rig"], object]) -> None:
        async with asyncio.timeout(10):
            while not condition(self):
                assert not self.task.done(), self.task
                await asyncio.sleep(POLL_S)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.exporter.stop()


class QuickClock:
    """A hundred seconds pass in one."""

    def __init__(self) -> None:
        self._real = MonotonicClock()

    def now(self) -> float:
        return self._real.now() * 100

    async def sleep(self, seconds: float) -> None:
        await self._real.sleep(seconds / 100)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    made.collector.hangs.set()
    await made.end()


async def test_spans_lines_and_series_are_sent(rig: Rig) -> None:
    await rig.until(lambda r: r.collector.looks)
    rig.exporter.offer_spans([span(1)])
    log_taps.pass_on(None, "info", {"event": "hello", "level": "info"})
    await rig.until(
        lambda r: r.collector.spans and any(line.text == "hello" for line in r.collector.lines)
    )
    assert rig.collector.spans == [span(1)]
    assert rig.collector.looks[0].values["aether_x"] == {(): 1}
    values = await told(sending_source(rig.exporter))
    assert values["aether_otlp_sent"]["traces",] == 1
    assert values["aether_otlp_dropped"] == {("traces",): 0, ("logs",): 0}


async def test_what_is_not_taken_is_sent_again_in_order(rig: Rig) -> None:
    rig.collector.takes = False
    rig.exporter.offer_spans([span(1)])
    await rig.until(lambda r: r.exporter.signals["traces"].failures >= 2)
    rig.exporter.offer_spans([span(2)])
    rig.collector.takes = True
    await rig.until(lambda r: len(r.collector.spans) == 2)
    assert rig.collector.spans == [span(1), span(2)]
    assert rig.exporter.signals["traces"].in_a_row == 0


async def test_a_batch_nobody_takes_is_given_up(rig: Rig) -> None:
    rig.collector.takes = False
    rig.exporter.offer_spans([span(1)])
    await rig.until(lambda r: r.exporter.pending["traces"].dropped == 1)
    assert rig.exporter.signals["traces"].failures >= 5
    assert len(rig.exporter.pending["traces"]) == 0


async def test_the_queue_is_bounded_while_the_collector_hangs(rig: Rig) -> None:
    await rig.until(lambda r: r.collector.looks)
    rig.collector.hangs.clear()
    for number in range(100):
        rig.exporter.offer_spans([span(number)])
    assert len(rig.exporter.pending["traces"]) <= CONFIG.queue
    assert rig.exporter.pending["traces"].dropped >= 90 - CONFIG.queue


async def test_a_node_that_stops_does_not_wait_for_a_collector_that_hangs(rig: Rig) -> None:
    await rig.until(lambda r: r.collector.looks)
    rig.collector.hangs.clear()
    rig.exporter.offer_spans([span(1)])
    began = time.monotonic()
    await rig.end()
    assert time.monotonic() - began < 2.5
    assert rig.collector.closed


async def test_what_waits_is_sent_at_the_end() -> None:
    made = Rig()
    await made.until(lambda r: r.collector.looks)
    made.task.cancel()
    await asyncio.gather(made.task, return_exceptions=True)
    made.exporter.offer_spans([span(9)])
    await made.exporter.stop()
    assert made.collector.spans == [span(9)]
    assert made.collector.closed


async def test_signals_that_are_not_wanted_are_not_sent() -> None:
    config = OtelConfig(endpoint="http://h:1", traces=False, metrics=False, logs=False)
    made = Rig(config)
    await made.until(lambda r: r.exporter._collector is r.collector)
    made.exporter.offer_spans([span(1)])
    structlog.get_logger().info("nobody asks for this")
    await made.end()
    assert (made.collector.spans, made.collector.lines, made.collector.looks) == ([], [], [])


def test_pauses_double_up_to_a_bound() -> None:
    signal, pauses = Signal("traces"), list[float]()
    for _ in range(8):
        signal.note(100.0, taken=False, regular_s=0.0)
        pauses.append(signal.due - 100.0)
    assert pauses == [1, 2, 4, 8, 16, MOST_PAUSE_S, MOST_PAUSE_S, MOST_PAUSE_S]
    signal.note(200.0, taken=True, regular_s=10.0)
    assert (signal.due, signal.in_a_row, signal.failures) == (210.0, 0, 8)


def test_a_day_of_failures_is_no_number_too_large() -> None:
    signal = Signal("traces", in_a_row=100_000)
    signal.note(100.0, taken=False, regular_s=0.0)
    assert signal.due == 100.0 + MOST_PAUSE_S


async def test_a_link_that_cannot_be_opened_is_tried_again_and_ends_nothing() -> None:
    made, tries = Rig(), list[int]()

    def connect() -> FakeCollector:
        tries.append(len(tries))
        if len(tries) < 3:
            raise ValueError("no such compression: zstd")
        return made.collector

    made.exporter._connect = connect
    made.exporter.offer_spans([span(1)])
    await made.until(lambda r: r.collector.spans)
    await made.end()
    assert (tries, made.collector.spans) == ([0, 1, 2], [span(1)])


async def test_a_look_that_fails_does_not_end_the_exporter(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = list[int]()

    async def look() -> Taken:
        looks.append(1)
        raise KeyError("a series nobody declared")

    monkeypatch.setattr(rig.exporter._exposition, "look", look)
    await rig.until(lambda _: len(looks) >= 2)
    rig.exporter.offer_spans([span(1)])
    await rig.until(lambda r: r.collector.spans)
    assert rig.collector.spans == [span(1)]
