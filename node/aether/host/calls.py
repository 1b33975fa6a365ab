"""Calls to other slices: HTTP/1.1 to this node's router over its Unix socket, pooled."""

import asyncio
import json
from collections import deque
from pathlib import Path
from typing import cast

import httptools

from aether.sdk import CallError, CallFailed, CallTimedOut, CallUnavailable
from aether.sdk.trace import SCOPE, TraceContext, has_own_context, request_id, trace_context

MAX_CONNECTIONS = 64
MAX_ANSWER_BYTES = 16 * 1024 * 1024
IDLE_S = 30.0
"""Shorter than the router keeps an idle connection."""


class LinkLost(ConnectionError):
    """The router closed the connection; `began` says whether any of the answer had come."""

    def __init__(self, message: str, *, began: bool) -> None:
        super().__init__(message)
        self.began = began


class _Link(asyncio.Protocol):
    """One connection to the router, used for one call at a time."""

    def __init__(self) -> None:
        self.used_at = 0.0
        self.is_open = False
        self.is_fresh = True
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._size = 0
        self._began = False
        self._stays = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's class is its own
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(LinkLost(f"connection lost: {exc}", began=self._began))

    def data_received(self, data: bytes) -> None:
        self._began = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as problem:
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(LinkLost(f"not a valid answer: {problem}", began=True))
            self.close()

    def on_body(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > MAX_ANSWER_BYTES:
            raise ValueError(f"the answer is over {MAX_ANSWER_BYTES} bytes")
        self._parts.append(chunk)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            return
        self._stays = self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, b"".join(self._parts)))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and return status and body; raise LinkLost."""
        if self._transport is None or not self.is_open:
            raise LinkLost("connection is closed", began=False)
        self._begin()
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        self._transport.write(request)
        try:
            answer = await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer = None
        self.is_fresh, self.used_at = False, loop.time()
        if not self._stays:
            self.close()
        return answer

    def close(self) -> None:
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()


class RouterCaller:
    """Implements `aether.sdk.remote.Caller` over `run/router.sock`."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._idle: deque[_Link] = deque()
        self._places = asyncio.Semaphore(MAX_CONNECTIONS)

    async def call(
        self, slice_base: str, method: str, body: bytes, *, timeout_s: float, idempotent: bool
    ) -> bytes:
        """Return the msgpack result; raise a CallError."""
        scope = SCOPE.get()
        if scope is None or not scope.is_sampled or has_own_context():
            request = _request(slice_base, method, body, trace_context(), idempotent=idempotent)
            status, answer = await self._answered(
                slice_base, method, request, timeout_s, idempotent
            )
            return _result(slice_base, method, status, answer)
        span = scope.open(f"{slice_base}.{method}", "call")
        try:
            carried = TraceContext(span.traceparent, _state())
            request = _request(slice_base, method, body, carried, idempotent=idempotent)
            status, answer = await self._answered(
                slice_base, method, request, timeout_s, idempotent
            )
            result = _result(slice_base, method, status, answer)
        except BaseException as failure:
            span.close(f"{type(failure).__name__}: {failure}")
            raise
        span.close()
        return result

    async def _answered(
        self,
        slice_base: str,
        method: str,
        request: bytes,
        timeout_s: float,
        idempotent: bool,  # noqa: FBT001 - an inner step of `call`, which names it
    ) -> tuple[int, bytes]:
        """Return status and body of the answer; raise a CallError when there is none."""
        try:
            async with asyncio.timeout(timeout_s), self._places:
                return await self._ask(request, idempotent=idempotent)
        except TimeoutError as late:
            raise CallTimedOut(slice_base, method, f"no answer within {timeout_s} s") from late
        except LinkLost as lost:
            raise CallTimedOut(slice_base, method, f"outcome unknown: {lost}") from lost
        except OSError as closed:
            raise CallUnavailable(
                slice_base, method, f"the router of this node does not answer: {closed}"
            ) from closed

    async def _ask(self, request: bytes, *, idempotent: bool) -> tuple[int, bytes]:
        """Ask over an idle link or a new one; a link that went stale is retried when that is safe."""
        while True:
            link = self._take_idle() or await self._connect()
            was_fresh = link.is_fresh
            try:
                answer = await link.ask(request)
            except LinkLost as lost:
                if was_fresh or lost.began or not idempotent:
                    raise
                continue
            if link.is_open:
                self._idle.append(link)
            return answer

    def _take_idle(self) -> _Link | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            link = self._idle.pop()
            if link.is_open and now - link.used_at < IDLE_S:
                return link
            link.close()
        return None

    async def _connect(self) -> _Link:
        loop = asyncio.get_running_loop()
        _, link = await loop.create_unix_connection(_Link, str(self._socket))
        return link

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()


def _result(slice_base: str, method: str, status: int, answer: bytes) -> bytes:
    if status == 200:
        return answer
    raise _failure(slice_base, method, status, answer)


def _state() -> str:
    """Return the `tracestate` of the request being handled."""
    trace = trace_context()
    return "" if trace is None else trace.tracestate


def _request(
    slice_base: str, method: str, body: bytes, trace: TraceContext | None, *, idempotent: bool
) -> bytes:
    lines = [
        f"POST /_aether/call/{method} HTTP/1.1",
        "host: aether",
        f"x-aether-slice: {slice_base}",
        "content-type: application/msgpack",
        f"content-length: {len(body)}",
    ]
    if idempotent:
        lines.append("x-aether-idempotent: 1")
    cause = request_id()
    if cause:
        lines.append(f"x-request-id: {cause}")
    if trace is not None:
        lines.append(f"traceparent: {trace.traceparent}")
        if trace.tracestate:
            lines.append(f"tracestate: {trace.tracestate}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _failure(slice_base: str, method: str, status: int, answer: bytes) -> CallError:
    """Turn a problem document into the error of its kind."""
    try:
        problem = json.loads(answer)
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    code = str(problem.get("code", ""))
    message = str(problem.get("message") or problem.get("detail") or f"status {status}")
    if code == "slice_failed":
        return CallFailed(slice_base, method, message, kind=str(problem.get("type", "")))
    if status == 503:
        return CallUnavailable(slice_base, method, message)
    if status in (502, 504):
        return CallTimedOut(slice_base, method, message)
    return CallFailed(slice_base, method, message, kind=code or str(status))
