"""A cluster of real store processes on loopback, each with the client its node would have."""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import msgspec

from aether.core.model.ids import NodeId
from aether.ports import Member
from aether.store.process.spec import MemberSpec, StoreSpec, write_spec
from aether.store.remote.store import RemoteStore

WAIT_S = 30.0
POLL_S = 0.02


class StoreProcesses:
    """The processes alone: they outlive the event loops of the tests that use them."""

    def __init__(self, members: Sequence[Member], engine: str, **overrides: object) -> None:
        self.members = list(members)
        self.directory = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
        self.processes: dict[NodeId, subprocess.Popen[bytes]] = {}
        self._engine = engine
        self._overrides = overrides

    def __enter__(self) -> Self:
        for member in self.members:
            self.spawn(member.node)
        return self

    def __exit__(self, *_: object) -> None:
        for node in list(self.processes):
            self.kill(node)
        shutil.rmtree(self.directory)

    def data_dir(self, node: NodeId) -> Path:
        return self.directory / node

    def socket(self, node: NodeId) -> Path:
        return self.data_dir(node) / "run" / "store.sock"

    def log(self, node: NodeId) -> str:
        return (self.data_dir(node) / "log").read_text()

    def spec(self, node: NodeId) -> StoreSpec:
        own = next(member for member in self.members if member.node == node)
        spec = StoreSpec(
            node=node,
            cluster_id="one",
            members=tuple(MemberSpec(m.node, m.address, m.voter) for m in self.members),
            host="127.0.0.1",
            port=int(own.address.rpartition(":")[2]),
            data_dir=str(self.data_dir(node)),
            engine=self._engine,
        )
        return msgspec.structs.replace(spec, **self._overrides)

    def spawn(self, node: NodeId) -> None:
        data_dir = self.data_dir(node)
        (data_dir / "run").mkdir(parents=True, exist_ok=True)
        path = data_dir / "run" / "store.json"
        write_spec(path, self.spec(node))
        with (data_dir / "log").open("ab") as log:
            self.processes[node] = subprocess.Popen(
                [sys.executable, "-m", "aether.store", "--spec", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self, node: NodeId) -> None:
        """End a process as a crash does."""
        process = self.processes.pop(node)
        process.kill()
        process.wait()


class StoreClients:
    """Clients of all processes, for one event loop."""

    def __init__(self, cluster: StoreProcesses) -> None:
        self.cluster = cluster
        self.by_node: Mapping[NodeId, RemoteStore] = {}
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.by_node = {
            member.node: RemoteStore(self.cluster.socket(member.node), member.node, "one")
            for member in self.cluster.members
        }
        for store in self.stores:
            await store.start()
            self._open.push_async_callback(store.close)
        await self.leader()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    @property
    def stores(self) -> list[RemoteStore]:
        return list(self.by_node.values())

    async def leader(self) -> NodeId:
        """Wait until all are connected, mirror their keys, and agree on a leader."""
        async with asyncio.timeout(WAIT_S):
            while True:
                leaders = {store.leader for store in self.stores if store.is_ready}
                if len(leaders) == 1 and all(store.is_ready for store in self.stores):
                    leader = leaders.pop()
                    if leader is not None:
                        return leader
                await asyncio.sleep(POLL_S)
