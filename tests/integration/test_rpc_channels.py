"""Connections to peers: made when needed, given up in time, made again, never too many."""

import asyncio
import socket
from pathlib import Path

import pytest

from aether.core.model.ids import NodeId
from aether.errors import (
    Unavailable,
)
from aether.rpc.channels import Channels
from tests.integration.rpc_nodes import LOOK_S, RpcNode, get, nodes, post


async def answered(node: RpcNode, peer: NodeId) -> int:
    while True:
        try:
            return (await node.peers.forward(peer, get())).status
        except Unavailable:
            await asyncio.sleep(LOOK_S)


async def test_nobody_there_is_unavailable_and_an_unknown_node_too(tmp_path: Path) -> None:
    async with nodes(tmp_path, 1) as (one,):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            one.addresses[NodeId("node-8")] = f"127.0.0.1:{unused.getsockname()[1]}"
            with pytest.raises(Unavailable, match="does not answer"):
                await one.peers.forward(NodeId("node-8"), post())
        with pytest.raises(Unavailable, match="address of node-9 is not known"):
            await one.peers.forward(NodeId("node-9"), post())


async def test_a_peer_that_comes_back_is_reached_again(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (one, two):
        port = two.server.port
        assert (await one.peers.forward(two.name, get())).status == 200
        await two.server.stop(0)
        with pytest.raises(Unavailable):
            await one.peers.forward(two.name, get())
        await two.start(port)
        async with asyncio.timeout(5):
            assert await answered(one, two.name) == 200


async def test_the_pool_closes_the_connection_idle_longest(tmp_path: Path) -> None:
    async with nodes(tmp_path, 3) as started:
        channels = Channels(limit=2)
        for node in (*started, started[0]):
            await channels.stub(node.address)
            assert len(channels._open) <= 2
        assert list(channels._open) == [started[2].address, started[0].address]
        await channels.close()


async def test_a_call_that_is_cancelled_stays_cancelled(tmp_path: Path) -> None:
    async with nodes(tmp_path, 1) as (one,):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            one.addresses[NodeId("node-8")] = f"127.0.0.1:{silent.getsockname()[1]}"
            task = asyncio.ensure_future(one.peers.forward(NodeId("node-8"), get()))  # noqa: TID251 - the test owns it
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
