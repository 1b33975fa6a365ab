"""Lines of hosts and routers go where they are wanted: not to a node that knows nothing of them."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId
from aether.dataplane import observer
from aether.dataplane.feed import TableFeed
from aether.dataplane.observer import Observer
from aether.dataplane.streams import end_stream
from aether.dataplane.table_client import TableClient
from aether.frames import FrameError, read_frame, write_frame
from aether.host import span_link
from aether.host.span_link import SpanLink
from aether.host.spans import SpanRecorder
from aether.logs import buffer
from aether.logs.orders import LogOrders, plain_orders
from aether.logs.process import ProcessLogs
from aether.logs.taps import hand_on
from aether.tasks import Tasks
from aether.telemetry.lines import NodeLines
from tests.integration.router_rig import Rig, row, until
from tests.unit.telemetry.test_node_lines import Taker

WANTED = plain_orders(LogOrders(lines=True))
TO_HOST, TO_ROUTER = {"event": "logs", **WANTED}, {"op": "logs", **WANTED}


class Node:
    """Hears what comes on each connection; refuses lines, unless told to know them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.knows_lines = False
        self.heard: list[list[str]] = []
        self.writers: list[asyncio.StreamWriter] = []
        self._tasks = Tasks()
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, str(self.path))

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._tasks.stop()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.start("connection", self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard: list[str] = []
        self.heard.append(heard)
        self.writers.append(writer)
        try:
            while (message := await read_frame(reader)) is not None:
                heard.append(message["op"])
                if (answer := self._answer(message)) is not None:
                    await write_frame(writer, answer)
        except (OSError, FrameError):
            pass  # the test has ended it
        finally:
            await end_stream(writer)

    def _answer(self, message: dict[str, Any]) -> dict[str, object] | None:
        match message:
            case {"op": "lines", "id": number}:
                return {"id": number, "ok": self.knows_lines}
            case {"op": "lines"} if not self.knows_lines:
                return {"op": "error", "message": "expected op using"}
            case {"id": number}:
                return {"id": number, "ok": True}
        return None


def is_shipped(node: Node) -> bool:
    """Log a line; say whether any has come over the first connection."""
    hand_on({"event": "x"})
    return "lines" in node.heard[0]


@pytest.fixture
async def node(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    monkeypatch.setattr(buffer, "PERIOD_S", 0.001)
    monkeypatch.setattr(
        span_link, "PERIOD_S", 0.02
    )  # later than lines: what comes first is not chance
    monkeypatch.setattr(observer, "PERIOD_S", 0.02)
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    made = Node(folder / "node.sock")
    await made.start()
    yield made
    await made.stop()
    shutil.rmtree(folder)


class Host:
    """The host's side: a recorder of spans, and its link."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.recorder = SpanRecorder("g:a:1.0.0/0", "g:a")
        self.logs = ProcessLogs(lambda _: None)
        self.link = SpanLink(node.path, "secret", self.recorder, self.logs)

    async def record(self, connection: int) -> None:
        """Have a span come over a connection."""
        heard = self.node.heard[connection]
        before = heard.count("spans")
        parent = f"00-{'a' * 32}-{'b' * 16}-01".encode()
        begun = self.recorder.begin("GET", b"/x", parent)
        assert begun is not None
        self.recorder.handled(begun, 200)
        await until(lambda: heard.count("spans") > before)


@pytest.fixture
async def host(node: Node) -> AsyncIterator[Host]:
    made = Host(node)
    made.link.start()
    await until(lambda: node.heard)
    yield made
    await made.link.stop()


async def test_a_host_ships_no_lines_before_the_present_connection_wants_them(
    node: Node, host: Host
) -> None:
    node.knows_lines = True
    await write_frame(node.writers[0], TO_HOST)
    await until(lambda: is_shipped(node))
    node.knows_lines = False
    node.writers[0].close()
    await until(lambda: len(node.heard) == 2)
    hand_on({"event": "not wanted by this one"})
    await host.record(1)
    await host.record(1)
    assert "lines" not in node.heard[1]
    assert len(node.heard) == 2, "and spans have a link that lasts"
    await write_frame(node.writers[1], TO_HOST)
    await until(lambda: "lines" in node.heard[1])


async def test_lines_that_are_refused_end_and_spans_go_on(node: Node, host: Host) -> None:
    with structlog.testing.capture_logs() as told:
        await write_frame(node.writers[0], TO_HOST)
        await until(lambda: is_shipped(node))
        await until(lambda: told)
    await host.record(0)  # what was under way has come with it
    shipped = node.heard[0].count("lines")
    hand_on({"event": "nobody takes it"})
    await host.record(0)
    assert node.heard[0].count("lines") == shipped
    assert len(node.heard) == 1
    assert [each["event"] for each in told] == ["the node takes no lines"]


async def test_a_router_ships_no_lines_before_the_present_connection_wants_them(
    node: Node, tmp_path: Path
) -> None:
    logs, tasks, file = ProcessLogs(lambda _: None), Tasks(), tmp_path / "table"
    table = Table(revision=0, node=NodeId("n-1"))
    client = TableClient(node.path, file, lambda _: None, table, Observer(), logs=logs)
    tasks.start("client", client.run())
    await until(lambda: node.heard)
    await write_frame(node.writers[0], TO_ROUTER)
    await until(lambda: is_shipped(node))
    node.writers[0].close()
    await until(lambda: len(node.heard) == 2)
    hand_on({"event": "not wanted by this one"})
    await until(lambda: node.heard[1].count("counts") >= 3)
    assert "lines" not in node.heard[1]
    await write_frame(node.writers[1], TO_ROUTER)
    await until(lambda: "lines" in node.heard[1])
    await tasks.stop()
    logs.close()


async def test_a_router_that_stops_tells_its_last_lines() -> None:
    rig, taker, lines = Rig(), Taker(), NodeLines("node-1")
    lines.send_to(taker)
    router = rig.planned("node-1")
    try:
        run = router.data_dir / "run"
        run.mkdir()
        router.feed = TableFeed(run / "router.sock.table", None, None, lines)
        router.feed.tell_logs(LogOrders(lines=True))
        await router.feed.start()
        await router.start()
        await router.use([row()], [])
        assert await router.stop() == 0
        await until(lambda: "router stopped" in [line.text for line in taker.lines])
        assert "lines were not sent" not in router.log()
    finally:
        await rig.close()
