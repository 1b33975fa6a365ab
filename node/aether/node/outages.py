"""Sees how long nobody leads, and writes it down when somebody does again.

Runs on every node. `core.alerts.outage` says whether this node is the one to tell.
"""

from collections.abc import Callable

import structlog

from aether.core.alerts.outage import LEAST_S, Outage, Reign, whose
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import EpochRecord, decode, encode
from aether.core.model.store_records import OutageRecord
from aether.core.store.commands import Guard, Put, Txn
from aether.errors import AetherError
from aether.ports import Clock, Store

PERIOD_S = 1.0
MOST_LOOK_S = 2 * PERIOD_S
"""Most that counts between two looks: a node that stood still has not seen what was meanwhile."""
LATER_S = 60.0
"""So long after an outage somebody may still begin to lead, or register, whom it is about."""
_WRITE_S = 5.0

_log = structlog.get_logger()


class OutageWatch:
    """One node's watch. `wall` is milliseconds since 1970, told to people, nothing is decided by it."""

    def __init__(
        self, node: NodeId, store: Store, clock: Clock, wall_ms: Callable[[], int]
    ) -> None:
        self._node = node
        self._store = store
        self._clock = clock
        self._wall_ms = wall_ms
        self._looked_at: float | None = None
        self._has_seen_leader = False
        self._alone: Outage | None = None
        """As long as nobody leads."""
        self._over: Outage | None = None
        """One that is over, until it is told or long past."""
        self._forget_at = 0.0

    async def run(self) -> None:
        """Look once a period, until cancelled."""
        while True:
            try:
                await self.look()
            except AetherError as problem:
                _log.info("outage not told yet", problem=problem.message)
            except Exception:  # noqa: BLE001 - its supervisor: a node does not end for an event
                _log.exception("a fault of the watch of outages")
            await self._clock.sleep(PERIOD_S)

    async def look(self) -> None:
        """Note whether somebody leads; tell of an outage that is over. Raises AetherError."""
        now = self._clock.now()
        passed = min(now - self._looked_at, MOST_LOOK_S) if self._looked_at is not None else 0.0
        self._looked_at = now
        if self._store.leader is None:
            self._note_alone(passed)
            return
        self._has_seen_leader = True
        if self._alone is not None:
            if self._alone.lasted_s >= LEAST_S:
                self._over, self._forget_at = self._alone, now + LATER_S
            self._alone = None
        if self._over is not None:
            await self._settle(self._over, now)

    def _note_alone(self, passed: float) -> None:
        """Count on; what a node sees before it has found its cluster is no outage."""
        if not self._has_seen_leader:
            return
        known = self._alone
        if known is None:
            known = Outage(since_ms=self._wall_ms(), lasted_s=0.0, revision=self._store.revision)
            passed = 0.0
        self._alone = Outage(
            since_ms=known.since_ms, lasted_s=known.lasted_s + passed, revision=known.revision
        )

    async def _settle(self, outage: Outage, now: float) -> None:
        reign = self._reign()
        step = whose(outage, self._node, reign)
        if step == "told" or (step == "wait" and now >= self._forget_at):
            self._over = None
        elif step == "tell":
            await self._tell(outage, reign)

    def _reign(self) -> Reign:
        level = self._store.level((keys.EPOCH, keys.NODES, keys.OUTAGE))
        known = {entry.key: entry for entry in level.entries}
        epoch = known.get(keys.EPOCH)
        if epoch is None:
            return Reign()
        leader = decode(epoch.value, EpochRecord).leader
        registered, told = known.get(keys.node(leader)), known.get(keys.OUTAGE)
        return Reign(
            leader=leader,
            epoch_at=epoch.mod_revision,
            registered_at=registered.mod_revision if registered is not None else 0,
            told_at=told.mod_revision if told is not None else 0,
        )

    async def _tell(self, outage: Outage, reign: Reign) -> None:
        """Write it down unless somebody else has; what the write came to, the next look finds."""
        record = OutageRecord(
            since_ms=outage.since_ms,
            lasted_s=round(outage.lasted_s, 1),
            seen_by=self._node,
            leader=reign.leader or self._node,
        )
        text = f"nobody led for {record.lasted_s:.0f} s"
        txn = Txn(
            then=(Put(keys.OUTAGE, encode(record)),),
            reason=Reason(f"node:{self._node}", "quorum", text),
            guards=(Guard(keys.OUTAGE, reign.told_at),),
        )
        _log.warning("a quorum was lost", seconds=record.lasted_s, leader=record.leader)
        await self._store.txn(txn, timeout_s=_WRITE_S)
