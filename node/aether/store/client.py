"""The store as the node uses it: `ports.Store` over any `ports.Consensus`."""

import random
import time
from collections.abc import Callable, Sequence

from aether.core.model.ids import NodeId
from aether.core.store.commands import Consistency, Entry, LeaseId, Outcome, Range, Txn
from aether.core.store.limits import key_problem, prefix_problem
from aether.core.store.machine import KvMachine
from aether.errors import Invalid
from aether.ports import STORE_S, Consensus
from aether.store.levels import Levels, MachineSource
from aether.store.reads import ReadBarrier, range_of
from aether.store.submitter import Submitter, refuse
from aether.store.watch import Watch, Watchers
from aether.tasks import Tasks


class KvStore:
    """The replicated keys, as one member sees and changes them.

    `machine` must be the one `consensus` applies to. `close` ends watches and waiting reads; the
    consensus is stopped by whoever started it. `dice` spread the retries of those who wait;
    `wall` tells seconds since 1970, for the reasons of writes.
    """

    def __init__(
        self,
        consensus: Consensus,
        machine: KvMachine,
        dice: Callable[[], float] = random.random,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._consensus = consensus
        self._machine = machine
        self._watchers = Watchers(machine)
        self._levels = Levels(MachineSource(machine))
        self._tasks = Tasks()
        self._reads = ReadBarrier(consensus, self._tasks)
        self._submitter = Submitter(consensus.propose, dice, wall)

    async def close(self) -> None:
        """End every watch and every waiting read."""
        self._watchers.close()
        await self._tasks.stop()

    @property
    def leader(self) -> NodeId | None:
        """The node that leads, as far as this one knows."""
        return self._consensus.leader

    @property
    def revision(self) -> int:
        """Revision this node has applied."""
        return self._machine.revision

    async def txn(self, txn: Txn, timeout_s: float = STORE_S) -> Outcome:
        """Carry out guarded writes; see `ports.Store.txn`."""
        return await self._submitter.txn(txn, timeout_s)

    async def range(
        self,
        prefix: str,
        *,
        limit: int = 0,
        start: str = "",
        consistency: Consistency = Consistency.LINEARIZABLE,
        revision: int | None = None,
        timeout_s: float = STORE_S,
    ) -> Range:
        """Return entries under `prefix`; see `ports.Store.range`."""
        refuse(prefix_problem(prefix) or prefix_problem(start, "start"))
        if limit < 0:
            raise Invalid(f"limit {limit}: it must be 0 (all) or more")
        if consistency is Consistency.LINEARIZABLE:
            await self._reads.wait(timeout_s)
        return range_of(self._machine, prefix, limit, start, revision)

    async def get(
        self,
        key: str,
        *,
        consistency: Consistency = Consistency.LINEARIZABLE,
        timeout_s: float = STORE_S,
    ) -> Entry | None:
        """Return one key, or None when it does not exist."""
        refuse(key_problem(key))
        if consistency is Consistency.LINEARIZABLE:
            await self._reads.wait(timeout_s)
        return self._machine.get(key)

    async def grant(self, ttl_s: float, timeout_s: float = STORE_S) -> LeaseId:
        """Make a lease; see `ports.Store.grant`."""
        return await self._submitter.grant(ttl_s, timeout_s)

    async def renew(self, lease: LeaseId, timeout_s: float = STORE_S) -> float:
        """Prolong a lease; see `ports.Store.renew`."""
        return await self._submitter.renew(lease, timeout_s)

    async def revoke(self, lease: LeaseId, timeout_s: float = STORE_S) -> None:
        """End a lease and delete its keys; no error when it is gone."""
        await self._submitter.revoke(lease, timeout_s)

    def level(self, prefixes: Sequence[str]) -> Range:
        """Return what this node has applied under any of `prefixes`; may be stale."""
        return self._levels.look(prefixes)

    def watch(
        self,
        prefix: str,
        after_revision: int | None = None,
        *,
        progress: bool = False,
        without: str = "",
    ) -> Watch:
        """Follow every later change under `prefix`; see `ports.Store.watch`."""
        refuse(prefix_problem(prefix) or prefix_problem(without))
        return self._watchers.open(prefix, after_revision, progress=progress, without=without)
