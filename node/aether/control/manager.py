"""ClusterDeploymentManager: the imperative shell of the leader.

Look, decide, submit: once a period, and at once when something relevant changed. It holds nothing
that a new leader would miss, so it may be killed at any await: whoever leads next looks again.

No decision is submitted twice. Each turn waits for its writes and looks again only at a copy of the
store that has them. A write whose outcome is unknown may still land later: the leader then begins a new
epoch before it decides anything, which fences its own stray write as it does those of others.
"""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from aether.config.runtime_settings import control_settings
from aether.control.listening import ListeningClock
from aether.control.purging import purge
from aether.control.signal_board import SignalBoard
from aether.core.control.lowering import (
    claim_epoch,
    lower,
    waves,
    with_revisions,
    without_those_behind,
)
from aether.core.control.reconcile import reconcile
from aether.core.control.signals import ControlSettings, NodeWish, ScaleWish, Signals
from aether.core.model import keys
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.plan import Command, Plan
from aether.core.model.view import PREFIXES, ClusterView
from aether.core.store.commands import Applied, Txn
from aether.errors import AetherError, OutcomeUnknown
from aether.ports import Clock, Store
from aether.store.look import Look
from aether.tasks import Tasks
from aether.wakeups import Wakeups

_log = structlog.get_logger()

MAX_CONCURRENT_WRITES = 64
_WRITE_TIMEOUT_S = 5.0
_CATCH_UP_S = 1.0
"""Longest wait for this node's copy of the store to show what the leader has written, in seconds."""
_LOOK_AGAIN_S = 0.005
_AFTER_BUG_S = 1.0
"""Pause after a turn that ended in a bug, in seconds: what causes it is likely to be there still."""
_WATCHED = (
    keys.EPOCH,
    keys.NODES,
    keys.BLUEPRINTS,
    keys.TARGETS,
    keys.PHASES,
    keys.CONFIG,
    keys.TOPOLOGY,
    keys.PROVISIONS,
)
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
        voters: Callable[[], frozenset[NodeId]] = frozenset,
    ) -> None:
        """`voters` says who votes in the store; nobody where that is not known."""
        self._node = node
        self._store = store
        self._clock = clock
        self._settings = settings
        self._listening = ListeningClock(clock)
        self._board = SignalBoard(node, voters)
        self._look = Look(store, PREFIXES)
        self._wakeups = Wakeups(clock, period_s)
        self._epoch_revision: int | None = None
        self._writes = asyncio.Semaphore(MAX_CONCURRENT_WRITES)
        self._unsure = False
        self._landed = 0
        self._missed_s = 0.0
        self.last_plan = Plan()
        """What the last turn decided, carried out or not."""

    def hear(self, node: NodeId, incarnation: str) -> None:
        """Take a node's report; the first one of a life is acted on at once."""
        if self._board.hear(node, incarnation, self._listening.now()):
            self._wakeups.ring()

    def wish(self, scale: Mapping[SliceBase, ScaleWish], nodes_wish: NodeWish) -> None:
        """Take what load calls for; the next turn carries out what still holds then."""
        self._board.note_scaling(scale, nodes_wish)
        if scale or nodes_wish.because:
            self._wakeups.ring()

    def wake(self) -> None:
        """Have another look now: something relevant changed."""
        self._wakeups.ring()

    async def run(self) -> None:
        """Lead whenever this node is the leader, until cancelled."""
        tasks = Tasks()
        tasks.start("control-watch", self._wakeups.follow(self._store, _WATCHED))
        tasks.start("control-listening", self._listening.run())
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
                except Exception:  # noqa: BLE001 - a bug ends the turn, not the node, and is logged
                    # What it stumbles over is in the store, so whoever led next would end too.
                    _log.exception("control turn broke off", again_in_s=_AFTER_BUG_S)
                    await self._clock.sleep(_AFTER_BUG_S)
        finally:
            await tasks.stop()

    def _end_reign(self) -> None:
        if self._epoch_revision is not None:
            _log.info("no longer leading", node=self._node)
        self._epoch_revision = None
        self._unsure = False
        self._landed = 0

    async def _turn(self) -> None:
        if self._epoch_revision is None or self._unsure:
            await self._begin_epoch()
            return
        if not await self._has_caught_up():
            self._wakeups.ring()
            return
        view = self.view()
        if view.revisions.get(keys.EPOCH) != self._epoch_revision:
            self._end_reign()  # another leader's epoch stands; begin again if we still lead
            self._wakeups.ring()
            return
        now = self._listening.now()
        if self._listening.missed_s != self._missed_s:
            await self._look_anew()
            return
        plan = reconcile(view, self._board.look(view, now), self.settings(view), now)
        self._board.note_plan(now, empty=not plan.commands)
        self.last_plan = plan
        await self._carry_out(plan, view, self._epoch_revision)

    async def _look_anew(self) -> None:
        """Have this node's copy of the store be of now: it is as old as the pause was long."""
        missed_s = self._listening.missed_s
        _log.warning("stood still; looks anew", seconds=round(missed_s - self._missed_s, 3))
        await self._store.get(keys.EPOCH)
        self._missed_s = missed_s
        self._wakeups.ring()

    async def _has_caught_up(self) -> bool:
        """Wait until this node's copy of the store has what the last turn wrote; False if it takes long."""
        deadline = self._clock.now() + _CATCH_UP_S
        while self._store.revision < self._landed:
            if self._clock.now() >= deadline:
                _log.warning("copy of the store lags", has=self._store.revision, needs=self._landed)
                return False
            await self._clock.sleep(_LOOK_AGAIN_S)
        return True

    def signals(self, view: ClusterView) -> Signals:
        """Return what is measured now: on the leader since its reign began, elsewhere since the start."""
        return self._board.look(view, self._listening.now())

    def evaluate(self) -> Plan:
        """Return what would be decided now; nothing is carried out."""
        view = self.view()
        return reconcile(view, self.signals(view), self.settings(view), self._listening.now())

    def settings(self, view: ClusterView) -> ControlSettings:
        """Return how the leader works now: as the node was given it, and as was changed since."""
        return control_settings(self._settings, view.config)

    def view(self) -> ClusterView:
        """Return the cluster as this node's copy of the store says it is."""
        return self._look.view()

    async def _begin_epoch(self) -> None:
        """Fence every write of earlier epochs, those of this very leader included."""
        # A linearizable read first: our copy may lag behind the epoch we are to succeed.
        await self._store.get(keys.EPOCH)
        view = self.view()
        new_reign = view.revisions.get(keys.EPOCH) != self._epoch_revision
        outcome = await self._store.txn(claim_epoch(view, self._node), timeout_s=_WRITE_TIMEOUT_S)
        if isinstance(outcome, Applied):
            self._epoch_revision = self._landed = outcome.revision
            self._unsure = False
            if new_reign:
                self._board.begin_reign(self._listening.now())
            _log.info("leading", node=self._node, epoch=(view.epoch.epoch if view.epoch else 0) + 1)
        self._wakeups.ring()

    async def _carry_out(self, plan: Plan, view: ClusterView, epoch_revision: int) -> None:
        """Commit the plan wave by wave; what relies on a write that did not land waits for the next look."""
        later = waves(plan.commands, view)
        while later:
            wave, later = later[0], later[1:]
            applied: list[tuple[Txn, int]] = []
            try:
                async with asyncio.TaskGroup() as group:
                    writes = [
                        (command, group.create_task(self._submit(command, view, epoch_revision)))
                        for command in wave
                    ]
            except ExceptionGroup:
                self._unsure = True  # a bug cut the other writes off: they may land yet
                raise
            behind: list[Command] = []
            for command, write in writes:
                done = write.result()
                if done is not None:
                    applied.append(done)
                else:
                    behind.append(command)
            if self._unsure:
                return  # nothing more until the stray write is fenced
            later = without_those_behind(later, behind, view)
            view = with_revisions(view, applied)

    async def _submit(
        self, command: Command, view: ClusterView, epoch_revision: int
    ) -> tuple[Txn, int] | None:
        """Return the transaction and the revision it was applied at, or None when it was not."""
        txn = lower(command, view, epoch_revision)
        _log.info("decided", rule=txn.reason.rule, why=txn.reason.text)
        async with self._writes:
            try:
                outcome = await purge(self._store, txn, _WRITE_TIMEOUT_S)
            except OutcomeUnknown as problem:
                self._unsure = True
                self._wakeups.ring()
                _log.warning("write unknown", why=txn.reason.text, error=problem.message)
                return None
            except AetherError as problem:
                _log.warning("write failed", why=txn.reason.text, error=problem.message)
                return None
        if outcome is None:
            self._wakeups.ring()  # there is more to delete
            return None
        self._landed = max(self._landed, outcome.revision)
        if isinstance(outcome, Applied):
            return (txn, outcome.revision)
        if outcome.failed:
            self._wakeups.ring()  # somebody else was first: look at what he wrote
        failed = [guard.key for guard in outcome.failed]
        _log.info("write refused", why=txn.reason.text, changed=failed, code=outcome.code)
        return None
