"""The node's side of the table link: hands the latest routing table to every router of the node."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import structlog

from aether.core.dataplane.table import Table, to_plain
from aether.dataplane.streams import end_stream
from aether.frames import FrameError, pack, read_frame
from aether.tasks import Tasks

MAX_ROUTERS = 64
WRITE_S = 10.0
"""A router that does not take a table within this many seconds is cut off; it connects again."""
HELLO_S = 5.0

log = structlog.get_logger()


class CountsTaker(Protocol):
    """Takes what routers count; `telemetry.traffic.NodeTraffic` is one."""

    def take(self, message: object) -> str:
        """Add a `counts` message; return the run it names. Raises ValueError for what is none."""
        ...

    def ended(self, run: str) -> None:
        """Note that the router of a run has hung up."""
        ...


class TableFeed:
    """Serves `router.sock.table`: the present table at once, and each newer one as it comes.

    A router that is slow skips tables in between: the latest wins and nothing queues up.
    """

    def __init__(self, path: Path, counts: CountsTaker | None = None) -> None:
        self._path = path
        self._counts = counts
        self._tasks = Tasks(on_failure=_log_failure)
        self._server: asyncio.AbstractServer | None = None
        self._table: Table | None = None
        self._frame = b""
        self._routers: dict[_Router, int] = {}
        self._stopped = False

    async def start(self) -> None:
        """Listen; a socket file left by an earlier process is replaced."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, str(self._path))
        self._path.chmod(0o600)

    def publish(self, table: Table) -> None:
        """Make `table` the present one; nothing happens when it is equal to the present one.

        Raises ValueError when it contradicts itself or is too large for a frame.
        """
        if table == self._table:
            return
        problems = table.check()
        if problems:
            raise ValueError(f"routing table of revision {table.revision}: {'; '.join(problems)}")
        self._frame = pack({"op": "table", "table": to_plain(table)})
        self._table = table
        for router in self._routers:
            router.news.set()

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
            if self._table is not None:
                router.news.set()
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

    async def _send(self, router: "_Router") -> None:
        while True:
            await router.news.wait()
            router.news.clear()
            router.writer.write(self._frame)
            async with asyncio.timeout(WRITE_S):
                await router.writer.drain()

    def _hear(self, router: "_Router", message: object) -> None:
        match message:
            case {"op": "using", "revision": int(revision)}:
                self._routers[router] = revision
            case {"op": "refused", "revision": revision, "problems": problems}:
                log.error(
                    "router refused a table",
                    router_pid=router.pid,
                    revision=revision,
                    problems=problems,
                )
            case {"op": "counts"}:
                self._count(router, message)
            case {"op": "error"}:
                log.error("router did not understand the node", message=message)
            case _:
                router.writer.write(pack({"op": "error", "message": "expected op using"}))

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
        self.news = asyncio.Event()

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
