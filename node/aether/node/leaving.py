"""Stops this node once it was ordered to and nothing runs on it any more."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from aether.core.control.margins import margin_judged
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import Verdict, VerdictRecord, decode
from aether.errors import AetherError
from aether.ports import Clock, Group, Store
from aether.tasks import Tasks
from aether.wakeups import Wakeups

_log = structlog.get_logger()

_PERIOD_S = 1.0
COPIES_S = 60.0
"""Longest wait for copies of artifacts that only a node that leaves holds."""
HANDOVER_S = 10.0
"""Longest wait for another voter to lead in place of a node that leaves."""


def may_leave(record: VerdictRecord | None, incarnation: str) -> bool:
    """Whether the verdict asks this very life of the node to end: it is drained, to be shut down.

    A node started again afterwards is another life: it stays up, and DECOMMISSIONED.
    """
    return (
        record is not None
        and record.verdict is Verdict.DECOMMISSIONED
        and record.incarnation == incarnation
        and record.drain is not None
        and record.drain.shutdown
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """Watches the verdict on its own node; calls `leave` once, when the node is to stop.

    A node that leads has another voter lead first, so that no request waits for an election; while
    nobody can take over it stays. It stays, too, while the voters left could not write without it: the
    order was given when others lived.
    """

    node: NodeId
    incarnation: str
    store: Store
    group: Group
    clock: Clock
    hosts: Callable[[], int]
    """How many slice hosts run here."""
    leave: Callable[[], None]
    only_here: Callable[[], Sequence[str]] = tuple
    """Artifacts of which no node that stays has a copy yet."""

    async def run(self) -> None:
        """Watch until the node is to stop, or until cancelled."""
        wakeups, tasks = Wakeups(self.clock, _PERIOD_S), Tasks()
        tasks.start("verdict-watch", wakeups.follow(self.store, (keys.verdict(self.node),)))
        try:
            while not (
                self._is_due()
                and await self._copied()
                and await self._step_down()
                and await self._still_due()
            ):
                await wakeups.wait()
        finally:
            await tasks.stop()
        _log.warning("drained and told to shut down; stopping", node=self.node)
        self.leave()

    def _is_due(self) -> bool:
        if self.hosts():
            return False
        return may_leave(self._verdicts().get(self.node), self.incarnation)

    def _verdicts(self) -> dict[NodeId, VerdictRecord]:
        """Return the verdicts this version can read, as this node's copy of the store has them."""
        verdicts: dict[NodeId, VerdictRecord] = {}
        for entry in self.store.level((keys.VERDICTS,)).entries:
            try:
                record = decode(entry.value, VerdictRecord)
            except ValueError as problem:
                _log.warning("a verdict cannot be read", key=entry.key, problem=str(problem))
            else:
                verdicts[NodeId(entry.key.removeprefix(keys.VERDICTS))] = record
        return verdicts

    async def _still_due(self) -> bool:
        """Look again at the last moment: the order may be taken back, or a voter lost, meanwhile."""
        try:
            await self.store.get(keys.verdict(self.node))  # makes this node's copy of now
        except AetherError as problem:
            _log.warning("nothing can be read; staying", problem=problem.message)
            return False
        voters = [member.node for member in self.group.members if member.voter]
        left = margin_judged(self.node, voters, self._verdicts())
        if self.node in voters and left.may_fail < 0:
            _log.warning("voters left could not write; staying", **left.plain())
            return False
        return self._is_due()

    async def _copied(self) -> bool:
        """Wait for copies of what only this node holds; return whether it is still to leave.

        Not for ever: an operator who has the machine taken away is not held up by a full disk elsewhere.
        """
        try:
            async with asyncio.timeout(COPIES_S):
                while self.only_here():
                    await self.clock.sleep(_PERIOD_S)
        except TimeoutError:
            lost = list(self.only_here())
            _log.error("leaves with the last copy of artifacts: push them again", artifacts=lost)
        return self._is_due()

    async def _step_down(self) -> bool:
        """Have another voter lead; return whether this node does not."""
        if self.group.leader != self.node:
            return True
        try:
            async with asyncio.timeout(HANDOVER_S):
                leader = await self.group.transfer_leadership(None, HANDOVER_S)
        except (AetherError, TimeoutError) as problem:
            _log.warning("nobody takes over the lead; staying", problem=str(problem))
            return False
        _log.info("handed the lead over", leader=leader)
        return leader != self.node
