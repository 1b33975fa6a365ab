"""Takes a backup of a store that runs in this process."""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from aether.core.model.ids import NodeId
from aether.core.store.machine import KvMachine
from aether.errors import NoQuorum, OutcomeUnknown
from aether.ports import Consensus
from aether.store.backup.writer import backup_pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineBackups:
    """The member whose state is taken."""

    consensus: Consensus
    machine: KvMachine
    node: NodeId
    cluster_id: str

    async def take(self, timeout_s: float) -> AsyncGenerator[bytes, None]:
        """Yield a backup; see `store.remote.backup.RemoteBackups.take`."""
        try:
            await self.consensus.barrier(timeout_s)
        except OutcomeUnknown as late:
            raise NoQuorum(late.message) from late
        taken_ms = time.time_ns() // 1_000_000
        for data in backup_pieces(self.machine, self.cluster_id, self.node, taken_ms):
            yield data
            await asyncio.sleep(0)  # the member must go on between pieces
