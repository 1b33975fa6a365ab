"""A store of one member and the chronicle that follows it, on a folder of its own."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aether.chronicle.chronicle import Chronicle
from aether.chronicle.records import Bounds
from aether.core.model.ids import NodeId
from aether.core.model.keys import SYSTEM_FAMILIES
from aether.core.model.reason import Reason
from aether.core.store.commands import Applied, Delete, Entry, Operation, Put, Txn
from aether.core.store.machine import KvMachine
from aether.node.clock import MonotonicClock
from aether.ports import Member
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.oracle import Oracle

NODE = NodeId("node-1")
CLUSTER = "c-1"
WAIT_S = 20.0
POLL_S = 0.01


@dataclass
class ChronicleWorld:
    folder: Path
    oracle: Oracle = field(default_factory=Oracle)
    machine: KvMachine = field(default_factory=KvMachine)
    bounds: Bounds = field(default_factory=Bounds)
    now_s: float = 1_700_000_000.0
    """What the wall clock shows."""

    def __post_init__(self) -> None:
        self.consensus = self.oracle.member(Member(NODE, "node-1:1"), self.machine)
        self.store = KvStore(self.consensus, self.machine, wall=lambda: self.now_s)
        self.tasks = Tasks()
        self.chronicle = self._new()

    def _new(self, cluster: str = CLUSTER) -> Chronicle:
        clock = MonotonicClock()
        return Chronicle(
            *(self.folder, self.store, clock, cluster),
            bounds=self.bounds,
            wall=lambda: self.now_s,
        )

    async def begin(self, cluster: str = CLUSTER) -> None:
        """Start the chronicle and wait until it has begun."""
        self.chronicle = self._new(cluster)
        self.tasks = Tasks()
        self.tasks.start("chronicle", self.chronicle.run())
        async with asyncio.timeout(WAIT_S):
            while not self.chronicle.has_begun:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(POLL_S)

    async def end(self) -> None:
        """Stop the chronicle, as its node does."""
        await self.tasks.stop()
        await self.chronicle.close()

    async def write(
        self, *operations: Operation, rule: str = "test", text: str = "a test wants it so"
    ) -> int:
        outcome = await self.store.txn(Txn(operations, Reason("test", rule, text)))
        assert isinstance(outcome, Applied)
        return outcome.revision

    async def put(self, key: str, value: bytes = b"{}") -> int:
        return await self.write(Put(key, value))

    async def delete(self, key: str) -> int:
        return await self.write(Delete(key))

    def system(self) -> tuple[Entry, ...]:
        """Aether's own keys as the store has them now."""
        return self.store.level(SYSTEM_FAMILIES).entries


@asynccontextmanager
async def chronicle_world(bounds: Bounds | None = None) -> AsyncIterator[ChronicleWorld]:
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    world = ChronicleWorld(folder / "chronicle", bounds=bounds or Bounds())
    await world.consensus.start()
    try:
        yield world
    finally:
        await world.end()
        await world.store.close()
        await world.consensus.stop()
        shutil.rmtree(folder)
