"""Spans from a host to its node over a real socket, and back which traces are wanted."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import cast

import pytest

from aether.core.model.ids import SliceBase
from aether.core.tracing.span import Span
from aether.frames import read_frame, write_frame
from aether.host import spans
from aether.host.gateway import HostGateway
from aether.host.span_link import PERIOD_S, SpanLink
from aether.host.spans import SpanRecorder
from aether.logs.buffer import MOST_WAITING
from aether.logs.orders import LogOrders
from aether.logs.process import ProcessLogs
from aether.logs.taps import hand_on
from aether.ports import Store
from aether.telemetry.lines import NodeLines
from aether.telemetry.traces import NodeTraces
from tests.integration.router_rig import until
from tests.spans import TRACE, plain, span
from tests.unit.telemetry.test_node_lines import Taker

PARENT = "b7ad6b7169203331"
KNOWN_AS = "secret-a"


class Both:
    """A gateway with the traces of its node, and a host that records."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "node.sock"
        self.traces = NodeTraces("n-1")
        self.bases = {KNOWN_AS: SliceBase("g:a")}
        self.recorder = SpanRecorder("g:a:1.0.0/0", "g:a")
        self.orders: list[LogOrders] = []
        self.logs = ProcessLogs(self.orders.append)
        self.link = SpanLink(self.socket, KNOWN_AS, self.recorder, self.logs)
        self.lines, self.taker = NodeLines("n-1"), Taker()
        self.lines.send_to(self.taker)
        self.gateway = self.make_gateway()

    def make_gateway(self) -> HostGateway:
        return HostGateway(
            self.socket, cast("Store", None), self.bases.get, self.traces, self.lines
        )

    def request(self, flags: str) -> None:
        begun = self.recorder.begin("GET", b"/x", f"00-{TRACE}-{PARENT}-{flags}".encode())
        assert begun is not None
        self.recorder.handled(begun, 200)

    @property
    def told(self) -> int:
        return len(self.traces.shelf.trace(TRACE))


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    made = Both(folder)
    await made.gateway.start()
    made.link.start()
    made.link.start()  # a second time changes nothing
    yield made
    await made.link.stop()
    await made.gateway.stop()
    shutil.rmtree(folder)


async def test_what_is_sampled_comes_by_itself(both: Both) -> None:
    both.request("01")
    await until(lambda: both.told)
    (found,) = both.traces.shelf.trace(TRACE)
    assert (found.node, found.slice, found.process) == ("n-1", "g:a", "g:a:1.0.0/0")
    assert (found.name, found.parent) == ("GET /x", PARENT)


async def test_what_is_not_sampled_comes_when_it_is_asked_for(both: Both) -> None:
    both.request("01")
    await until(lambda: both.told == 1)  # the link is up
    both.request("00")
    both.gateway.ask([TRACE])
    await until(lambda: both.told == 2)
    assert both.recorder.take(10) == []


async def test_a_node_that_comes_back_hears_again(both: Both) -> None:
    both.request("01")
    await until(lambda: both.told == 1)
    await both.gateway.stop()
    both.request("01")
    both.gateway = both.make_gateway()
    await both.gateway.start()
    await until(lambda: both.told == 2)
    assert both.recorder.dropped == 0


async def test_a_host_that_records_nothing_does_not_stir(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    both.request("01")
    await until(lambda: both.told == 1)
    looks: list[int] = []
    take = both.recorder.take

    def counted(most: int) -> Sequence[Span]:
        looks.append(most)
        return take(most)

    monkeypatch.setattr(both.recorder, "take", counted)
    waited_s = 4 * PERIOD_S
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(waited_s):
            await until(lambda: len(looks) > 1)  # the one after the span that came
    both.request("01")
    await until(lambda: both.told == 2)
    assert looks


async def test_spans_of_another_thread_come_with_what_was_lost(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spans, "MOST_WAITING", 2)

    def work() -> None:
        for _ in range(5):
            both.request("01")

    await asyncio.to_thread(work)
    await until(lambda: both.told == 2)
    assert both.traces.counts()["dropped"] == 3


async def test_the_last_spans_are_shipped_at_the_end(both: Both) -> None:
    both.request("01")
    await until(lambda: both.told == 1)
    both.request("01")
    await both.link.stop()
    await until(lambda: both.told == 2)
    assert both.recorder.take(10) == []


async def test_what_a_host_may_not_say_is_refused_and_the_link_lives_on(both: Both) -> None:
    reader, writer = await asyncio.open_unix_connection(str(both.socket))
    for fields in ({"token": "other", "spans": []}, {"token": KNOWN_AS, "spans": [["x"]]}):
        await write_frame(writer, {"id": 1, "op": "spans", **fields})
        answer = await read_frame(reader)
        assert answer is not None
        assert answer["ok"] is False
    await write_frame(writer, {"id": 2, "op": "spans", "token": KNOWN_AS, "spans": plain(span(1))})
    assert await read_frame(reader) == {"id": 2, "ok": True}
    assert both.told == 1
    writer.close()


async def test_a_node_that_knows_no_spans_is_left_in_peace() -> None:
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    gateway = HostGateway(
        folder / "node.sock", cast("Store", None), {KNOWN_AS: SliceBase("g:a")}.get
    )
    await gateway.start()
    reader, writer = await asyncio.open_unix_connection(str(folder / "node.sock"))
    await write_frame(writer, {"id": 0, "op": "spans.hello", "token": KNOWN_AS})
    answer = await read_frame(reader)
    assert answer is not None
    assert (answer["ok"], answer["code"]) == (False, "invalid")
    writer.close()
    await gateway.stop()
    shutil.rmtree(folder)


async def test_a_host_hears_what_to_log_now_later_and_from_a_node_that_comes_back(
    both: Both,
) -> None:
    both.request("01")
    await until(lambda: both.told == 1)
    assert both.orders == [], "nothing is said before the node knows"
    orders = LogOrders(loggers={"shop.orders": "debug"})
    both.gateway.tell_logs(orders)
    await until(lambda: both.orders == [orders])
    await both.gateway.stop()
    both.gateway = both.make_gateway()
    both.gateway.tell_logs(LogOrders())
    await both.gateway.start()
    await until(lambda: both.orders == [orders, LogOrders()])


async def test_a_host_of_an_earlier_version_is_told_nothing_it_does_not_know(both: Both) -> None:
    both.gateway.tell_logs(LogOrders(level="debug"))
    reader, writer = await asyncio.open_unix_connection(str(both.socket))
    await write_frame(writer, {"id": 0, "token": KNOWN_AS, "op": "spans.hello"})
    assert await read_frame(reader) == {"id": 0, "ok": True}
    both.gateway.tell_logs(LogOrders(level="error"))
    both.gateway.ask([TRACE])
    assert await read_frame(reader) == {"event": "traces", "asked": [TRACE]}
    writer.close()


async def test_lines_come_while_they_are_wanted(both: Both) -> None:
    both.request("01")
    await until(lambda: both.told == 1)
    hand_on({"event": "nobody wants it"})
    both.gateway.tell_logs(LogOrders(lines=True))
    await until(lambda: both.orders)
    await asyncio.to_thread(hand_on, {"event": "ordered", "trace_id": TRACE})
    await until(lambda: both.taker.lines)
    (line,) = both.taker.lines
    assert (line.text, line.trace) == ("ordered", TRACE)
    assert line.fields["instance"] == "g:a:1.0.0/0"
    hand_on({"event": "the last"})
    await both.link.stop()
    await until(lambda: len(both.taker.lines) == 2)
    hand_on({"event": "too late"})
    assert len(both.logs.lines) == 0


async def test_all_the_last_lines_are_taken_before_the_end(both: Both) -> None:
    both.gateway.tell_logs(LogOrders(lines=True))
    await until(lambda: both.orders)
    for number in range(MOST_WAITING):
        hand_on({"event": f"{number} " + "x" * 500})
    assert both.taker.lines == [], "they wait for others"
    await both.link.stop()
    await until(lambda: len(both.taker.lines) == MOST_WAITING)
    assert both.taker.lost == 0
