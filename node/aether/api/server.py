"""The management port: HTTP in front of `Api.handle`, with bounds on what is held in memory."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from aether.api.endpoint import SMALL_BODY_BYTES, Endpoint
from aether.api.problems import Overloaded, problem_response
from aether.api.service import REQUEST_ID, Api, body_too_large, endpoint_for, sane_request_id
from aether.errors import AetherError, Unavailable
from aether.ports import ApiRequest, ApiResponse

_log = structlog.get_logger()

MAX_CALLS = 256
"""Most calls in flight; more are answered 503."""
MAX_LARGE_CALLS = 4
"""Most calls in flight that may hold a body over 1 MiB: four wheels of 64 MiB."""
LARGE_BODY_BYTES = 1024 * 1024
READ_S = 120.0
"""Longest time a caller may take to send a body."""
WRITE_S = 60.0
"""Longest time a caller may take nothing of a stream."""
STOP_S = 2.0
"""Longest wait for calls in flight when the server stops."""


class ApiServer:
    """Serves an `Api` on one address; port 0 takes any free one, `port` says which."""

    def __init__(self, api: Api, host: str, port: int) -> None:
        self._api = api
        self._host = host
        self._wanted_port = port
        self._runner: web.AppRunner | None = None
        self._calls = 0
        self._large_calls = 0

    @property
    def port(self) -> int:
        """The port it listens on, once started."""
        addresses = self._runner.addresses if self._runner else []
        return int(addresses[0][1]) if addresses else self._wanted_port

    async def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=STOP_S, logger=_http_log()
        )
        await runner.setup()
        self._runner = runner
        try:
            await web.TCPSite(runner, self._host, self._wanted_port).start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Take no more calls and give those in flight a moment to end."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            endpoint = endpoint_for(request.method, request.raw_path.partition("?")[0]).endpoint
            with self._admitted(endpoint):
                return await self._answer(request, endpoint)
        except AetherError as problem:
            request_id = sane_request_id(request.headers.get(REQUEST_ID))
            refused = problem_response(problem, request_id)
            # What is left of the body is not worth reading.
            headers = {**refused.headers, REQUEST_ID: request_id, "connection": "close"}
            return web.Response(status=refused.status, headers=headers, body=refused.body)

    async def _answer(self, request: web.Request, endpoint: Endpoint) -> web.StreamResponse:
        body = await _read_body(request, endpoint)
        answer = await self._api.handle(
            ApiRequest(
                method=request.method,
                path=request.raw_path,
                headers={name.lower(): value for name, value in request.headers.items()},
                body=body,
            )
        )
        if answer.stream is None:
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        return await _stream(request, answer, answer.stream)

    @contextmanager
    def _admitted(self, endpoint: Endpoint) -> Iterator[None]:
        large = endpoint.body_limit > LARGE_BODY_BYTES
        if self._calls >= MAX_CALLS or (large and self._large_calls >= MAX_LARGE_CALLS):
            raise Overloaded(
                f"{self._calls} calls are in flight, {self._large_calls} of them with large "
                f"bodies; the limits are {MAX_CALLS} and {MAX_LARGE_CALLS}"
            )
        self._calls += 1
        self._large_calls += large
        try:
            yield
        finally:
            self._calls -= 1
            self._large_calls -= large


async def _stream(
    request: web.Request, answer: ApiResponse, pieces: AsyncGenerator[bytes, None]
) -> web.StreamResponse:
    """Send an answer piece by piece, as fast as it is taken; cut it off when it breaks."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    try:
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        async for piece in pieces:
            async with asyncio.timeout(WRITE_S):
                await response.write(piece)
        await response.write_eof()
    except (AetherError, TimeoutError, ConnectionError) as problem:
        # The status is out: only an unfinished body can tell the caller that there is no more.
        # Whoever follows events leaves when he has seen enough; of a file, that is news.
        tell = _log.debug if response.content_type == "text/event-stream" else _log.warning
        tell("stream broken off", path=request.path, problem=str(problem))
        if request.transport is not None:
            request.transport.abort()
    finally:
        await pieces.aclose()
    return response


def _http_log() -> logging.Logger:
    """Return the log of the HTTP server."""
    http_log = logging.getLogger("aether.api.http")
    http_log.addFilter(_tells_of_us)
    return http_log


def _tells_of_us(record: logging.LogRecord) -> bool:
    """Keep what is our fault; whoever sends what is not HTTP must not fill the log with it."""
    problem = record.exc_info[1] if record.exc_info else None
    if isinstance(problem, HttpProcessingError):
        _log.debug("not HTTP", problem=str(problem)[:200])
        return False
    return True


async def _read_body(request: web.Request, endpoint: Endpoint) -> bytes:
    if (request.content_length or 0) > endpoint.body_limit:
        raise body_too_large(endpoint, request.content_length or 0)
    body = bytearray()
    try:
        async with asyncio.timeout(READ_S):
            async for part in request.content.iter_chunked(SMALL_BODY_BYTES):
                body += part
                if len(body) > endpoint.body_limit:
                    raise body_too_large(endpoint, len(body))
    except TimeoutError as problem:
        raise Unavailable(f"the body did not arrive within {READ_S:g} s") from problem
    return bytes(body)
