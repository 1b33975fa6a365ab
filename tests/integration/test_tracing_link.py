"""Spans from a router to its node over a real table link, and back what is to be recorded."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId
from aether.core.tracing.sampling import TracingSettings
from aether.dataplane.feed import TableFeed
from aether.dataplane.table_client import TableClient
from aether.dataplane.tracing import Tracing
from aether.frames import read_frame, write_frame
from aether.logs.orders import LogOrders, plain_orders
from aether.logs.process import ProcessLogs
from aether.logs.taps import hand_on
from aether.tasks import Tasks
from aether.telemetry.lines import NodeLines
from aether.telemetry.traces import NodeTraces
from tests.integration.router_rig import until
from tests.spans import TRACE, plain, span
from tests.unit.dataplane.play import Play, endpoint
from tests.unit.telemetry.test_node_lines import Taker


class Both:
    """A feed with the traces of its node, and a router's side of the link."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.traces = NodeTraces("n-1")
        self.lines, self.taker = NodeLines("n-1"), Taker()
        self.lines.send_to(self.taker)
        self.orders: list[LogOrders] = []
        self.logs = ProcessLogs(self.orders.append)
        self.feed = TableFeed(folder / "link", None, self.traces, self.lines)
        self.play = Play(endpoint(0))
        self.tracing: Tracing = self.play.context.tracing
        table = Table(revision=0, node=NodeId("n-1"))
        self.client = TableClient(
            folder / "link",
            folder / "table",
            lambda _: None,
            table,
            None,
            self.tracing,
            logs=self.logs,
        )

    def fail(self) -> None:
        """Have a request fail that is between slices and not sampled."""
        self.play.asker.is_finished = False
        self.play.start()
        self.play.exchange.client_lost()

    @property
    def told(self) -> int:
        trace = self.play.head.traceparent[3:35].decode()
        return len(self.traces.shelf.trace(trace))


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    made = Both(folder)
    await made.feed.start()
    tasks = Tasks()
    tasks.start("client", made.client.run())
    await until(lambda: made.feed.using)
    yield made
    await tasks.stop()
    await made.feed.stop()
    shutil.rmtree(folder)


async def test_settings_reach_routers_now_and_later(both: Both) -> None:
    both.feed.tell_tracing(TracingSettings(1.0, 3.0))
    await until(lambda: both.tracing.has_settings)
    assert both.tracing.slow_s == 3.0
    assert both.tracing.traces.new().endswith(b"-01")
    reader, writer = await asyncio.open_unix_connection(str(both.folder / "link"))
    await write_frame(writer, {"op": "hello", "pid": 9, "traces": True})
    assert await read_frame(reader) == {"op": "tracing", "sample": 1.0, "slow_s": 3.0}
    writer.close()


async def test_what_is_asked_for_is_shipped(both: Both) -> None:
    both.feed.tell_tracing(TracingSettings())
    both.fail()
    trace = both.play.head.traceparent[3:35].decode()
    both.feed.ask([trace])
    await until(lambda: both.told)
    assert both.traces.shelf.trace(trace)[0].kind == "request"


async def test_a_router_that_knows_no_traces_is_told_nothing_of_them(both: Both) -> None:
    reader, writer = await asyncio.open_unix_connection(str(both.folder / "link"))
    await write_frame(writer, {"op": "hello", "pid": 9})
    await until(lambda: 9 in both.feed.using)
    both.feed.tell_tracing(TracingSettings(0.5))
    both.feed.ask([TRACE])
    await write_frame(writer, {"op": "nothing"})
    answer = await read_frame(reader)
    assert answer is not None
    assert answer["op"] == "error"
    writer.close()


async def test_what_is_no_span_is_refused_and_the_link_lives_on(both: Both) -> None:
    reader, writer = await asyncio.open_unix_connection(str(both.folder / "link"))
    await write_frame(writer, {"op": "hello", "pid": 9})
    await write_frame(writer, {"op": "spans", "spans": [["x"]]})
    await write_frame(writer, {"op": "spans", "spans": plain(span(1))})
    await until(lambda: both.traces.shelf.trace(TRACE))
    assert len(both.traces.shelf) == 1
    del reader
    writer.close()


async def test_lines_of_a_router_come_and_nonsense_is_refused(both: Both) -> None:
    both.feed.tell_logs(LogOrders(lines=True))
    await until(lambda: both.orders)
    hand_on({"event": "answer cut short", "process": "router"})
    await until(lambda: both.taker.lines)
    assert both.taker.lines[0].fields == {"process": "router", "node": "n-1"}
    reader, writer = await asyncio.open_unix_connection(str(both.folder / "link"))
    await write_frame(writer, {"op": "hello", "pid": 9, "logs": True})
    assert await read_frame(reader) == {"op": "logs", **plain_orders(LogOrders(lines=True))}
    with structlog.testing.capture_logs() as logs:
        await write_frame(writer, {"op": "lines", "lines": [7], "dropped": 3})
        await until(lambda: logs)
    assert logs[0]["event"] == "lines refused"
    assert both.taker.lost == 0
    writer.close()
    both.logs.close()
