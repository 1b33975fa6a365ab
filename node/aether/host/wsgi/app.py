"""Runs an unmodified WSGI application as a slice: environ, thread, body and answer put together."""

import asyncio
import contextlib
import contextvars
import io
from collections.abc import Callable, Iterable
from typing import IO, Any

import structlog

from aether.host.body import Disconnected
from aether.host.exchange import Exchange
from aether.host.wsgi.answer import Answer, Write
from aether.host.wsgi.environ import Environ, environ_of, path_info
from aether.host.wsgi.file_blocks import FileBlocks
from aether.host.wsgi.pipe import Pipe
from aether.host.wsgi.request_body import SMALL_BYTES, BodyRefused, gather, stream_of
from aether.host.wsgi.threads import Threads
from aether.sdk import Config, HttpError
from aether.sdk.trace import REQUEST_HEADERS, request_id, trace_context

StartResponse = Callable[..., Write]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

FETCH_S = 120.0
"""Longest wait for a piece of a body: the server gives up a silent connection after half of it."""
CONFIG_KEY = "aether.config"
"""Where an application finds its settings in the environ."""

log = structlog.get_logger()


class WsgiApp:
    """Answers exchanges by a WSGI application mounted at `prefix`."""

    def __init__(
        self, app: Application, prefix: str, threads: Threads, config: Config | None = None
    ) -> None:
        self._app = app
        self._prefix = prefix
        self._threads = threads
        self._extras: Environ = {
            CONFIG_KEY: config if config is not None else Config(),
            "wsgi.file_wrapper": FileBlocks,
        }

    async def __call__(self, exchange: Exchange) -> None:
        """Answer one exchange; an application that raises is answered for with a 500."""
        REQUEST_HEADERS.set(exchange.headers)
        try:
            request = await self._request(exchange)
            if await self._threads.place(exchange.wait_over):
                await self._answer(exchange, request)
        except HttpError as error:
            await _refuse(exchange, error)

    async def _request(self, exchange: Exchange) -> "_Request":
        below = path_info(exchange.path, self._prefix)
        if below is None:
            raise HttpError(404, f"this application answers below {self._prefix}", code="no_route")
        environ = environ_of(exchange, self._prefix, below)
        environ.update(self._extras)
        length = environ.get("CONTENT_LENGTH", "")
        small: bytes | None = None
        if exchange.body.is_complete or (length.isdigit() and int(length) <= SMALL_BYTES):
            small = await exchange.body.read()
            if small or exchange.header(b"transfer-encoding") is not None:
                environ["CONTENT_LENGTH"] = str(len(small))
        return _Request(self._app, environ, exchange, small)

    async def _answer(self, exchange: Exchange, request: "_Request") -> None:
        """Have a thread answer; the place is given back by the thread, not by us."""
        pipe = Pipe(exchange)
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()

        def over(failure: BaseException | None) -> None:
            self._threads.release()
            pipe.over(failure)

        def work() -> None:
            failure = context.run(request.answer, Answer(pipe, exchange.method))
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the process with it
                loop.call_soon_threadsafe(over, failure)

        self._threads.run(work)
        failure = await pipe.carry()
        if failure is not None:
            await _answer_failure(exchange, failure)
        if not exchange.finished:
            raise Disconnected("the client went away")


class _Request:
    """One call of the application, made in a thread."""

    def __init__(
        self, app: Application, environ: Environ, exchange: Exchange, small: bytes | None
    ) -> None:
        self._app = app
        self._environ = environ
        self._body = exchange.body
        self._small = small
        self._loop = asyncio.get_running_loop()

    def answer(self, answer: Answer) -> BaseException | None:
        """Call the application and pass on what it says; return what went wrong."""
        try:
            with contextlib.closing(self._open_body()) as body:
                self._environ["wsgi.input"] = body
                result = self._app(self._environ, answer.start_response)
                with contextlib.closing(_Closer(result)):
                    answer.send(result)
        except BaseException as failure:  # noqa: BLE001 - SystemExit included: it is the application's, told to the loop
            return failure
        return None

    def _open_body(self) -> IO[bytes]:
        if self._small is not None:
            return io.BytesIO(self._small)
        if "CONTENT_LENGTH" in self._environ:
            return stream_of(self._fetch)
        body, length = gather(self._fetch)
        self._environ["CONTENT_LENGTH"] = str(length)
        return body

    def _fetch(self) -> bytes | None:
        piece = asyncio.run_coroutine_threadsafe(self._body.next_chunk(), self._loop)
        try:
            return piece.result(FETCH_S)
        except HttpError as error:
            raise BodyRefused(error) from error


class _Closer:
    """What an iterable may have to be told at its end."""

    def __init__(self, result: Any) -> None:  # noqa: ANN401 - whatever an application returns
        self.close: Callable[[], Any] = getattr(result, "close", _nothing)


def _nothing() -> None:
    """Close what has no end of its own."""


async def _answer_failure(exchange: Exchange, failure: BaseException) -> None:
    if isinstance(failure, Disconnected) or exchange.gone:
        log.info("the client left before its answer was over", application_raised=repr(failure))
        raise Disconnected("the client went away") from failure
    if isinstance(failure, BodyRefused) and not exchange.finished:
        await _refuse(exchange, failure.error)
        return
    trace = trace_context()
    log.error(
        "application failed",
        method=exchange.method,
        path=exchange.path.decode("latin-1"),
        request_id=request_id(),
        trace_id=trace.trace_id if trace else "",
        exc_info=failure,
    )
    if not exchange.finished:
        await _refuse(
            exchange, HttpError(500, "the slice failed; its log has the trace", code="slice_failed")
        )


async def _refuse(exchange: Exchange, error: HttpError) -> None:
    """Answer with the problem; a body already begun can only be cut off, so that nobody trusts it."""
    if exchange.started:
        raise Disconnected("the application failed in mid-answer")
    await exchange.refuse(error)
