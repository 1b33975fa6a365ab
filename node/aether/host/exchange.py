"""One request and its answer on a connection: what an application of a host works with."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from aether.host.body import Body, Disconnected
from aether.sdk.http import PROBLEM, HttpError, phrase
from aether.sdk.values import encode_json

Fields = Iterable[tuple[bytes, bytes]]
_BODILESS = frozenset({204, 304})
_OURS = frozenset({b"connection", b"transfer-encoding", b"keep-alive"})
_STATUS_LINES: dict[int, bytes] = {}


class Wire(Protocol):
    """The connection, as an exchange uses it."""

    def send(self, data: bytes) -> None:
        """Queue bytes for the client; nothing happens when it has gone."""
        ...

    async def writable(self) -> None:
        """Wait while the client is slower than we are; raise Disconnected when it has gone."""
        ...

    def may_keep_alive(self, exchange: "Exchange") -> bool:
        """Whether the connection may serve another request after this one."""
        ...


class Exchange:
    """A parsed request, and the means to answer it exactly once."""

    __slots__ = (
        "_chunked",
        "_head_only",
        "_over",
        "_wire",
        "body",
        "expects_continue",
        "finished",
        "gone",
        "headers",
        "http_1_0",
        "keep_alive",
        "method",
        "path",
        "query",
        "started",
        "status",
    )

    def __init__(self, wire: Wire, body: Body) -> None:
        self._wire = wire
        self.body = body
        self.method = ""
        self.path = b""
        self.query = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.http_1_0 = False
        self.expects_continue = False
        self.keep_alive = True
        self.started = False
        self.finished = False
        self.gone = False
        self.status = 0
        self._chunked = False
        self._head_only = False
        self._over: asyncio.Event | None = None

    async def wait_over(self) -> None:
        """Wait until the client has gone or has its whole answer."""
        if not (self.gone or self.finished):
            self._over = self._over or asyncio.Event()
            await self._over.wait()

    def lose(self, failure: Exception) -> None:
        """Let whoever works for the client learn that it has gone."""
        self.gone = True
        self.body.fail(failure)
        if self._over is not None:
            self._over.set()

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of a header (lower-case name)."""
        for found, value in self.headers:
            if found == name:
                return value
        return None

    async def respond(self, status: int, headers: Fields, body: bytes = b"") -> None:
        """Send a whole answer in one write."""
        head = self._head(status, headers, length=len(body))
        self._set_finished()
        self._wire.send(head if self._head_only else head + body)
        await self._wire.writable()

    async def refuse(self, error: HttpError) -> None:
        """Answer with a problem document."""
        pairs = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in error.headers.items()
        ]
        pairs.append((b"content-type", PROBLEM.encode()))
        await self.respond(error.status, pairs, encode_json(error.problem()))

    async def start(self, status: int, headers: Fields) -> None:
        """Begin an answer whose body follows in pieces."""
        self._wire.send(self._head(status, headers, length=None))

    async def write(self, chunk: bytes) -> None:
        """Send a piece of the body and wait while the client is slow."""
        if type(chunk) is not bytes:
            chunk = bytes(memoryview(chunk))  # its owner may fill it anew before it is sent
        if chunk and not self._head_only:
            self._wire.send(b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._chunked else chunk)
        await self._wire.writable()

    async def finish(self) -> None:
        """End an answer begun with `start`."""
        self._set_finished()
        if self._chunked and not self._head_only:
            self._wire.send(b"0\r\n\r\n")
        await self._wire.writable()

    def _set_finished(self) -> None:
        self.finished = True
        if self._over is not None:
            self._over.set()

    def _head(self, status: int, headers: Fields, *, length: int | None) -> bytes:
        """Return status line and headers; decides framing and whether the connection stays."""
        if self.gone:
            raise Disconnected("the client went away")
        self.started, self.status = True, status
        lines = [_status_line(status)]
        declared = False
        for name, value in headers:
            lowered = name.lower()
            if lowered in _OURS or (lowered == b"content-length" and length is not None):
                continue
            declared = declared or lowered == b"content-length"
            lines.append(b"%b: %b\r\n" % (lowered, value))
        self._head_only = self.method == "HEAD" or status in _BODILESS
        if length is not None and status not in _BODILESS:
            lines.append(b"content-length: %d\r\n" % length)
        elif length is None and not declared and status not in _BODILESS:
            self._frame_unknown_length(lines)
        if not self._wire.may_keep_alive(self):
            self.keep_alive = False
            lines.append(b"connection: close\r\n")
        elif self.http_1_0:
            lines.append(b"connection: keep-alive\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)

    def _frame_unknown_length(self, lines: list[bytes]) -> None:
        """Chunks where the client knows them, else the end of the connection ends the body."""
        if self.http_1_0:
            self.keep_alive = False
        else:
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")


def _status_line(status: int) -> bytes:
    line = _STATUS_LINES.get(status)
    if line is None:
        line = _STATUS_LINES[status] = f"HTTP/1.1 {status} {phrase(status)}\r\n".encode("ascii")
    return line
