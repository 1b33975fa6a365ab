"""The links of one member: it dials every other and speaks on its own connection, hears on theirs.

A link delivers in order and at most once; nothing is carried over from one connection to the next.
Packets to a peer that cannot be reached, or is too slow, are dropped: Raft asks again.
"""

import asyncio
import random
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import structlog

from aether.core.model.ids import NodeId
from aether.store.native.dialer import LAST_REDIAL_S, Dialer
from aether.store.native.handshake import (
    OLD_CONNECTION,
    TOO_MANY,
    Denied,
    Hello,
    Introduction,
    check_hello,
)
from aether.store.native.listener import Incoming, Listener
from aether.store.native.packets import Packet, decode_packet, encode_packet
from aether.store.native.splitter import MAX_FRAME_BYTES
from aether.store.native.tls import TlsContexts
from aether.store.spec import TlsFiles
from aether.tasks import Tasks

SWEEP_S = 1.0
"""How often quiet connections are pinged and silent ones counted."""
MAX_STRANGERS = 16
"""Members this one does not know (yet, or any more) that may connect at once."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LinkEvents:
    """What links tell their owner, on the event loop."""

    received: Callable[[NodeId, Packet], None]
    lost: Callable[[NodeId], None]
    """The connection from that member ended, and no newer one of the same life replaced it."""


class Links:
    """Every connection of one member to the others."""

    def __init__(
        self,
        me: Introduction,
        events: LinkEvents,
        tls: TlsFiles | None = None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        """Read the TLS files; raises ConfigInvalid naming one that cannot be used."""
        self._me = me
        self._events = events
        self._dice = dice
        self._tls = None if tls is None else TlsContexts(tls)
        self._listener = Listener(self._judge, self._frame, self._ended, self._tls)
        self._known: dict[NodeId, str] = {}
        self._dialers: dict[NodeId, Dialer] = {}
        self._dialling: dict[NodeId, asyncio.Task[None]] = {}
        self._incoming: dict[NodeId, Incoming] = {}
        self._tasks = Tasks(_task_failed)
        self._sweeper: asyncio.TimerHandle | None = None
        self._waiting: dict[NodeId, Dialer] = {}
        self._encoded: tuple[Packet, bytes] | None = None
        self._closed = False
        self._silent = False

    @property
    def port(self) -> int:
        """The port listened on."""
        return self._listener.port

    async def listen(self, host: str, port: int) -> None:
        """Accept connections; raises ConfigInvalid when the address cannot be had."""
        await self._listener.listen(host, port)
        self._sweep()

    async def close(self) -> None:
        """Cut every connection and stop listening; nothing is told to the owner any more."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self._tasks.stop()
        await self._listener.close()
        self._dialers.clear()
        self._waiting.clear()

    def set_members(self, members: Iterable[tuple[NodeId, str]]) -> None:
        """Dial these, each `(node, address)`, and nobody else; this member itself is left out."""
        self._known = {node: address for node, address in members if node != self._me.node}
        for node in list(self._dialers):
            if node not in self._known and node not in self._incoming:
                self._hang_up(node)
        for node, address in self._known.items():
            self._dial(node, address)

    def fall_silent(self) -> None:
        """Cut the connections this member speaks on, for good, so that the others notice at once."""
        if not self._silent:
            self._silent = True
            for node in list(self._dialers):
                self._hang_up(node)

    def send(self, node: NodeId, packet: Packet) -> None:
        """Queue a packet for `flush`; never blocks, never raises, may drop it."""
        dialer = self._dialers.get(node)
        if dialer is None:
            return
        # A leader tells several peers the same: encoded once.
        encoded = self._encoded
        if encoded is None or encoded[0] is not packet:
            encoded = self._encoded = (packet, encode_packet(packet))
        if len(encoded[1]) > MAX_FRAME_BYTES:
            log.error("packet is too large to send", peer=node, kind=type(packet).__name__)
            return
        dialer.queue(encoded[1])
        self._waiting[node] = dialer

    def flush(self) -> bool:
        """Hand everything queued to the sockets; False when there was nothing."""
        if not self._waiting:
            return False
        for dialer in self._waiting.values():
            dialer.flush()
        self._waiting.clear()
        self._encoded = None
        return True

    def connected(self) -> frozenset[NodeId]:
        """Return the peers this member can speak to at the moment."""
        return frozenset(node for node, dialer in self._dialers.items() if dialer.connected)

    def problems(self) -> Mapping[NodeId, str]:
        """Return why peers cannot be spoken to, of those that once were tried."""
        return {node: dialer.problem for node, dialer in self._dialers.items() if dialer.problem}

    def hears(self) -> frozenset[NodeId]:
        """Return the peers that have a connection to this member."""
        return frozenset(self._incoming)

    @property
    def dropped(self) -> int:
        """Packets dropped towards the present peers."""
        return sum(dialer.dropped for dialer in self._dialers.values())

    # -- dialling ------------------------------------------------------------------------------

    def _dial(self, node: NodeId, address: str) -> None:
        dialer = self._dialers.get(node)
        if self._closed or self._silent or (dialer is not None and dialer.address == address):
            return
        self._hang_up(node)
        dialer = Dialer(node, address, self._me, self._tls, self._dice)
        self._dialers[node] = dialer
        self._dialling[node] = self._tasks.start(f"raft-dial-{node}", _kept(dialer))

    def _hang_up(self, node: NodeId) -> None:
        self._dialers.pop(node, None)
        self._waiting.pop(node, None)
        if (task := self._dialling.pop(node, None)) is not None:
            task.cancel()

    def _sweep(self) -> None:
        self._listener.sweep()
        for dialer in self._dialers.values():
            dialer.ping()
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    # -- hearing -------------------------------------------------------------------------------

    def _judge(self, incoming: Incoming, hello: Hello, named: Collection[str] | None) -> NodeId:
        """Say who dialled and make its connection the only one it has; raises Denied."""
        node = check_hello(hello, self._me, named)
        older = self._incoming.get(node)
        if older is not None:
            self._replace(older, hello)
        elif node not in self._known and len(self._incoming.keys() - self._known) >= MAX_STRANGERS:
            raise Denied(TOO_MANY, f"{MAX_STRANGERS} nodes that are no members are connected")
        self._incoming[node] = incoming
        # A node that joins knows nobody yet: it answers at the address it is told.
        self._dial(node, self._known.get(node, hello.address))
        if (dialer := self._dialers.get(node)) is not None:
            dialer.poke()
        return node

    def _replace(self, older: Incoming, hello: Hello) -> None:
        said = older.hello
        same_life = said is not None and said.incarnation == hello.incarnation
        if said is not None and same_life and hello.connection <= said.connection:
            raise Denied(OLD_CONNECTION, f"{hello.node} has a newer connection already")
        node = older.peer
        older.peer = None
        older.abort()
        if node is not None and not same_life:
            self._events.lost(node)

    def _frame(self, incoming: Incoming, frame: memoryview) -> None:
        node = incoming.peer
        if node is not None:
            self._events.received(node, decode_packet(frame))

    def _ended(self, incoming: Incoming) -> None:
        node = incoming.peer
        if node is None or self._incoming.get(node) is not incoming:
            return
        del self._incoming[node]
        if self._closed:
            return
        if node not in self._known:
            self._hang_up(node)
        self._events.lost(node)


async def _kept(dialer: Dialer) -> None:
    """Have a dialler run for ever: a fault of ours costs one connection, not a peer."""
    while True:
        try:
            await dialer.run()
        except Exception:
            log.exception("raft dialler failed", peer=dialer.peer)
            await asyncio.sleep(LAST_REDIAL_S)


def _task_failed(name: str, failure: BaseException) -> None:
    log.error("raft link failed", task=name, exc_info=failure)
