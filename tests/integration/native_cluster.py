"""A cluster of native engines on loopback, in one process, with its files below one directory."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aether.core.model.ids import NodeId
from aether.core.store.machine import KvMachine
from aether.ports import Member
from aether.store.client import KvStore
from aether.store.native.engine import NativeConsensus
from aether.store.spec import ConsensusSpec, StoreLimits, Timing, TlsFiles

WAIT_S = 20.0
POLL_S = 0.01
QUICK = Timing(heartbeat_s=0.05, election_s=0.3, suspicion_s=0.02)


async def until(true: Callable[[], object], wait_s: float = WAIT_S) -> None:
    async with asyncio.timeout(wait_s):
        while not true():  # noqa: ASYNC110 - nothing announces what tests wait for
            await asyncio.sleep(POLL_S)


@dataclass
class Running:
    consensus: NativeConsensus
    machine: KvMachine
    store: KvStore


class NativeCluster:
    """Members that run; `tls` gives each node its files."""

    def __init__(
        self,
        members: Sequence[Member],
        *,
        limits: StoreLimits | None = None,
        timing: Timing = QUICK,
        tls: Callable[[NodeId], TlsFiles] | None = None,
    ) -> None:
        self.members = list(members)
        self.directory = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
        self.running: dict[NodeId, Running] = {}
        self.told: dict[NodeId, list[Sequence[Member]]] = {}
        self._limits = limits or StoreLimits(segment_bytes=1024 * 1024)
        self._timing = timing
        self._tls = tls
        self._lives = 0

    async def __aenter__(self) -> Self:
        for member in self.members:
            await self.start(member)
        return self

    async def __aexit__(self, *_: object) -> None:
        # The leader last: it would look for an heir among those who go.
        leads = [each for each in self.running if self.running[each].consensus.leader == each]
        others = [each for each in self.running if each not in leads]
        for nodes in (others, leads):
            await asyncio.gather(*(self.stop(node) for node in nodes))
        shutil.rmtree(self.directory)

    def spec(
        self, member: Member, machine: KvMachine, members: Sequence[Member] | None
    ) -> ConsensusSpec:
        self._lives += 1
        return ConsensusSpec(
            node=member.node,
            cluster_id="one",
            members=self.members if members is None else members,
            bind=("127.0.0.1", int(member.address.rpartition(":")[2])),
            data_dir=self.directory / member.node,
            machine=machine,
            incarnation=str(self._lives),
            on_members=self.told.setdefault(member.node, []).append,
            address=member.address,
            tls=None if self._tls is None else self._tls(member.node),
            timing=self._timing,
            limits=self._limits,
        )

    async def start(self, member: Member, members: Sequence[Member] | None = None) -> Running:
        machine = KvMachine()
        consensus = NativeConsensus(self.spec(member, machine, members))
        await consensus.start()
        running = Running(consensus, machine, KvStore(consensus, machine))
        self.running[member.node] = running
        return running

    async def stop(self, node: NodeId) -> None:
        running = self.running.pop(node)
        await running.store.close()
        await running.consensus.stop()

    async def kill(self, node: NodeId) -> None:
        """End a member as a crash would: nothing is handed over, nothing more is written."""
        running = self.running.pop(node)
        driver = running.consensus._driver
        assert driver is not None
        driver.running = False
        await running.store.close()
        await running.consensus.stop()

    def wipe(self, node: NodeId) -> None:
        shutil.rmtree(self.directory / node)

    def member(self, node: NodeId) -> Member:
        return next(each for each in self.members if each.node == node)

    @property
    def stores(self) -> list[KvStore]:
        return [running.store for running in self.running.values()]

    async def leader(self) -> NodeId:
        """Wait until all who run agree on a leader that runs."""

        def agreed() -> NodeId | None:
            leaders = {running.consensus.leader for running in self.running.values()}
            return next(iter(leaders)) if len(leaders) == 1 else None

        await until(lambda: agreed() in self.running)
        leader = agreed()
        assert leader is not None
        return leader

    async def equal(self) -> None:
        """Wait until all who run have the same state."""
        await until(lambda: len({each.machine.state_hash() for each in self.running.values()}) == 1)
