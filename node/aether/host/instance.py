"""One loaded slice in its host: constructing, starting, serving, draining, stopping."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Protocol

import structlog

from aether.host.asgi import AsgiApp, Lifespan
from aether.host.calls import RouterCaller
from aether.host.entry import Loaded
from aether.host.http import App, HttpServer
from aether.host.kv import NodeKv
from aether.host.paths import HostPaths
from aether.host.serving import SliceApp
from aether.host.settings import HostSettings
from aether.host.slice_logs import heed_as_host
from aether.host.span_link import SpanLink
from aether.host.spans import SpanRecorder
from aether.host.wsgi.app import WsgiApp
from aether.host.wsgi.threads import DEFAULT_THREADS, Threads
from aether.logs.process import ProcessLogs
from aether.ports import HostSpec
from aether.sdk import Slice
from aether.sdk.shape import SliceShape, construct
from aether.sdk.slice import LiveConfig

START_STOP_S = 5.0
"""Longest `start`, `stop` and `configure` of a slice, startup and shutdown of an ASGI application."""

log = structlog.get_logger()


class _Application(Protocol):
    """What is started, answers requests, and is stopped."""

    cancel_when_gone: bool

    async def start(self) -> App: ...

    async def configure(self, config: LiveConfig) -> None: ...

    async def stop(self) -> None: ...


class _SliceApplication:
    cancel_when_gone = True

    def __init__(
        self,
        kind: type[Slice],
        shape: SliceShape,
        config: LiveConfig,
        kv: NodeKv,
        caller: RouterCaller,
    ) -> None:
        self._slice = construct(kind, shape, config, kv, caller)
        self._shape = shape

    async def start(self) -> App:
        await self._slice.start()
        return SliceApp(self._slice, self._shape)

    async def configure(self, config: LiveConfig) -> None:
        if self._shape.wants_settings:
            await self._slice.configure(config)

    async def stop(self) -> None:
        await self._slice.stop()


class _AsgiApplication:
    cancel_when_gone = False

    def __init__(self, loaded: Loaded, config: LiveConfig) -> None:
        self._loaded = loaded
        self._lifespan = Lifespan(loaded.entry, config)

    async def start(self) -> App:
        await self._lifespan.start()
        return AsgiApp(self._loaded.entry, self._loaded.manifest.prefix, self._lifespan.state)

    async def configure(self, config: LiveConfig) -> None:
        """ASGI has no call for it: the config in its state shows the new settings."""

    async def stop(self) -> None:
        await self._lifespan.stop()


class _WsgiApplication:
    cancel_when_gone = False  # a thread cannot be cancelled: it hears of it at its next block

    def __init__(self, loaded: Loaded, config: LiveConfig) -> None:
        self._loaded = loaded
        self._config = config
        self._threads = Threads(loaded.manifest.threads or DEFAULT_THREADS)

    async def start(self) -> App:
        manifest = self._loaded.manifest
        return WsgiApp(self._loaded.entry, manifest.prefix, self._threads, self._config)

    async def configure(self, config: LiveConfig) -> None:
        """WSGI has no call for it: the config in the environ shows the new settings."""

    async def stop(self) -> None:
        await self._threads.stop()


class Instance:
    """The slice of this host. `state` is `loaded`, `active` or `stopping`."""

    def __init__(self, spec: HostSpec, paths: HostPaths, loaded: Loaded) -> None:
        self.state = "loaded"
        self._spec = spec
        self._loaded = loaded
        self._socket = paths.host_socket(spec.instance)
        self._kv = NodeKv(paths.node_socket, spec.token)
        self._caller = RouterCaller(paths.router_socket)
        self._spans = SpanRecorder(spec.instance, spec.instance.base)
        logs = ProcessLogs(heed_as_host)
        self._span_link = SpanLink(paths.node_socket, spec.token, self._spans, logs)
        self.settings = HostSettings.read(spec.config)
        self._application: _Application | None = None
        self._server: HttpServer | None = None
        self._turn = asyncio.Lock()
        self._configuring: asyncio.Timeout | None = None

    @property
    def in_flight(self) -> int:
        """Requests being answered now."""
        return self._server.in_flight if self._server is not None else 0

    async def activate(self) -> None:
        """Construct, start and listen; an instance that is active already stays as it is."""
        async with self._turn:
            if self.state == "active":
                return
            application = self._construct()
            async with _deadline("start"):
                app = await application.start()
            self._server = HttpServer(
                app, cancel_when_gone=application.cancel_when_gone, spans=self._spans
            )
            await self._server.listen(self._socket)
            self._application = application
            self._span_link.start()
            self.state = "active"

    async def deactivate(self, drain_s: float) -> None:
        """Let requests finish for `drain_s`, stop listening, stop the slice.

        A `configure` under way is cut off: its outcome matters to nobody any more.
        """
        if self._configuring is not None:
            self._configuring.reschedule(asyncio.get_running_loop().time())
        async with self._turn:
            server, application = self._server, self._application
            if server is None or application is None:
                return
            self.state = "stopping"
            try:
                if not await server.drain(drain_s):
                    log.warning("requests cut off", count=server.in_flight, after_s=drain_s)
                await server.close()
                async with _deadline("stop"):
                    await application.stop()
            finally:
                self._socket.unlink(missing_ok=True)
                self._server = self._application = None
                self.state = "loaded"

    async def configure(self, settings: bytes) -> None:
        """Have the slice see other settings at once, and tell it when it serves and wants to know.

        What its `configure` raises is logged and kept in `settings.problem`: the settings stand, and
        the instance goes on. Steps come one after the other, so the last settings given win.
        """
        async with self._turn:
            self.settings.replace(settings)
            if self._application is None:
                return
            try:
                async with _deadline("configure") as self._configuring:
                    await self._application.configure(self.settings.config)
            except Exception as failure:
                log.exception("the slice did not take its settings", instance=self._spec.instance)
                self.settings.note_failure(failure)
            finally:
                self._configuring = None

    async def close(self) -> None:
        """Let go of the connections to node and router."""
        self._caller.close()
        await self._span_link.stop()
        await self._kv.close()

    def _construct(self) -> _Application:
        loaded = self._loaded
        if loaded.interface == "wsgi":
            return _WsgiApplication(loaded, self.settings.config)
        if loaded.shape is None:
            return _AsgiApplication(loaded, self.settings.config)
        config, kv, caller = self.settings.config, self._kv, self._caller
        return _SliceApplication(loaded.entry, loaded.shape, config, kv, caller)


@contextlib.asynccontextmanager
async def _deadline(what: str) -> AsyncIterator[asyncio.Timeout]:
    """Bound a step of the author's code, and say which one when it took too long."""
    limit = asyncio.timeout(START_STOP_S)
    due = None
    try:
        async with limit:
            due = limit.when()
            yield limit
    except TimeoutError as late:
        if limit.expired():
            is_cut = limit.when() != due  # whoever cuts a step off moves its end
            why = "was cut off by the stop" if is_cut else f"took longer than {START_STOP_S} s"
            raise TimeoutError(f"{what}() {why}") from late
        raise
    except SystemExit as left:
        raise RuntimeError(f"{what}() called sys.exit({left.code!r})") from left
