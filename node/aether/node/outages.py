"""Sees how long nobody leads, and writes it down when somebody does again.

Runs on every node. `core.alerts.outage` says whether this node is the one to tell.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from aether.core.alerts.outage import LEAST_S, Outage, Reign, whose
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import EpochRecord, NodeRecord, decode, encode
from aether.core.model.store_records import OutageRecord
from aether.core.store.commands import Guard, Put, Txn
from aether.errors import AetherError
from aether.ports import Clock, Store

PERIOD_S = 1.0
MOST_LOOK_S = 2 * PERIOD_S
"""Most that counts between two looks: a node that stood still has not seen what was meanwhile."""
LATER_S = 60.0
"""So long after an outage the node that leads may still begin to reign, and try to write it down."""
OTHERS_S = 30.0
"""So long the others wait for a leader that was started meanwhile to begin, and to register."""
_WRITE_S = 5.0

_log = structlog.get_logger()


@dataclass(slots=True)
class _Over:
    """An outage that is over, until it is told or past."""

    outage: Outage
    found: NodeId | None
    """Who led first when it was over."""
    since: float
    is_ours: bool = False
    """Whether this node is the one to tell: whoever leads by the time it can be written."""


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
        self._over: _Over | None = None

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
        leads = self._store.leader
        if leads is None:
            self._note_alone(passed)
        else:
            self._has_seen_leader = True
            if self._alone is not None and self._alone.lasted_s >= LEAST_S:
                self._over = _Over(self._alone, leads, now)
            self._alone = None
        if self._over is not None:
            await self._settle(self._over, now)

    def _note_alone(self, passed: float) -> None:
        """Count on; what a node sees before it has found its cluster is no outage."""
        if not self._has_seen_leader:
            return
        known = self._alone
        if known is None:
            known = Outage(
                since_ms=self._wall_ms(),
                lasted_s=0.0,
                revision=self._store.revision,
                lives=self._lives(),
            )
            passed = 0.0
        self._alone = replace(known, lasted_s=known.lasted_s + passed)

    async def _settle(self, over: _Over, now: float) -> None:
        reign = self._reign()
        if over.found is None:
            over.found = reign.leads
        step = whose(over.outage, self._node, over.found, reign)
        if over.is_ours and step != "told":
            step = "tell"
        if step == "anew":
            over.found, over.since = reign.leads, now
            return
        patience_s = LATER_S if over.found == self._node or over.is_ours else OTHERS_S
        if step in {"told", "past"} or now - over.since >= patience_s:
            self._over = None
        elif step == "tell":
            await self._tell(over, reign)

    def _reign(self) -> Reign:
        level = self._store.level((keys.EPOCH, keys.OUTAGE))
        known = {entry.key: entry for entry in level.entries}
        epoch, told = known.get(keys.EPOCH), known.get(keys.OUTAGE)
        leads = self._store.leader
        told_at = told.mod_revision if told is not None else 0
        if epoch is None:
            return Reign(leads=leads, told_at=told_at)
        leader = decode(epoch.value, EpochRecord).leader
        return Reign(
            leads=leads,
            leader=leader,
            epoch_at=epoch.mod_revision,
            life=self._lives().get(leader, ""),
            told_at=told_at,
        )

    def _lives(self) -> Mapping[NodeId, str]:
        """Return the incarnations this node knows; of a record it cannot read, none."""
        lives: dict[NodeId, str] = {}
        for entry in self._store.level((keys.NODES,)).entries:
            with suppress(ValueError):
                record = decode(entry.value, NodeRecord)
                lives[record.node] = record.incarnation
        return lives

    async def _tell(self, over: _Over, reign: Reign) -> None:
        """Write it down unless somebody else has; what the write came to, the next look finds."""
        outage = over.outage
        if not over.is_ours:
            over.is_ours = True
            seconds = round(outage.lasted_s, 1)
            _log.warning("a quorum was lost", seconds=seconds, leader=reign.leader)
        if reign.leads is None:
            return
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
        await self._store.txn(txn, timeout_s=_WRITE_S)
