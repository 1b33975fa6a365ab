"""A slice's Kv from end to end: NodeKv, HostGateway and a real store of one member."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aether.core.model.ids import NodeId, SliceBase
from aether.core.store.machine import KvMachine
from aether.host.gateway import HostGateway
from aether.host.kv import NodeKv
from aether.ports import Member
from aether.store.client import KvStore
from aether_forge.sim.oracle import Oracle

NODE = NodeId("node-1")
TOKENS = {"secret-a": SliceBase("org.example:a"), "secret-b": SliceBase("org.example:b")}


@dataclass
class World:
    socket: Path
    store: KvStore
    oracle: Oracle
    gateway: HostGateway
    machine: KvMachine
    kv: Callable[[str], NodeKv]

    def socket_mode(self) -> int:
        return self.socket.stat().st_mode & 0o777


@asynccontextmanager
async def kv_world() -> AsyncIterator[World]:
    """Start everything, and end it."""
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as directory:
        socket = Path(directory) / "node.sock"
        oracle, machine = Oracle(), KvMachine()
        consensus = oracle.member(Member(NODE, "127.0.0.1:1"), machine)
        await consensus.start()
        store = KvStore(consensus, machine)
        gateway = HostGateway(socket, store, TOKENS.get)
        await gateway.start()
        clients: list[NodeKv] = []

        def connect(token: str) -> NodeKv:
            clients.append(NodeKv(socket, token))
            return clients[-1]

        yield World(socket, store, oracle, gateway, machine, connect)
        for client in clients:
            await client.close()
        await gateway.stop()
        await store.close()
        await consensus.stop()
