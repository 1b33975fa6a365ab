"""Accepting connections by TLS: handshakes are bounded in time and number before HTTP is spoken.

The first byte is looked at before the handshake, so that a client that speaks plain HTTP to this
port is told so in words it understands.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import structlog

from aether.dataplane.context import Context
from aether.dataplane.forwarding import new_request_id
from aether.dataplane.problems import bad_request, render
from aether.tasks import Tasks

ACCEPTS_A_TURN = 64
ACCEPT_PAUSE_S = 0.1
HANDSHAKE_RECORD = 0x16
"""How TLS begins."""

log = structlog.get_logger()


class Bounds(Protocol):
    """Bounds of handshakes; `RouterSettings` has them."""

    @property
    def handshake_s(self) -> float:
        """Longest handshake."""
        ...

    @property
    def handshakes(self) -> int:
        """Most at a time."""
        ...


class TlsListener:
    """Accepts connections of one listening socket and hands them on once TLS stands.

    `ssl_context` is asked for each connection, so that changed certificates count at once. When as
    many handshakes are under way as may be, the oldest is ended: a slow client cannot keep others out.
    """

    def __init__(
        self,
        context: Context,
        bounds: Bounds,
        ssl_context: Callable[[], ssl.SSLContext],
        protocol: Callable[[], asyncio.Protocol],
        on_failure: Callable[[Exception], None] | None = None,
    ) -> None:
        """Make a listener; `on_failure` hears of handshakes that came to nothing, else it is noise."""
        self._context = context
        self._bounds = bounds
        self._ssl_context = ssl_context
        self._protocol = protocol
        self._on_failure = on_failure or _log_noise
        self._tasks = Tasks(on_failure=_log_failure)
        self._socket: socket.socket | None = None
        self._handshakes: dict[asyncio.Task[None], socket.socket] = {}
        """Under way, oldest first."""
        self.failed = 0
        """Handshakes that came to nothing."""

    def start(self, listening: socket.socket) -> None:
        """Accept from a listening, non-blocking socket, which is ours from here."""
        self._socket = listening
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def close(self) -> None:
        """Accept no more; handshakes under way go on."""
        listening, self._socket = self._socket, None
        if listening is not None:
            asyncio.get_running_loop().remove_reader(listening)
            listening.close()

    async def stop(self) -> None:
        """End handshakes too."""
        self.close()
        for task in list(self._handshakes):
            self._end(task)
        await self._tasks.stop()

    def _accept(self, listening: socket.socket) -> None:
        """Take what waits, a bounded number at a turn of the loop."""
        for _ in range(ACCEPTS_A_TURN):
            if self._socket is not listening:
                return
            try:
                connection, _ = listening.accept()
            except BlockingIOError:
                return
            except OSError as problem:
                self._pause(listening, problem)
                return
            self._begin(connection)

    def _pause(self, listening: socket.socket, problem: OSError) -> None:
        """Accept nothing for a moment: no files are left, and the queue would keep us busy."""
        log.warning("cannot accept", problem=str(problem))
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        loop.call_later(ACCEPT_PAUSE_S, self._go_on, listening)

    def _go_on(self, listening: socket.socket) -> None:
        if self._socket is listening:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _begin(self, connection: socket.socket) -> None:
        if len(self._handshakes) >= self._bounds.handshakes:
            self._end(next(iter(self._handshakes)))
        self._context.arriving += 1
        task = self._tasks.start("TLS handshake", self._admit(connection))
        self._handshakes[task] = connection
        task.add_done_callback(self._ended)

    def _end(self, task: asyncio.Task[None]) -> None:
        """End a handshake; its task may not have begun, and would then close nothing itself."""
        self._handshakes.pop(task).close()
        self.failed += 1
        task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._handshakes.pop(task, None)
        context = self._context
        context.arriving -= 1
        if context.draining and not context.arriving:
            context.emptied.set()

    async def _admit(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        connection.settimeout(0)
        try:
            async with asyncio.timeout(self._bounds.handshake_s):
                if await _first_byte(connection) != HANDSHAKE_RECORD:
                    await self._say_plain(connection)
                    return
                await loop.connect_accepted_socket(
                    self._protocol,
                    connection,
                    ssl=self._ssl_context(),
                    ssl_handshake_timeout=self._bounds.handshake_s,
                )
        except (TimeoutError, OSError, ssl.SSLError) as problem:
            self.failed += 1
            connection.close()
            self._on_failure(problem)

    async def _say_plain(self, connection: socket.socket) -> None:
        """Answer a client that does not speak TLS, and close."""
        self.failed += 1
        problem = bad_request("This port speaks TLS: use https://.")
        answer = render(problem, new_request_id(), body_wanted=True, close=True)
        loop = asyncio.get_running_loop()
        with suppress(OSError), connection:
            await loop.sock_sendall(connection, answer)
            connection.shutdown(socket.SHUT_WR)
            # Bytes unread when a socket is closed make the kernel reset the connection.
            while await loop.sock_recv(connection, 65536):
                pass


async def _first_byte(connection: socket.socket) -> int:
    """Return the first byte a client sends, and leave it to be read; -1 when it sends none."""
    loop = asyncio.get_running_loop()
    while True:
        with suppress(BlockingIOError):
            data = connection.recv(1, socket.MSG_PEEK)
            return data[0] if data else -1
        readable = loop.create_future()
        loop.add_reader(connection, _set, readable)
        try:
            await readable
        finally:
            loop.remove_reader(connection)


def _set(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)


def _log_noise(problem: Exception) -> None:
    log.debug("TLS handshake failed", problem=str(problem) or type(problem).__name__)


def _log_failure(name: str, failure: BaseException) -> None:
    log.error("TLS listener failed", task=name, exc_info=failure)
