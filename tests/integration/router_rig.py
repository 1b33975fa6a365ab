"""A router process, origins on Unix sockets and a client that speaks bytes: what its tests need."""

import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aether.core.dataplane.table import Endpoint, RouteRow, Table
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.dataplane.feed import TableFeed
from aether.dataplane.streams import end_stream
from aether.node.clock import MonotonicClock
from aether.telemetry.traffic import NodeTraffic

WAIT_S = 40.0
POLL_S = 0.01
BASE = SliceBase("org.example:echo")


@dataclass
class Message:
    """A request or a response as it came off the wire; header names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes = b""
    raw_head: bytes = b""

    @property
    def status(self) -> int:
        return int(self.line.split(" ")[1])

    def json(self) -> Any:
        return json.loads(self.body)


async def read_head(reader: asyncio.StreamReader) -> Message:
    raw = await reader.readuntil(b"\r\n\r\n")
    line, *fields = raw[:-4].decode("latin-1").split("\r\n")
    pairs = (each.partition(":") for each in fields)
    return Message(line, {name.lower(): value.strip() for name, _, value in pairs}, raw_head=raw)


async def read_body(
    reader: asyncio.StreamReader, message: Message, *, until_close: bool = False
) -> bytes:
    if message.headers.get("transfer-encoding") == "chunked":
        parts = []
        while size := int((await reader.readline()).strip(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readexactly(2)
        return b"".join(parts)
    if "content-length" in message.headers:
        return await reader.readexactly(int(message.headers["content-length"]))
    return await reader.read() if until_close else b""


Handler = Callable[[Message, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def plain(body: bytes, *lines: str, status: str = "200 OK") -> bytes:
    extra = "".join(f"{line}\r\n" for line in lines)
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{extra}\r\n".encode() + body


class Origin:
    """A tiny HTTP/1.1 server on a Unix socket. Without a handler it echoes what it was asked."""

    def __init__(self, path: Path, name: str = "", handler: Handler | None = None) -> None:
        self.path = path
        self.name = name
        self.handler = handler or self._echo
        self.requests: list[Message] = []
        self.connections = 0
        self._server: asyncio.AbstractServer | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> "Origin":
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))
        return self

    async def kill(self) -> None:
        """Go away as a killed process does: nobody listens, every connection is cut."""
        if self._server is not None:
            self._server.close()
            self._server = None
        writers, self._writers = self._writers, set()
        for writer in writers:
            await end_stream(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                request = await read_head(reader)
                self.requests.append(request)
                await self.handler(request, reader, writer)
                await writer.drain()
        if writer in self._writers:
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _echo(
        self, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        request.body = await read_body(reader, request)
        answer = {
            "name": self.name,
            "line": request.line,
            "headers": request.headers,
            "body": request.body.decode("latin-1"),
        }
        body = b"" if request.line.startswith("HEAD") else json.dumps(answer).encode()
        writer.write(plain(body, "content-type: application/json"))


class Held:
    """A handler that answers requests whose path begins with `path` once released, others at once."""

    def __init__(self, path: str = "/") -> None:
        self.path = path
        self.release = asyncio.Event()

    async def __call__(
        self, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_body(reader, request)
        if request.line.split(" ")[1].startswith(self.path):
            await self.release.wait()
        writer.write(plain(b"at last"))


class Wire:
    """One client connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    @contextlib.asynccontextmanager
    async def to(cls, address: str) -> AsyncIterator["Wire"]:
        if address.startswith("/"):
            reader, writer = await asyncio.open_unix_connection(address)
        else:
            host, _, port = address.rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
        try:
            yield cls(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def read(self, *, method: str = "GET", until_close: bool = False) -> Message:
        async with asyncio.timeout(WAIT_S):
            message = await read_head(self.reader)
            if method != "HEAD":
                message.body = await read_body(self.reader, message, until_close=until_close)
            return message

    async def ask(self, data: bytes | str, **options: Any) -> Message:
        self.writer.write(data.encode("latin-1") if isinstance(data, str) else data)
        return await self.read(**options)

    async def get(self, path: str, *lines: str, method: str = "GET") -> Message:
        return await self.ask(head(path, *lines, method=method), method=method)

    async def is_closed(self) -> bool:
        """Whether the peer ends the connection, with nothing more to say."""
        async with asyncio.timeout(WAIT_S):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True


def head(path: str, *lines: str, method: str = "GET") -> str:
    return f"{method} {path} HTTP/1.1\r\n" + "".join(
        f"{line}\r\n" for line in ("Host: test", *lines, "")
    )


async def fetch(address: str, path: str, *lines: str, method: str = "GET") -> Message:
    async with Wire.to(address) as wire:
        return await wire.get(path, *lines, method=method)


def row(pattern: str = "/{*rest}", method: str = "*", **options: Any) -> RouteRow:
    return RouteRow(method=method, pattern=pattern, **{"slice": BASE, **options})


def instance(ordinal: int, base: SliceBase = BASE) -> InstanceId:
    return InstanceId(f"{base}:1.0.0/{ordinal}")


def local(node: str, origin: Origin, ordinal: int = 0, base: SliceBase = BASE) -> Endpoint:
    return Endpoint(
        instance=instance(ordinal, base), slice=base, node=NodeId(node), socket=str(origin.path)
    )


def remote(node: str, mesh: str, ordinal: int = 0, base: SliceBase = BASE) -> Endpoint:
    return Endpoint(instance=instance(ordinal, base), slice=base, node=NodeId(node), mesh=mesh)


@dataclass
class RouterProcess:
    """A real router in a process of its own, and the node's side of its table link."""

    data_dir: Path
    node: str = "node-1"
    revision: int = 0
    feed: TableFeed | None = None
    traffic: NodeTraffic = field(default_factory=lambda: NodeTraffic(MonotonicClock()))
    process: asyncio.subprocess.Process | None = None
    addresses: dict[str, str] = field(default_factory=dict)

    async def start(
        self, *, with_node: bool = True, from_settings: bool = False
    ) -> "RouterProcess":
        (self.data_dir / "run").mkdir(exist_ok=True)
        if with_node and self.feed is None:
            self.feed = TableFeed(self.data_dir / "run" / "router.sock.table", self.traffic)
            await self.feed.start()
        command = ["-m", "aether.dataplane", "--data-dir", str(self.data_dir)]
        if not from_settings:
            command += ["--node-id", self.node, "--port", "0", "--mesh-port", "0"]
        with (self.data_dir / "router.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *command, stderr=log
            )
        async with asyncio.timeout(WAIT_S):
            self.addresses = {}
            while not self.addresses:
                await asyncio.sleep(POLL_S)
                self.addresses = await self._addresses()
        return self

    async def _addresses(self) -> dict[str, str]:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            health = await fetch(self.local, "/_aether/health")
            return dict(health.json()["addresses"])
        return {}

    @property
    def public(self) -> str:
        return self.addresses["public"]

    @property
    def mesh(self) -> str:
        return self.addresses["mesh"]

    @property
    def local(self) -> str:
        return str(self.data_dir / "run" / "router.sock")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def use(self, routes: list[RouteRow], endpoints: list[Endpoint]) -> None:
        """Publish a table and wait until the router says it uses it."""
        assert self.feed is not None
        self.revision += 1
        self.feed.publish(
            Table(
                revision=self.revision,
                node=NodeId(self.node),
                routes=tuple(routes),
                instances=tuple(endpoints),
            )
        )
        feed, revision = self.feed, self.revision
        await until(lambda: feed.confirmed == revision)

    def log(self) -> str:
        return (self.data_dir / "router.log").read_text()

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(WAIT_S):
            return await self.process.wait()

    async def close(self) -> None:
        await self.kill()
        if self.feed is not None:
            await self.feed.stop()


class Rig:
    """Makes routers and origins, and takes them all down."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
        self._routers: list[RouterProcess] = []
        self._origins: list[Origin] = []

    async def router(self, node: str = "node-1", *, with_node: bool = True) -> RouterProcess:
        return await self.planned(node).start(with_node=with_node)

    def planned(self, node: str) -> RouterProcess:
        """Return a router that is yet to be started."""
        data_dir = self.folder / node
        data_dir.mkdir(exist_ok=True)
        router = RouterProcess(data_dir, node)
        self._routers.append(router)
        return router

    async def origin(self, name: str = "a", handler: Handler | None = None) -> Origin:
        origin = Origin(self.folder / f"{name}.sock", name, handler)
        self._origins.append(origin)
        return await origin.start()

    async def close(self) -> None:
        for router in self._routers:
            await router.close()
        for origin in self._origins:
            await origin.kill()
        shutil.rmtree(self.folder)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something nobody announces, looking often, never longer than the deadline."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(POLL_S)


def rss_bytes(pid: int) -> int:
    with Path(f"/proc/{pid}/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
