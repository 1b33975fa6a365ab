"""The node's side of the table link: keeps every router of the node on the latest routing table.

A router that has a table is told what changed since, and when nothing did but the store's revision,
that alone, at most every 50 ms. One that says it has lost the thread is given the whole table.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import structlog

from aether.core.dataplane.table import Table
from aether.core.metrics.slow_calls import SlowRule
from aether.core.tracing.sampling import TracingSettings
from aether.dataplane.editions import Edition, Editions
from aether.dataplane.streams import end_stream
from aether.frames import FrameError, pack, read_frame
from aether.logs.orders import LogOrders, plain_orders
from aether.tasks import Tasks

MAX_ROUTERS = 64
MOST_UNSENT_BYTES = 1024 * 1024
"""With more waiting for a router, messages about traces are left out: tables come first."""
WRITE_S = 10.0
"""A router that does not take a table within this many seconds is cut off; it connects again."""
HELLO_S = 5.0
REVISION_PAUSE_S = 0.05
"""How long news wait that say nothing but a revision: a busy store has thousands of them a second."""

log = structlog.get_logger()


class CountsTaker(Protocol):
    """Takes what routers count; `telemetry.traffic.NodeTraffic` is one."""

    def take(self, message: object) -> str:
        """Add a `counts` message; return the run it names. Raises ValueError for what is none."""
        ...

    def ended(self, run: str) -> None:
        """Note that the router of a run has hung up."""
        ...


class SpansTaker(Protocol):
    """Takes spans of routers; `telemetry.traces.NodeTraces` is one."""

    def take_of_router(self, spans: object) -> None:
        """Keep the spans of a message. Raises ValueError for what is none."""
        ...

    def note_dropped(self, count: object) -> None:
        """Count spans a process lost since it shipped last."""
        ...


class LinesTaker(Protocol):
    """Takes what routers log; `telemetry.lines.NodeLines` is one."""

    def take_of_router(self, lines: object) -> None:
        """Send the lines of a message on. Raises ValueError for what is none."""
        ...

    def note_dropped(self, count: object) -> None:
        """Count lines a process lost since it shipped last."""
        ...


class TableFeed:
    """Serves `router.sock.table`: the present table at once, and each newer one as it comes.

    A router that is slow skips tables in between: the latest wins and nothing queues up.
    """

    def __init__(
        self,
        path: Path,
        counts: CountsTaker | None = None,
        spans: SpansTaker | None = None,
        lines: LinesTaker | None = None,
    ) -> None:
        self._path = path
        self._counts = counts
        self._spans = spans
        self._lines = lines
        self._tracing: bytes = b""
        """What routers are told about tracing, packed; empty before anything is."""
        self._logs: bytes = b""
        """What routers are told about their logs, likewise."""
        self._tasks = Tasks(on_failure=_log_failure)
        self._server: asyncio.AbstractServer | None = None
        self._editions = Editions()
        self._routers: dict[_Router, int] = {}
        self._stopped = False
        self._slow_rule = b""

    async def start(self) -> None:
        """Listen; a socket file left by an earlier process is replaced."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, str(self._path))
        self._path.chmod(0o600)

    def publish(self, table: Table) -> None:
        """Make `table` the present one; nothing happens when it is equal to the present one.

        Raises ValueError when it contradicts itself.
        """
        present = self._editions.present
        if present is not None and table == present.table:
            return
        is_change = self._editions.publish(table)
        for router in self._routers:
            router.news.set()
            if is_change:
                router.changes.set()

    def judge_by(self, rule: SlowRule) -> None:
        """Have every router tell slow calls by this rule, those that come later included."""
        self._slow_rule = pack({"op": "slow_calls", "rule": rule})
        for router in self._routers:
            if router.judges and not router.writer.transport.is_closing():
                router.writer.write(self._slow_rule)

    def tell_tracing(self, settings: TracingSettings) -> None:
        """Have every router record requests by these settings; see docs/wire.md."""
        sample, slow_s = float(settings.sample), float(settings.slow_s)
        message = {"op": "tracing", "sample": sample, "slow_s": slow_s}
        told, self._tracing = self._tracing, pack(message)
        if told != self._tracing:
            self._write_to_tracing(self._tracing)

    def tell_logs(self, orders: LogOrders) -> None:
        """Have every router log as told, those that come later included."""
        self._logs = pack({"op": "logs", **plain_orders(orders)})
        for router in self._routers:
            if router.logs and not router.writer.transport.is_closing():
                router.writer.write(self._logs)

    def ask(self, traces: Sequence[str]) -> None:
        """Have every router ship what it remembers of these traces."""
        self._write_to_tracing(pack({"op": "traces", "asked": list(traces)}))

    def _write_to_tracing(self, frame: bytes) -> None:
        """Send to the routers that trace; one that takes nothing is let be: a table will show it."""
        for router in self._routers:
            transport = router.writer.transport
            if not router.traces or transport.is_closing():
                continue
            if transport.get_write_buffer_size() < MOST_UNSENT_BYTES:
                router.writer.write(frame)

    @property
    def using(self) -> Mapping[int, int]:
        """Revision each connected router last confirmed, by its pid; -1 before the first."""
        return {router.pid: revision for router, revision in self._routers.items() if router.pid}

    @property
    def confirmed(self) -> int | None:
        """Revision every connected router has reached; None while no router is connected."""
        return min(self.using.values(), default=None)

    async def stop(self) -> None:
        """Close the listener and every link; routers go on with the table they have."""
        self._stopped = True
        if self._server is not None:
            self._server.close()
        await self._tasks.stop()
        self._path.unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._stopped or len(self._routers) >= MAX_ROUTERS:
            log.warning("a router is turned away", stopped=self._stopped, limit=MAX_ROUTERS)
            writer.transport.abort()
            return
        router = _Router(reader, writer)
        self._routers[router] = -1
        self._tasks.start("table link", self._serve(router))

    async def _serve(self, router: "_Router") -> None:
        sending = Tasks(on_failure=lambda _name, failure: router.cut(failure))
        try:
            async with asyncio.timeout(HELLO_S):
                hello = await read_frame(router.reader)
            router.pid = _pid_of(hello)
            router.takes_deltas = isinstance(hello, dict) and "fingerprint" in hello
            router.known = self._known(hello)
            router.traces = isinstance(hello, dict) and hello.get("traces") is True
            if router.traces and self._tracing:
                router.writer.write(self._tracing)
            router.logs = isinstance(hello, dict) and hello.get("logs") is True
            if router.logs and self._logs:
                router.writer.write(self._logs)
            if self._editions.present is not None:
                router.news.set()
                router.changes.set()
            router.judges = isinstance(hello, dict) and hello.get("slow_calls") is True
            if router.judges and self._slow_rule:
                router.writer.write(self._slow_rule)
            sending.start("send tables", self._send(router))
            while (message := await read_frame(router.reader)) is not None:
                self._hear(router, message)
                async with asyncio.timeout(WRITE_S):
                    await router.writer.drain()
        except (OSError, FrameError, TimeoutError) as problem:
            log.warning("table link ended", router_pid=router.pid, problem=str(problem))
        finally:
            del self._routers[router]
            if self._counts is not None and router.run:
                self._counts.ended(router.run)
            router.writer.transport.abort()  # first: a second cancellation may end us right here
            await sending.stop()
            await end_stream(router.writer)

    def _known(self, hello: Any) -> Edition | None:  # noqa: ANN401 - whatever came off the wire
        """Return the edition a router has when it is the present one, its revision left aside."""
        present = self._editions.present
        match hello:
            case {"revision": int(revision), "fingerprint": int(number)} if (
                present is not None and number == present.number and revision >= 0
            ):
                return Edition(replace(present.table, revision=revision), number)
        return None

    async def _send(self, router: "_Router") -> None:
        """Tell a router the news, the latest winning; those of a revision alone wait for others."""
        while True:
            await router.news.wait()
            if not router.changes.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(REVISION_PAUSE_S):
                        await router.changes.wait()
            router.news.clear()
            router.changes.clear()
            frame, present = self._editions.frame(router.known), self._editions.present
            router.known = present if router.takes_deltas else None
            router.writer.write(frame)
            async with asyncio.timeout(WRITE_S):
                await router.writer.drain()

    def _hear(self, router: "_Router", message: object) -> None:
        match message:
            case {"op": "using", "revision": int(revision)}:
                self._routers[router] = revision
            case {"op": "whole"}:
                router.known = None
                router.news.set()
                router.changes.set()
            case {"op": "refused", "revision": revision, "problems": problems}:
                log.error(
                    "router refused a table",
                    router_pid=router.pid,
                    revision=revision,
                    problems=problems,
                )
            case {"op": "counts"}:
                self._count(router, message)
            case {"op": "spans", "spans": spans, **more}:
                self._take_spans(router, spans, more.get("dropped", 0))
            case {"op": "lines", "lines": lines, **more}:
                self._take_lines(router, lines, more.get("dropped", 0))
            case {"op": "error"}:
                log.error("router did not understand the node", message=message)
            case _:
                router.writer.write(pack({"op": "error", "message": "expected op using"}))

    def _take_spans(self, router: "_Router", spans: object, dropped: object) -> None:
        if self._spans is None:
            return
        try:
            self._spans.take_of_router(spans)
            self._spans.note_dropped(dropped)
        except ValueError as problem:
            log.warning("spans refused", router_pid=router.pid, problem=str(problem)[:200])

    def _take_lines(self, router: "_Router", lines: object, dropped: object) -> None:
        if self._lines is None:
            return
        try:
            self._lines.take_of_router(lines)
            self._lines.note_dropped(dropped)
        except ValueError as problem:
            log.warning("lines refused", router_pid=router.pid, problem=str(problem)[:200])

    def _count(self, router: "_Router", message: object) -> None:
        if self._counts is None:
            return
        try:
            router.run = self._counts.take(message)
        except ValueError as problem:
            log.warning("counts refused", router_pid=router.pid, problem=str(problem)[:200])
            router.writer.write(pack({"op": "error", "message": f"counts: {problem!s:.200}"}))


class _Router:
    """One router on the link."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.pid = 0
        self.run = ""
        self.known: Edition | None = None
        """What it was told last, as a whole or by a change; None: it is to be told everything."""
        self.takes_deltas = False
        self.judges = False
        """Whether it knows what to do with rules of slow calls."""
        self.traces = False
        """Whether it knows what to do with messages about traces."""
        self.logs = False
        """Whether it knows what to do with messages about its log."""
        self.news = asyncio.Event()
        self.changes = asyncio.Event()
        """Set when there is more to tell than a revision."""

    def cut(self, failure: BaseException) -> None:
        """End the link; the reading side notices."""
        log.warning("router is cut off", router_pid=self.pid, problem=repr(failure))
        self.writer.transport.abort()


def _pid_of(hello: Any) -> int:  # noqa: ANN401 - whatever came off the wire
    match hello:
        case {"op": "hello", "pid": int(pid)} if pid > 0:
            return pid
    raise FrameError(f"expected hello with a pid, got {str(hello)[:80]!r}")


def _log_failure(name: str, failure: BaseException) -> None:
    log.error("table link failed", task=name, exc_info=failure)
