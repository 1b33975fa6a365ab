"""The handshake and the life of connections, between two networks on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from aether.core.model.ids import NodeId
from aether.errors import ConfigInvalid
from aether.ports import Member
from aether.store.pysyncobj.members import Voter
from aether.store.pysyncobj.messages import Forwarded, Message
from aether.store.pysyncobj.network import Events, Network
from tests.integration.contracts.raft_cluster import free_port


class Side:
    def __init__(self, node: str, cluster_id: str = "one") -> None:
        self.member = Member(NodeId(node), f"127.0.0.1:{free_port()}")
        self.voter = Voter(f"{node}@{self.member.address}")
        self.heard: asyncio.Queue[Message] = asyncio.Queue()
        self.links: asyncio.Queue[str] = asyncio.Queue()
        events = Events(
            connected=lambda peer: self.links.put_nowait(f"+{peer.member.node}"),
            disconnected=lambda peer: self.links.put_nowait(f"-{peer.member.node}"),
            received=self._received,
        )
        self.network = Network(self.member, cluster_id, "life", events)

    def _received(self, peer: Voter, message: Message) -> None:
        if message == Forwarded(666, 0, 0):
            raise ValueError("impossible")
        if message == Forwarded(667, 0, 0):
            raise KeyError("a fault of the library")
        self.heard.put_nowait(message)

    async def listen(self) -> None:
        await self.network.listen("127.0.0.1", int(self.member.address.rpartition(":")[2]))


@asynccontextmanager
async def sides(*all_sides: Side) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(10):
            for side in all_sides:
                await side.listen()
            yield
    finally:
        for side in all_sides:
            await side.network.close()


async def test_messages_arrive_in_order_and_links_are_told() -> None:
    one, two = Side("node-1"), Side("node-2")
    async with sides(one, two):
        one.network.add(two.voter)
        two.network.add(one.voter)
        assert await one.links.get() == "+node-2"
        assert await two.links.get() == "+node-1"
        for number in range(100):
            assert one.network.queue(two.voter, Forwarded(number, 0, 0))
        one.network.flush()
        assert [await two.heard.get() for _ in range(100)] == [
            Forwarded(number, 0, 0) for number in range(100)
        ]
        one.network.remove(two.voter)
        assert await one.links.get() == "-node-2"
        assert await two.links.get() == "-node-1"
        assert not one.network.queue(two.voter, Forwarded(0, 0, 0))


@pytest.mark.parametrize("request_id", [666, 667])
async def test_a_message_that_cannot_be_handled_costs_the_connection_only(request_id: int) -> None:
    one, two = Side("node-1"), Side("node-2")
    async with sides(one, two):
        one.network.add(two.voter)
        two.network.add(one.voter)
        assert await one.links.get() == "+node-2"
        assert one.network.queue(two.voter, Forwarded(request_id, 0, 0))
        one.network.flush()
        assert [await two.links.get() for _ in range(3)] == ["+node-1", "-node-1", "+node-1"]


async def test_strangers_and_other_clusters_are_not_let_in() -> None:
    one, stranger = Side("node-1"), Side("node-2")
    other = Side("node-3", cluster_id="another")
    async with sides(one, stranger, other):
        one.network.add(other.voter)
        stranger.network.add(one.voter)
        other.network.add(one.voter)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(one.links.get(), 0.5)
        one.network.add(stranger.voter)
        assert await one.links.get() == "+node-2"


async def test_silent_peers_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = Side("node-1"), Side("node-2")
    async with sides(one, two):
        one.network.add(two.voter)
        two.network.add(one.voter)
        assert await one.links.get() == "+node-2"
        monkeypatch.setattr("aether.store.pysyncobj.network.SILENT_S", -1.0)
        one.network.keep_alive()
        assert await one.links.get() == "-node-2"
        assert await one.links.get() == "+node-2"


async def test_a_taken_port_is_named() -> None:
    one = Side("node-1")
    async with sides(one):
        with pytest.raises(ConfigInvalid, match="raft port"):
            await one.listen()
