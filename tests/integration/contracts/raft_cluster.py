"""A cluster of PySyncObj engines on loopback, in one process, with its files below one directory."""

import asyncio
import shutil
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aether.core.model.ids import NodeId
from aether.core.store.machine import KvMachine
from aether.ports import Member
from aether.store.client import KvStore
from aether.store.pysyncobj.engine import PySyncObjConsensus
from aether.store.pysyncobj.replica import Timing
from aether.store.spec import ConsensusSpec

WAIT_S = 20.0
POLL_S = 0.02


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_members(count: int, first: int = 1) -> list[Member]:
    return [
        Member(NodeId(f"node-{number}"), f"127.0.0.1:{free_port()}")
        for number in range(first, first + count)
    ]


@dataclass
class Running:
    consensus: PySyncObjConsensus
    machine: KvMachine
    store: KvStore


class RaftCluster:
    def __init__(self, members: Sequence[Member], timing: Timing | None = None) -> None:
        self.members = list(members)
        self.directory = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
        self.running: dict[NodeId, Running] = {}
        self.told: dict[NodeId, list[Sequence[Member]]] = {}
        self._timing = timing
        self._lives = 0

    async def __aenter__(self) -> Self:
        for member in self.members:
            await self.start(member)
        return self

    async def __aexit__(self, *_: object) -> None:
        for node in list(self.running):
            await self.stop(node)
        shutil.rmtree(self.directory)

    async def start(
        self,
        member: Member,
        members: Sequence[Member] | None = None,
        port: int | None = None,
    ) -> Running:
        self._lives += 1
        machine = KvMachine()
        told = self.told.setdefault(member.node, [])
        spec = ConsensusSpec(
            node=member.node,
            cluster_id="one",
            members=members or self.members,
            bind=("127.0.0.1", port or int(member.address.rpartition(":")[2])),
            data_dir=self.directory / member.node,
            machine=machine,
            incarnation=str(self._lives),
            on_members=told.append,
        )
        consensus = PySyncObjConsensus(spec, self._timing)
        await consensus.start()
        running = Running(consensus, machine, KvStore(consensus, machine))
        self.running[member.node] = running
        return running

    async def stop(self, node: NodeId) -> None:
        running = self.running.pop(node)
        await running.store.close()
        await running.consensus.stop()

    @property
    def stores(self) -> list[KvStore]:
        return [running.store for running in self.running.values()]

    async def leader(self) -> NodeId:
        """Wait until all who run agree on a leader that runs."""
        async with asyncio.timeout(WAIT_S):
            while True:
                leaders = {running.consensus.leader for running in self.running.values()}
                if len(leaders) == 1 and (leader := leaders.pop()) in self.running:
                    assert leader is not None
                    return leader
                await asyncio.sleep(POLL_S)

    async def equal(self) -> None:
        """Wait until all who run have the same state."""
        async with asyncio.timeout(WAIT_S):
            while len(self._hashes()) > 1:  # noqa: ASYNC110 - nothing announces equality
                await asyncio.sleep(POLL_S)

    def _hashes(self) -> set[str]:
        return {running.machine.state_hash() for running in self.running.values()}
