"""The HTTP/1.1 server of a slice host: keep-alive, pipelining, streaming, draining.

Its only clients are routers, over a Unix socket of mode 0600; limits hold all the same.
"""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn, cast

import httptools
import structlog

from aether.host.body import Body, Disconnected
from aether.host.exchange import Exchange
from aether.host.known_heads import KnownHead, known_head
from aether.host.spans import HostSpan, SpanRecorder
from aether.sdk import HttpError
from aether.sdk.trace import SCOPE, TRACEPARENT
from aether.tasks import Tasks
from aether.write_batch import WriteBatch

App = Callable[[Exchange], Awaitable[None]]

MAX_HEADER_BYTES = 64 * 1024
MAX_HEADERS = 128
MAX_URL_BYTES = 16 * 1024
MAX_PIPELINED = 16
MAX_CONNECTIONS = 1024
IDLE_S = 900.0
"""Longer than any router keeps an idle connection, so that it is never we who close first."""
STALL_S = 60.0
"""Silence in the middle of a request after which the connection is given up."""
SWEEP_S = 5.0
SETTLE_S = 1.0
"""How long a draining host still takes requests: routers need a moment to hear that it leaves."""
SETTLE_STEP_S = 0.05
LINGER_S = 1.0
"""How long the rest of a body nobody read is still taken in, so that the answer gets through."""

log = structlog.get_logger()


class HttpServer:
    """Serves one application on one Unix socket.

    With `cancel_when_gone` a handler is cancelled when its client goes away; without, the
    application is told by other means (ASGI's `http.disconnect`).
    """

    def __init__(
        self, app: App, *, cancel_when_gone: bool, spans: SpanRecorder | None = None
    ) -> None:
        self.app = app
        self.spans = spans
        """What records the requests; None: nothing does."""
        self.cancel_when_gone = cancel_when_gone
        self.is_draining = False
        self.is_closed = False
        self.in_flight = 0
        self.connections: set[Connection] = set()
        self.tasks = Tasks(on_failure=_log_failure)
        self.handlers: set[asyncio.Task[None]] = set()
        """One for each request being handled."""
        self._server: asyncio.AbstractServer | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self.writes = WriteBatch(lambda flush: asyncio.get_running_loop().call_soon(flush))

    async def listen(self, path: Path) -> None:
        """Listen on a Unix socket nobody else may connect to."""
        listener = _bind(path)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: Connection(self), sock=listener)
        self.tasks.start("sweep connections", self._sweep())

    async def drain(self, grace_s: float) -> bool:
        """Have the routers go elsewhere, let requests finish; say whether all did within `grace_s`.

        A router may have a request on its way while it is told that this host leaves. Closing its
        connection then would lose that request, so it is answered, and the connection ends with
        the answer; nothing is closed before the routers let go, or `SETTLE_S` at the latest.
        """
        self.is_draining = True
        try:
            async with asyncio.timeout(grace_s):
                await self._settle()
                self._close_listener()
                for connection in list(self.connections):
                    connection.close_if_idle()
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def _settle(self) -> None:
        loop = asyncio.get_running_loop()
        latest = loop.time() + SETTLE_S
        while loop.time() < latest:
            await asyncio.sleep(SETTLE_STEP_S)
            if not self.connections:
                return

    def _close_listener(self) -> None:
        self.is_closed = True
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        """End every connection and every handler."""
        self.is_draining = True
        self._close_listener()
        for connection in list(self.connections):
            connection.abort()
        handlers = list(self.handlers)
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        await self.tasks.stop()

    def begun(self) -> None:
        """Count a request in."""
        self.in_flight += 1
        self._idle.clear()

    def ended(self) -> None:
        """Count a request out."""
        self.in_flight -= 1
        if self.in_flight == 0:
            self._idle.set()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            for connection in list(self.connections):
                connection.close_if_overdue(loop.time())


def _bind(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)  # noqa: FBT003 - the library's own signature
    listener.bind(str(path))
    path.chmod(0o600)
    return listener


def _log_failure(name: str, failure: BaseException) -> None:
    log.error("task failed", task=name, exc_info=failure)


def _begin_span(recorder: SpanRecorder, exchange: Exchange) -> HostSpan | None:
    """Begin the span of a request, and have what is logged and called from here on belong to it."""
    headers = exchange.headers
    # Routers put it last; only a client's own may stand elsewhere.
    if headers and headers[-1][0] == TRACEPARENT:
        parent = headers[-1][1]
    else:
        parent = exchange.header(TRACEPARENT) or b""
    span = recorder.begin(exchange.method, exchange.path, parent)
    if span is not None:
        SCOPE.set(span)
    return span


class Connection(asyncio.Protocol):
    """One keep-alive connection: requests come in order and are answered in order."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._known: KnownHead | None = None
        self._waiting: deque[Exchange] = deque()
        self._receiving: Exchange | None = None
        self._current: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_handling = False
        self._url = b""
        self._header_bytes = 0
        self._refusal: HttpError | None = None
        self._last_data = self._loop.time()
        self._reading = True
        self._closing = False
        self._writable: asyncio.Future[None] | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, unless there are too many or the listener is closed."""
        self._transport = stream = cast("asyncio.Transport", transport)  # uvloop's class is its own
        if self._server.is_closed or len(self._server.connections) >= MAX_CONNECTIONS:
            stream.abort()
            return
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever works for this client that it has gone."""
        del exc
        self._server.connections.discard(self)
        self._closing = True
        gone = Disconnected("the client went away")
        self._waiting.clear()
        for exchange in (self._receiving, self._current):
            if exchange is not None:
                exchange.lose(gone)
        self.resume_writing()
        # One that has not begun would never come to its end: it begins, and finds the client gone.
        if self._task is not None and self._is_handling and self._server.cancel_when_gone:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse; a malformed request is answered 400 and ends the connection."""
        self._last_data = self._loop.time()
        if self._closing:
            return
        is_between = self._current is None and self._receiving is None
        known = self._known
        if is_between and known is not None:
            headers = known.fields_of(data)
            if headers is not None:
                self._begin_known(known, headers)
                return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._closing = True  # the upgrade is declined: answered as plain HTTP, then closed
        except httptools.HttpParserError as problem:
            self._refuse(
                self._refusal or HttpError(400, f"the request is not valid HTTP: {problem}")
            )
            return
        if is_between and not self._closing:
            self._remember(data)
        self._steer_reading()

    def _remember(self, data: bytes) -> None:
        """Keep the head just read, when it is the whole of `data` and the next may begin like it."""
        exchange = self._current
        if (
            exchange is not None
            and exchange.body.is_complete
            and exchange.keep_alive
            and not (exchange.http_1_0 or exchange.expects_continue)
        ):
            target = (exchange.method, exchange.path, exchange.query)
            self._known = known_head(data, exchange.headers, target)

    def _begin_known(self, known: KnownHead, headers: list[tuple[bytes, bytes]]) -> None:
        """Have a request handled that begins like the one before it."""
        exchange = Exchange(self, Body(self._steer_reading, self._body_wanted))
        exchange.method, exchange.path, exchange.query = known.method, known.path, known.query
        exchange.headers = headers
        exchange.body.end()
        self._waiting.append(exchange)
        self._start_next()

    def eof_received(self) -> bool:
        """Treat a half-closed client as gone, as routers never half-close."""
        self._server.writes.flush()
        return False

    def pause_writing(self) -> None:
        """Have writers wait."""
        if self._writable is None:
            self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let writers go on."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # parser callbacks

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url = b""
        self._header_bytes = 0
        self._receiving = Exchange(self, Body(self._steer_reading, self._body_wanted))

    def on_url(self, part: bytes) -> None:
        """Collect the target."""
        self._url += part
        if len(self._url) > MAX_URL_BYTES:
            self._reject(414, f"the target is longer than {MAX_URL_BYTES} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header."""
        exchange = self._receiving
        assert exchange is not None  # noqa: S101 - the parser begins messages first
        name = name.lower()
        headers = exchange.headers
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES or len(headers) >= MAX_HEADERS:
            self._reject(431, f"headers are over {MAX_HEADER_BYTES} bytes or {MAX_HEADERS} lines")
        if name == b"expect" and value.lower() == b"100-continue":
            exchange.expects_continue = True
        headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Have the request handled; its body may still be on its way."""
        exchange = self._receiving
        assert exchange is not None  # noqa: S101 - as in on_header
        exchange.method = self._parser.get_method().decode("ascii")
        exchange.http_1_0 = self._parser.get_http_version() == "1.0"
        self._set_target(exchange)
        self._waiting.append(exchange)
        if self._current is None:
            self._start_next()

    def on_body(self, chunk: bytes) -> None:
        """Hand a piece of the body to its reader."""
        if self._receiving is not None:
            self._receiving.body.feed(chunk)

    def on_message_complete(self) -> None:
        """Note what only now is known: whether the connection stays."""
        exchange, self._receiving = self._receiving, None
        if exchange is not None:
            exchange.keep_alive = self._parser.should_keep_alive()
            exchange.body.end()

    def _set_target(self, exchange: Exchange) -> None:
        try:
            url = httptools.parse_url(self._url)
        except httptools.HttpParserInvalidURLError:
            self._reject(400, "the target is not a valid URL")
        exchange.path, exchange.query = url.path or b"/", url.query or b""

    def _reject(self, status: int, detail: str) -> NoReturn:
        self._refusal = HttpError(status, detail)
        raise self._refusal  # the parser turns this into HttpParserCallbackError

    # the turn of requests

    def _start_next(self) -> None:
        exchange = self._waiting.popleft()
        self._current = exchange
        self._server.begun()
        self._task = task = self._loop.create_task(self._handle(exchange))
        self._server.handlers.add(task)

    async def _handle(self, exchange: Exchange) -> None:
        """Handle one request. The task sees to its own end: a callback for each costs too much."""
        self._is_handling = True
        recorder = self._server.spans
        span = None if recorder is None else _begin_span(recorder, exchange)
        try:
            if not exchange.gone:
                await self._server.app(exchange)
        except Disconnected:
            self.abort()
        except asyncio.CancelledError:
            self.abort()
            raise
        except Exception as failure:  # noqa: BLE001 - the supervisor of a request logs, and the others go on
            self.abort()
            _log_failure("request", failure)
        finally:
            task = self._task
            if task is not None:
                self._server.handlers.discard(task)
            self._server.ended()
            self._task = self._current = None
            self._is_handling = False
            if recorder is not None and span is not None:
                recorder.handled(span, exchange.status if exchange.finished else 0)
        self._after(exchange)

    def _after(self, exchange: Exchange) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if not exchange.finished:
            self.abort()
        elif not exchange.body.is_complete:
            self._linger(exchange)
        elif self._closing or not exchange.keep_alive or self._server.is_draining:
            self.close()
        elif self._waiting:
            self._start_next()
        self._steer_reading()

    def _linger(self, exchange: Exchange) -> None:
        """Take in (and drop) what the client still sends for a moment, then close."""
        self._closing = True
        exchange.body.fail(Disconnected("answered before the body was read"))
        self._loop.call_later(LINGER_S, self.close)

    def _refuse(self, error: HttpError) -> None:
        """Answer a broken request, after those before it; broken framing ends the connection."""
        self._closing = True
        if self._current is not None or self._transport is None:
            if self._receiving is not None and self._receiving is self._current:
                self._receiving.body.fail(error)
            return
        exchange = Exchange(self, Body(self._steer_reading, self._body_wanted))
        exchange.keep_alive = False
        self._server.begun()
        self._send_refusal(exchange, error)

    def _send_refusal(self, exchange: Exchange, error: HttpError) -> None:
        """Send the refusal in the background."""
        self._current = exchange
        exchange.body.end()

        async def refuse() -> None:
            try:
                with contextlib.suppress(Disconnected):
                    await exchange.refuse(error)
            finally:
                self._server.ended()
                self._current = None
            self.close()

        self._server.tasks.start("refusal", refuse())

    # exchange.Wire

    def send(self, data: bytes) -> None:
        """Write at the end of this turn of the loop; what is large, at once."""
        if self._transport is not None:
            self._server.writes.to_client(self._transport, data)

    async def writable(self) -> None:
        """Wait while the client is slow."""
        if self._writable is not None:
            await self._writable
        if self._transport is None or self._transport.is_closing():
            raise Disconnected("the client went away")

    def may_keep_alive(self, exchange: Exchange) -> bool:
        """Whether another request may follow: not before this one has come in whole."""
        return (
            exchange.keep_alive
            and exchange.body.is_complete
            and not self._closing
            and not self._server.is_draining
        )

    # flow and life

    def _body_wanted(self) -> None:
        """Send `100 Continue` once somebody reads the body the client holds back."""
        exchange = self._current
        if exchange is not None and exchange.expects_continue and not exchange.started:
            exchange.expects_continue = False
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _steer_reading(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        receiving = self._receiving
        congested = receiving is not None and receiving.body.is_congested
        wanted = not congested and len(self._waiting) < MAX_PIPELINED
        if wanted and not self._reading:
            self._transport.resume_reading()
            self._last_data = self._loop.time()
        elif not wanted and self._reading:
            self._transport.pause_reading()
        self._reading = wanted

    def close_if_idle(self) -> None:
        """Close unless a request is being worked on or coming in."""
        if self._current is None and self._receiving is None and not self._waiting:
            self.close()

    def close_if_overdue(self, now: float) -> None:
        """Give up a connection that is silent in mid-request, or idle for very long."""
        silent_s = now - self._last_data
        if self._receiving is not None:
            if self._reading and silent_s > STALL_S:
                self.abort()
        elif self._current is None and silent_s > IDLE_S:
            self.close()

    def close(self) -> None:
        """Close once what was written is sent."""
        if self._transport is not None and not self._transport.is_closing():
            self._server.writes.flush()
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what was written gets as far as the socket takes it."""
        if self._transport is not None:
            self._server.writes.flush()
            self._transport.abort()
