"""Links on loopback for tests: who hears what, and strangers that say what they like."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Self

from aether.core.model.ids import NodeId
from aether.core.raft.messages import TimeoutNow
from aether.store.native.handshake import Introduction
from aether.store.native.links import LinkEvents, Links
from aether.store.native.packets import Packet
from aether.store.spec import TlsFiles

WAIT_S = 10.0
POLL_S = 0.005
NODES = tuple(NodeId(f"node-{number}") for number in range(1, 9))


async def until(true: Callable[[], object], wait_s: float = WAIT_S) -> None:
    async with asyncio.timeout(wait_s):
        while not true():  # noqa: ASYNC110 - links announce nothing a test could wait for
            await asyncio.sleep(POLL_S)


class Party:
    """One member's links, and what they told."""

    def __init__(
        self,
        node: NodeId = NODES[0],
        cluster_id: str = "one",
        incarnation: str = "1",
        tls: TlsFiles | None = None,
        address: str = "",
    ) -> None:
        self.node = node
        self.heard: list[tuple[NodeId, Packet]] = []
        self.lost: list[NodeId] = []
        me = Introduction(
            cluster_id=cluster_id, node=node, incarnation=incarnation, address=address
        )
        events = LinkEvents(lambda *said: self.heard.append(said), self.lost.append)
        self.links = Links(me, events, tls)

    async def __aenter__(self) -> Self:
        await self.links.listen("127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.links.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.links.port}"

    def dial(self, *others: "Party") -> None:
        self.links.set_members((other.node, other.address) for other in others)

    def say(self, other: "Party", term: int) -> None:
        self.links.send(other.node, TimeoutNow(term))
        self.links.flush()

    def terms(self, sender: NodeId) -> list[int]:
        return [p.term for node, p in self.heard if node == sender and isinstance(p, TimeoutNow)]


async def met(*parties: Party) -> None:
    """Make parties members of one group and wait until each can speak to and hears every other."""
    for party in parties:
        party.dial(*parties)
    nodes = {party.node for party in parties}
    for party in parties:
        others = nodes - {party.node}
        await until(lambda p=party, o=others: p.links.connected() >= o and p.links.hears() >= o)  # type: ignore[misc] # bound by default


@asynccontextmanager
async def stranger(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def said_until_hung_up(reader: asyncio.StreamReader) -> bytes:
    """Return everything the other side says before it ends the connection."""
    said = b""
    async with asyncio.timeout(WAIT_S):
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                said += data
    return said
