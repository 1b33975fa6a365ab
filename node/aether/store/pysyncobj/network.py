"""Connections between voters: who may connect, who dials, and what happens when one is lost.

The voter with the larger name dials; the other listens. A connection delivers in order and at
most once; nothing is carried over from one connection to the next.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from aether.errors import ConfigInvalid
from aether.frames import FrameError
from aether.ports import Member
from aether.store.pysyncobj.link import Link, read_hello, send_hello
from aether.store.pysyncobj.members import Voter
from aether.store.pysyncobj.messages import PROTOCOL, BadMessage, Hello, Message, Ping
from aether.tasks import Tasks

HANDSHAKE_S = 2.0
MAX_HANDSHAKES = 64
FIRST_REDIAL_S = 0.05
LAST_REDIAL_S = 1.0
QUIET_S = 1.0
"""A peer that was told nothing for so long gets a ping."""
SILENT_S = 4.0
"""A peer not heard of for so long is given up."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Events:
    """What the network tells its owner; called on the event loop."""

    connected: Callable[[Voter], None]
    disconnected: Callable[[Voter], None]
    received: Callable[[Voter, Message], None]
    """May raise ValueError for a message that says the impossible: the connection ends."""


class Network:
    """The connections of one voter to the others."""

    def __init__(self, me: Member, cluster_id: str, incarnation: str, events: Events) -> None:
        self._me = Voter(f"{me.node}@{me.address}")
        self._cluster_id = cluster_id
        self._incarnation = incarnation
        self._events = events
        self._peers: dict[str, Voter] = {}
        self._links: dict[str, Link] = {}
        self._dialers: dict[str, asyncio.Task[None]] = {}
        self._latest: dict[str, tuple[str, int]] = {}
        self._dials = 0
        self._handshakes = 0
        self._server: asyncio.Server | None = None
        self._tasks = Tasks(self._task_failed)
        self._closing = False

    async def listen(self, host: str, port: int) -> None:
        """Accept connections; raises ConfigInvalid when the address cannot be had."""
        try:
            self._server = await asyncio.start_server(self._accept, host, port)
        except OSError as problem:
            raise ConfigInvalid(
                [f"raft port {host}:{port} cannot be opened: {problem}; choose another or free it"]
            ) from problem

    async def close(self) -> None:
        """Cut every connection and stop listening."""
        self._closing = True
        if self._server is not None:
            self._server.close()
        for name in list(self._links):
            self._drop(name)
        await self._tasks.stop()
        # Aborted sockets are closed on the next turns of the loop.
        for _ in range(3):
            await asyncio.sleep(0)

    def add(self, peer: Voter) -> None:
        """Let a voter connect, or dial it."""
        self._peers[peer.id] = peer
        if self._me.id > peer.id and peer.id not in self._dialers and not self._closing:
            self._dialers[peer.id] = self._tasks.start(f"raft-dial-{peer.id}", self._dial(peer))

    def remove(self, peer: Voter) -> None:
        """Cut a voter off."""
        self._peers.pop(peer.id, None)
        if (dialer := self._dialers.pop(peer.id, None)) is not None:
            dialer.cancel()
        self._drop(peer.id)

    def queue(self, peer: Voter, message: Message) -> bool:
        """Queue a message for `flush`; False when the peer is not connected.

        A peer too far behind loses its connection.
        """
        link = self._links.get(peer.id)
        if link is None:
            return False
        if link.queue(message):
            return True
        log.warning("raft peer is too slow or a message too large", peer=peer.id)
        self._drop(peer.id)
        return False

    def flush(self) -> None:
        """Send everything queued."""
        for link in self._links.values():
            link.flush()

    def keep_alive(self) -> None:
        """Ping quiet peers and give silent ones up; to be called about once a second."""
        now = asyncio.get_running_loop().time()
        for name, link in list(self._links.items()):
            if now - link.heard_at > SILENT_S:
                log.info("raft peer is silent", peer=name, seconds=SILENT_S)
                self._drop(name)
            elif link.is_quiet(QUIET_S):
                link.queue(Ping())

    def _drop(self, name: str) -> None:
        link = self._links.pop(name, None)
        if link is not None:
            link.close()
            self._events.disconnected(Voter(name))

    def _hello(self, connection: int) -> Hello:
        return Hello(PROTOCOL, self._cluster_id, self._me.id, self._incarnation, connection)

    async def _dial(self, peer: Voter) -> None:
        """Keep one connection to `peer`, for ever; back off while it cannot be had."""
        pause_s = FIRST_REDIAL_S
        while True:
            try:
                link = await self._connected(peer)
            except (OSError, TimeoutError, FrameError, BadMessage) as problem:
                log.debug("raft peer cannot be reached", peer=peer.id, problem=str(problem))
            else:
                pause_s = FIRST_REDIAL_S
                await self._serve(link)
            await asyncio.sleep(pause_s * (0.5 + random.random()))  # noqa: S311 - jitter, no secret
            pause_s = min(pause_s * 2, LAST_REDIAL_S)

    async def _connected(self, peer: Voter) -> Link:
        host, _, port = peer.member.address.rpartition(":")
        self._dials += 1
        hello = self._hello(self._dials)
        async with asyncio.timeout(HANDSHAKE_S):
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            try:
                await send_hello(writer, hello)
                answer = await read_hello(reader)
                self._check(answer, expected=peer.id)
            except BaseException:
                writer.transport.abort()
                raise
        return Link(reader, writer, answer)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._handshakes >= MAX_HANDSHAKES or self._closing:
            writer.transport.abort()
            return
        self._tasks.start("raft-accepted", self._serve_accepted(reader, writer))

    async def _serve_accepted(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._handshakes += 1
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                hello = await read_hello(reader)
                self._check(hello)
                self._check_newer(hello)
                await send_hello(writer, self._hello(hello.connection))
        except (OSError, TimeoutError, FrameError, BadMessage) as problem:
            log.info("raft connection refused", problem=str(problem))
            writer.transport.abort()
            return
        except BaseException:
            writer.transport.abort()
            raise
        finally:
            self._handshakes -= 1
        await self._serve(Link(reader, writer, hello))

    def _check(self, hello: Hello, expected: str | None = None) -> None:
        """Raise FrameError when the speaker does not belong here, or is not who was dialled."""
        if hello.protocol != PROTOCOL:
            raise FrameError(f"{hello.node} speaks protocol {hello.protocol}, not {PROTOCOL}")
        if hello.cluster_id != self._cluster_id:
            raise FrameError(f"{hello.node} belongs to another cluster, {hello.cluster_id!r}")
        if hello.node not in self._peers:
            raise FrameError(f"{hello.node!r} is not a voter of this cluster")
        if expected not in (None, hello.node):
            raise FrameError(f"{hello.node} answers at the address of {expected}")

    def _check_newer(self, hello: Hello) -> None:
        """Raise FrameError for a connection older than one already seen of the same life."""
        incarnation, connection = self._latest.get(hello.node, ("", -1))
        if hello.incarnation == incarnation and hello.connection <= connection:
            raise FrameError(f"connection {hello.connection} of {hello.node} is an old one")
        self._latest[hello.node] = (hello.incarnation, hello.connection)

    async def _serve(self, link: Link) -> None:
        """Deliver what a connection brings until it ends."""
        name = link.peer.node
        peer = self._peers.get(name)
        if peer is None:
            link.close()
            return
        self._drop(name)
        self._links[name] = link
        self._events.connected(peer)
        try:
            while (message := await link.read()) is not None:
                if self._links.get(name) is not link:
                    return
                if not isinstance(message, Hello | Ping):
                    self._events.received(peer, message)
        except (OSError, ValueError) as problem:
            log.info("raft connection ends", peer=name, problem=str(problem))
        except Exception:
            # The library failed on a message: its peer loses the connection and nothing else.
            log.exception("raft message failed", peer=name)
        finally:
            if self._links.get(name) is link:
                self._drop(name)
            else:
                link.close()

    def _task_failed(self, name: str, failure: BaseException) -> None:
        log.error("raft connection failed", task=name, exc_info=failure)
