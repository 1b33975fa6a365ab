"""Runs an unmodified ASGI 3 application as a slice: lifespan and HTTP."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

import structlog

from aether.host.body import Disconnected
from aether.host.exchange import Exchange
from aether.sdk import Config, HttpError
from aether.sdk.trace import REQUEST_HEADERS
from aether.tasks import Tasks

Message = MutableMapping[str, Any]  # as the ASGI specification has it
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

log = structlog.get_logger()


CONFIG_STATE = "aether_config"
"""Name in the lifespan state, and so in every request's, under which an application finds its settings."""


class LifespanFailed(Exception):
    """The application said (or showed) that it cannot start or stop."""


class Lifespan:
    """The startup and shutdown conversation with an application that may not know of it."""

    def __init__(self, app: Application, config: Config | None = None) -> None:
        """`config` stands in the state as `aether_config`; it shows what is in force, always."""
        self._app = app
        self._tasks = Tasks()
        self._to_app: asyncio.Queue[Message] = asyncio.Queue(maxsize=2)
        self._from_app: asyncio.Queue[Message | None] = asyncio.Queue(maxsize=4)
        self._is_running = False
        self._failure: BaseException | None = None
        self.state: dict[str, Any] = {}  # what the application puts there, and its settings
        if config is not None:
            self.state[CONFIG_STATE] = config

    async def start(self) -> None:
        """Have the application start; one without lifespan support is started as it is."""
        self._tasks.start("lifespan", self._run())
        self._is_running = await self._ask("startup")

    async def stop(self) -> None:
        """Have the application stop."""
        try:
            if self._is_running:
                await self._ask("shutdown")
        finally:
            await self._tasks.stop()

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._app(scope, self._to_app.get, self._from_app.put)
        except Exception as failure:  # noqa: BLE001 - judged in _ask: an application may refuse lifespan by raising
            self._failure = failure
        finally:
            self._from_app.put_nowait(None)

    async def _ask(self, event: str) -> bool:
        """Return whether the application takes part; raise LifespanFailed when it reports failure."""
        await self._to_app.put({"type": f"lifespan.{event}"})
        answer = await self._from_app.get()
        if answer is None:
            if event == "shutdown" and self._failure is not None:
                raise LifespanFailed(f"shutdown failed: {self._failure!r}") from self._failure
            if self._failure is not None:
                log.info("the application has no lifespan", raised=repr(self._failure))
            return False
        if answer["type"] == f"lifespan.{event}.complete":
            return True
        raise LifespanFailed(f"{event} failed: {answer.get('message') or answer['type']}")


class AsgiApp:
    """Answers exchanges by an ASGI application mounted at `prefix`."""

    def __init__(self, app: Application, prefix: str, state: dict[str, Any]) -> None:
        self._app = app
        self._prefix = prefix
        self._state = state

    async def __call__(self, exchange: Exchange) -> None:
        """Answer one exchange; an application that raises is answered for with a 500."""
        REQUEST_HEADERS.set(exchange.headers)
        conversation = _Conversation(exchange)
        try:
            await self._app(self._scope(exchange), conversation.receive, conversation.send)
        except Disconnected:
            raise
        except HttpError as error:  # the body was over its limit, and the application let it pass
            if not exchange.finished:
                await self._refuse(exchange, error)
            return
        except Exception:
            log.exception(
                "application failed", method=exchange.method, path=exchange.path.decode("latin-1")
            )
        if not exchange.finished:
            await self._refuse(
                exchange,
                HttpError(500, "the slice failed; its log has the trace", code="slice_failed"),
            )

    async def _refuse(self, exchange: Exchange, error: HttpError) -> None:
        if exchange.started:
            raise Disconnected("the application failed in mid-answer")
        await exchange.refuse(error)

    def _scope(self, exchange: Exchange) -> Message:
        forwarded = exchange.header(b"x-forwarded-proto")
        # The last address is whoever connected to the first router; its port is not told.
        chain = exchange.header(b"x-forwarded-for") or b""
        client = chain.rpartition(b",")[2].strip().decode("latin-1")
        path = unquote(exchange.path.decode("latin-1"))
        if path == self._prefix:
            # Applications know no path shorter than "/": they would redirect or deny an empty one.
            path += "/"
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.0" if exchange.http_1_0 else "1.1",
            "method": exchange.method,
            "scheme": "https" if forwarded == b"https" else "http",
            "path": path,
            "raw_path": exchange.path,
            "query_string": exchange.query,
            "root_path": self._prefix,
            "headers": exchange.headers,
            "client": (client, 0) if client else None,
            "server": None,
            "state": self._state.copy(),
        }


class _Conversation:
    """The receive and send channels of one request."""

    __slots__ = ("_exchange", "_headers", "_is_read", "_status")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._is_read = False
        self._status: int | None = None
        self._headers: list[tuple[bytes, bytes]] = []

    async def receive(self) -> Message:
        """Return the next piece of the body, then wait for the client to go away."""
        body = self._exchange.body
        if not self._is_read:
            try:
                chunk = await body.next_chunk()
            except Disconnected:
                return {"type": "http.disconnect"}
            self._is_read = chunk is None or (body.is_complete and not body.holds_more)
            return {"type": "http.request", "body": chunk or b"", "more_body": not self._is_read}
        await self._exchange.wait_over()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a piece of the answer; a short answer leaves in one write."""
        match message["type"]:
            case "http.response.start" if self._status is None:
                self._status = int(message["status"])
                self._headers = list(message.get("headers", ()))
            case "http.response.body" if self._status is not None and not self._exchange.finished:
                await self._send_body(
                    bytes(message.get("body", b"")), bool(message.get("more_body"))
                )
            case other:
                raise RuntimeError(f"ASGI message {other!r} makes no sense at this point")

    async def _send_body(self, body: bytes, more: bool) -> None:  # noqa: FBT001 - the message's own field
        exchange, status = self._exchange, self._status
        assert status is not None  # noqa: S101 - send checked it
        if not exchange.started and not more:
            if exchange.method == "HEAD" and not body:
                await exchange.start(status, self._headers)  # its own content-length stands
                await exchange.finish()
            else:
                await exchange.respond(status, self._headers, body)
            return
        if not exchange.started:
            await exchange.start(status, self._headers)
        await exchange.write(body)
        if not more:
            await exchange.finish()
