"""The connection on which this member speaks to one peer: dialled, kept, bounded."""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

import structlog

from aether.core.model.ids import NodeId
from aether.core.model.node_certificate import nodes_named
from aether.frames import HEADER, FrameError
from aether.store.native import handshake
from aether.store.native.handshake import Denied, Hello, Introduction
from aether.store.native.sockets import prepare, split_address
from aether.store.native.splitter import PING, Splitter
from aether.store.native.tls import TlsContexts, explain

CONNECT_S = 2.0
FIRST_REDIAL_S = 0.05
LAST_REDIAL_S = 1.0
MAX_WAITING_BYTES = 16 * 1024 * 1024
"""Most bytes a slow peer may be behind; further packets to it are dropped."""
UNANSWERED = "it ended the connection before it answered hello; its log says why (is its tls ours?)"

log = structlog.get_logger()


class Dialer:
    """Keeps one connection to a peer while it runs; packets handed to it may be dropped."""

    def __init__(
        self,
        peer: NodeId,
        address: str,
        me: Introduction,
        tls: TlsContexts | None,
        dice: Callable[[], float],
    ) -> None:
        self.peer = peer
        self.address = address
        self.dropped = 0
        """Packets that were dropped since the start: no connection, or a peer too slow."""
        self._me = me
        self._tls = tls
        self._dice = dice
        self._speaking: _Speaking | None = None
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._connections = 0
        self._quiet = True
        self._problem = ""
        self._poked = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether the peer has let us speak."""
        return self._speaking is not None

    @property
    def problem(self) -> str:
        """Why the peer could not be spoken to the last time; empty while it can be."""
        return "" if self.connected else self._problem

    def queue(self, body: bytes) -> None:
        """Put a frame behind what waits for `flush`; dropped when it does not fit."""
        size = len(body) + 4
        speaking = self._speaking
        if (
            speaking is None
            or speaking.transport.is_closing()
            or self._outbox_bytes + size + speaking.transport.get_write_buffer_size()
            > MAX_WAITING_BYTES
        ):
            self.dropped += 1
            return
        self._outbox.append(HEADER.pack(len(body)))
        self._outbox.append(body)
        self._outbox_bytes += size

    def flush(self) -> None:
        """Hand everything queued to the socket at once."""
        if not self._outbox:
            return
        # A transport may be closed before its end is told; those of uvloop then refuse to write.
        if self._speaking is not None and not self._speaking.transport.is_closing():
            self._speaking.transport.write(b"".join(self._outbox))
            self._quiet = False
        self._outbox.clear()
        self._outbox_bytes = 0

    def ping(self) -> None:
        """Say that we live, when nothing else was said since the last call."""
        speaking = self._speaking
        if self._quiet and speaking is not None and not speaking.transport.is_closing():
            speaking.transport.write(PING)
        self._quiet = True

    def poke(self) -> None:
        """Dial now rather than after the pause: the peer gave a sign of life."""
        self._poked.set()

    async def run(self) -> None:
        """Keep the connection until cancelled; back off while it cannot be had."""
        pause_s = FIRST_REDIAL_S
        while True:
            speaking = _Speaking()
            try:
                await self._connect(speaking)
                if self.connected:
                    pause_s = FIRST_REDIAL_S
                await speaking.ended
            finally:
                self._hang_up(speaking)
            self._poked.clear()
            try:
                async with asyncio.timeout(pause_s * (0.5 + self._dice())):
                    await self._poked.wait()
            except TimeoutError:
                pause_s = min(pause_s * 2, LAST_REDIAL_S)

    def _hang_up(self, speaking: "_Speaking") -> None:
        self._speaking = None
        self._outbox.clear()
        self._outbox_bytes = 0
        speaking.abort()

    async def _connect(self, speaking: "_Speaking") -> None:
        """Dial and introduce ourselves; says in the log, once for each reason, why that failed."""
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._introduced(speaking)
        except TimeoutError:
            self._failed(speaking, "unreachable", f"no answer within {CONNECT_S:g} s")
        except Denied as denied:
            self._failed(speaking, denied.code, denied.message)
        except ssl.SSLError as problem:
            self._failed(speaking, "tls", explain(problem))
        except (OSError, ValueError) as problem:
            self._failed(speaking, "unreachable", str(problem) or explain(problem))
        else:
            self._problem = ""
            self._speaking = speaking

    def _failed(self, speaking: "_Speaking", code: str, message: str) -> None:
        speaking.end()
        if message != self._problem:
            self._problem = message
            log.warning(
                "raft peer cannot be spoken to",
                peer=self.peer,
                address=self.address,
                code=code,
                problem=message,
            )

    async def _introduced(self, speaking: "_Speaking") -> None:
        host, port = split_address(self.address)
        context = None if self._tls is None else self._tls.for_dialling()
        await asyncio.get_running_loop().create_connection(
            lambda: speaking,
            host,
            port,
            ssl=context,
            ssl_handshake_timeout=None if context is None else CONNECT_S,
        )
        if context is not None:
            certificate = speaking.transport.get_extra_info("peercert") or {}
            handshake.check_certificate(self.peer, nodes_named(certificate))
        self._connections += 1
        hello = Hello(
            self._me.cluster_id,
            self._me.node,
            self.peer,
            self._me.incarnation,
            self._connections,
            self._me.address,
        )
        body = handshake.encode(hello)
        speaking.transport.write(HEADER.pack(len(body)) + body)
        handshake.check_answer(await speaking.answer, self.peer)


class _Speaking(asyncio.Protocol):
    """A dialled connection: one answer comes in, then nothing but its end."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[bytes] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self._splitter = Splitter(handshake.MAX_HELLO_BYTES)
        self._made = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; asyncio calls this."""
        # Those of uvloop are transports, though not by class.
        self.transport = cast("asyncio.Transport", transport)
        self._made = True
        prepare(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        """Take the answer to our hello; anything after it ends the connection."""
        if self.answer.done():
            self.abort()
            return
        try:
            bodies = self._splitter.feed(data)
        except FrameError as problem:
            self.answer.set_exception(problem)
            return
        if bodies:
            self.answer.set_result(bytes(bodies[0]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits; asyncio calls this."""
        del exc
        if not self.answer.done():
            self.answer.set_exception(ConnectionResetError(UNANSWERED))
        self.end()

    def end(self) -> None:
        """Let `ended` be true."""
        if not self.ended.done():
            self.ended.set_result(None)

    def abort(self) -> None:
        """Cut the connection; what waits to be sent is lost."""
        if not self.answer.cancel() and not self.answer.cancelled():
            # Nobody may be waiting for it any more; asyncio would complain of a lost exception.
            self.answer.exception()
        if self._made:
            self.transport.abort()
