"""ClusterDeploymentManager: the imperative shell of the leader.

Look, decide, submit: once a period, and at once when something relevant changed. It holds nothing
that a new leader would miss.
"""

import asyncio

import structlog

from aether.control.purging import purge
from aether.control.signal_board import SignalBoard
from aether.core.control.lowering import claim_epoch, lower
from aether.core.control.reconcile import reconcile
from aether.core.control.signals import ControlSettings
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.plan import Plan
from aether.core.model.view import PREFIXES, ClusterView, project
from aether.core.store.commands import Applied, Txn
from aether.errors import AetherError
from aether.ports import Clock, Store
from aether.tasks import Tasks
from aether.wakeups import Wakeups

_log = structlog.get_logger()

MAX_CONCURRENT_WRITES = 64
_WRITE_TIMEOUT_S = 5.0
_WATCHED = (keys.EPOCH, keys.NODES, keys.BLUEPRINTS, keys.TARGETS, keys.PHASES)
"""What others write and the leader acts on; not the applications' own keys, which change often."""


class ClusterDeploymentManager:
    """Runs on every node; acts only while this node leads."""

    def __init__(
        self,
        node: NodeId,
        store: Store,
        clock: Clock,
        settings: ControlSettings,
        *,
        period_s: float,
    ) -> None:
        self._node = node
        self._store = store
        self._clock = clock
        self._settings = settings
        self._board = SignalBoard()
        self._wakeups = Wakeups(clock, period_s)
        self._epoch_revision: int | None = None
        self._writes = asyncio.Semaphore(MAX_CONCURRENT_WRITES)
        self.last_plan = Plan()

    def hear(self, node: NodeId, incarnation: str) -> None:
        """Take a node's report; the first one of a life is acted on at once."""
        if self._board.hear(node, incarnation, self._clock.now()):
            self._wakeups.ring()

    def wake(self) -> None:
        """Have another look now: something relevant changed."""
        self._wakeups.ring()

    async def run(self) -> None:
        """Lead whenever this node is the leader, until cancelled."""
        tasks = Tasks()
        tasks.start("control-watch", self._wakeups.follow(self._store, _WATCHED))
        try:
            while True:
                await self._wakeups.wait()
                if self._store.leader != self._node:
                    self._end_reign()
                    continue
                try:
                    await self._turn()
                except AetherError as problem:
                    _log.warning("control turn failed", code=problem.code, error=problem.message)
        finally:
            await tasks.stop()

    def _end_reign(self) -> None:
        if self._epoch_revision is not None:
            _log.info("no longer leading", node=self._node)
        self._epoch_revision = None

    async def _turn(self) -> None:
        if self._epoch_revision is None:
            await self._begin_reign()
            return
        view = self.view()
        if view.revisions.get(keys.EPOCH) != self._epoch_revision:
            self._end_reign()  # another leader's epoch stands; begin again if we still lead
            self._wakeups.ring()
            return
        signals = self._board.look(view, self._clock.now())
        plan = reconcile(view, signals, self._settings, self._clock.now())
        self._board.note_plan(self._clock.now(), empty=not plan.commands)
        self.last_plan = plan
        await self._carry_out(plan, view, self._epoch_revision)

    def view(self) -> ClusterView:
        """Return the cluster as this node's copy of the store says it is."""
        level = self._store.level(PREFIXES)
        return project(
            ((entry.key, entry.value, entry.mod_revision) for entry in level.entries),
            level.revision,
        )

    async def _begin_reign(self) -> None:
        # A linearizable read first: our copy may lag behind the epoch we are to succeed.
        await self._store.get(keys.EPOCH)
        view = self.view()
        outcome = await self._store.txn(claim_epoch(view, self._node), timeout_s=_WRITE_TIMEOUT_S)
        if isinstance(outcome, Applied):
            self._epoch_revision = outcome.revision
            self._board.begin_reign(self._clock.now())
            _log.info("leading", node=self._node, epoch=(view.epoch.epoch if view.epoch else 0) + 1)
        self._wakeups.ring()

    async def _carry_out(self, plan: Plan, view: ClusterView, epoch_revision: int) -> None:
        async with asyncio.TaskGroup() as group:
            for command in plan.commands:
                _log.info("decided", rule=command.because.rule, why=command.because.text)
                group.create_task(self._submit(lower(command, view, epoch_revision)))

    async def _submit(self, txn: Txn) -> None:
        async with self._writes:
            try:
                outcome = await purge(self._store, txn, _WRITE_TIMEOUT_S)
            except AetherError as problem:
                _log.warning("write failed", why=txn.reason.text, error=problem.message)
                return
        if outcome is None:
            self._wakeups.ring()  # there is more to delete
        elif not isinstance(outcome, Applied):
            failed = [guard.key for guard in outcome.failed]
            _log.info("write refused, looking again", why=txn.reason.text, changed=failed)
