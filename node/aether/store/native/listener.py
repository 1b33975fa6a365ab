"""The Raft port: who may connect, and what each connection brings.

Nothing of a connection is looked at before its handshake, which is bounded in bytes, in time and in
number; after it, frames are bounded by size and handed on one by one.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Collection
from typing import cast

import structlog

from aether.core.model.ids import NodeId
from aether.core.model.node_certificate import nodes_named
from aether.errors import ConfigInvalid
from aether.frames import HEADER, FrameError
from aether.store.native import handshake
from aether.store.native.handshake import Denial, Denied, Hello, Welcome
from aether.store.native.sockets import prepare
from aether.store.native.splitter import MAX_FRAME_BYTES, Splitter
from aether.store.native.tls import TlsContexts, explain
from aether.tasks import Tasks

HANDSHAKE_S = 2.0
MAX_HANDSHAKES = 64
"""Connections that may be in their handshake; more are closed at once."""
ACCEPT_PAUSE_S = 0.2
"""Pause after a failed accept: out of file descriptors, most likely."""
DENIED_AGAIN_S = 10.0
"""How often the same failure of TLS is logged."""
SILENT_SWEEPS = 3
"""Sweeps of a connection without a byte after which its peer is given up."""

Judge = Callable[["Incoming", Hello, Collection[str] | None], NodeId]
"""Says who introduced itself, or raises Denied; the last argument is whom its certificate names."""
Frame = Callable[["Incoming", memoryview], None]
"""Takes a frame of an admitted connection; raises ValueError when it makes no sense."""
Ended = Callable[["Incoming"], None]

log = structlog.get_logger()


class Incoming(asyncio.Protocol):
    """One accepted connection; `peer` is who speaks on it, None until it was admitted."""

    transport: asyncio.Transport | None

    def __init__(self, listener: "Listener") -> None:
        self.peer: NodeId | None = None
        self.hello: Hello | None = None
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the connection is admitted, denied or gone."""
        self.transport = None
        self._listener = listener
        self._splitter = Splitter(handshake.MAX_HELLO_BYTES)
        self._silent_sweeps = 0
        self._begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; asyncio calls this, after the handshake of TLS."""
        # Those of uvloop are transports, though not by class.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Cut the stream into frames; asyncio calls this."""
        self._silent_sweeps = 0
        try:
            if self.peer is None:
                self._introduced(data)
                return
            for frame in self._splitter.feed(data):
                if frame:
                    self._listener.frame(self, frame)
        except Denied as denied:
            self.deny(denied)
        except (FrameError, ValueError) as problem:
            log.warning("raft peer broke the protocol", peer=self.peer, problem=str(problem))
            self.abort()

    def _introduced(self, data: bytes) -> None:
        if self.settled.done() or self.transport is None:
            return
        if not self._begun:
            self._begun = True
            if (stranger := handshake.foreign(data)) is not None:
                raise stranger
        try:
            bodies = self._splitter.feed(data)
        except FrameError as problem:
            raise Denied(handshake.MALFORMED, f"not a hello: {problem}") from problem
        if not bodies:
            return
        hello = handshake.decode_hello(bodies[0])
        named = None
        if self._listener.uses_tls:
            named = nodes_named(self.transport.get_extra_info("peercert") or {})
        self.peer = self._listener.judge(self, hello, named)
        self.hello = hello
        self._splitter.limit = MAX_FRAME_BYTES
        self._say(Welcome(hello.to))
        self._settle()

    def deny(self, denied: Denied) -> None:
        """Say why and end the connection."""
        where = None if self.transport is None else self.transport.get_extra_info("peername")
        log.warning(
            "raft connection denied", code=denied.code, problem=denied.message, source=str(where)
        )
        self._settle()
        if self.transport is not None:
            self._say(Denial(denied.code, denied.message))
            self.transport.close()

    def _say(self, answer: Welcome | Denial) -> None:
        body = handshake.encode(answer)
        if self.transport is not None:
            self.transport.write(HEADER.pack(len(body)) + body)

    def sweep(self) -> None:
        """End the connection when nothing arrived for too long; called about once a second.

        Sweeps are counted, not seconds: after a pause of this process there is but one.
        """
        self._silent_sweeps += 1
        if self._silent_sweeps > SILENT_SWEEPS:
            log.info("raft peer is silent", peer=self.peer, sweeps=SILENT_SWEEPS)
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the listener; asyncio calls this."""
        del exc
        self._settle()
        self._listener.ended(self)

    def _settle(self) -> None:
        if not self.settled.done():
            self.settled.set_result(None)

    def abort(self) -> None:
        """Cut the connection."""
        self._settle()
        if self.transport is not None:
            self.transport.abort()


class Listener:
    """Accepts connections and gives each one's frames to its owner, on the event loop."""

    def __init__(self, judge: Judge, frame: Frame, ended: Ended, tls: TlsContexts | None) -> None:
        self.judge = judge
        self.frame = frame
        self._owner_ended = ended
        self._tls = tls
        self._tasks = Tasks(_task_failed)
        self._sockets: list[socket.socket] = []
        self._open: set[Incoming] = set()
        self._handshakes = 0
        self._denied = ""
        self._denied_at = 0.0

    @property
    def uses_tls(self) -> bool:
        """Whether connections are accepted with TLS only."""
        return self._tls is not None

    @property
    def port(self) -> int:
        """The port listened on."""
        return int(self._sockets[0].getsockname()[1])

    async def listen(self, host: str, port: int) -> None:
        """Accept from now on; raises ConfigInvalid when the address cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            # A name may stand for several addresses; each once.
            for family, address in sorted({(family, address) for family, *_, address in found}):
                listening = socket.create_server(address[:2], family=family, backlog=128)
                listening.settimeout(0)
                self._sockets.append(listening)
        except OSError as problem:
            self._close_sockets()
            raise ConfigInvalid(
                [f"raft port {host}:{port} cannot be opened: {problem}; choose another or free it"]
            ) from problem
        for listening in self._sockets:
            self._tasks.start("raft-accept", self._accept(listening))

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        await self._tasks.stop()
        self._close_sockets()
        for incoming in list(self._open):
            incoming.abort()
        # Aborted sockets are closed on the next turns of the loop.
        for _ in range(3):
            await asyncio.sleep(0)

    def _close_sockets(self) -> None:
        for listening in self._sockets:
            listening.close()
        self._sockets.clear()

    def sweep(self) -> None:
        """End connections that fell silent."""
        for incoming in list(self._open):
            incoming.sweep()

    def ended(self, incoming: Incoming) -> None:
        """Forget a connection; it calls this itself."""
        self._open.discard(incoming)
        if incoming.peer is not None:
            self._owner_ended(incoming)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listening)
            except OSError as problem:
                log.warning("raft port cannot accept", problem=str(problem))
                await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            if self._handshakes >= MAX_HANDSHAKES:
                connection.close()
                continue
            self._handshakes += 1
            self._tasks.start("raft-handshake", self._admit(connection))

    async def _admit(self, connection: socket.socket) -> None:
        incoming = Incoming(self)
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                await self._connected(incoming, connection)
                self._open.add(incoming)
                await incoming.settled
        except TimeoutError:
            incoming.deny(
                Denied(handshake.MALFORMED, f"it did not introduce itself in {HANDSHAKE_S:g} s")
            )
        except (OSError, ssl.SSLError) as problem:
            self._say_denied(explain(problem))
        except BaseException:
            incoming.abort()
            raise
        finally:
            self._handshakes -= 1

    def _say_denied(self, problem: str) -> None:
        """Log why TLS failed; not each time, as whoever is refused comes again every second."""
        now = asyncio.get_running_loop().time()
        if problem != self._denied or now - self._denied_at > DENIED_AGAIN_S:
            self._denied, self._denied_at = problem, now
            log.warning("raft connection denied", code="tls", problem=problem)

    async def _connected(self, incoming: Incoming, connection: socket.socket) -> None:
        try:
            prepare(connection)
            context = None if self._tls is None else self._tls.for_accepting()
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: incoming,
                connection,
                ssl=context,
                ssl_handshake_timeout=None if context is None else HANDSHAKE_S,
            )
        except BaseException:
            connection.close()
            raise


def _task_failed(name: str, failure: BaseException) -> None:
    log.error("raft connection failed", task=name, exc_info=failure)
