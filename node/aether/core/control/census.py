"""What convergence needs to know of the instances of one slice, counted in one pass when it changes.

A slice that can only wait for its nodes is told from one that has something to do without looking
at the rest of the cluster; in a roll-out most slices wait most of the time.
"""

from dataclasses import dataclass

from aether.core.control import updates
from aether.core.control.liveness import is_doubted
from aether.core.control.moves import has_victims
from aether.core.control.recovery import has_answered, step_limit_s
from aether.core.control.removal import is_leaving
from aether.core.control.signals import Signals
from aether.core.control.waiting import Waiting
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import TargetRecord, WantedRecord
from aether.core.model.slice_view import Copy, SliceView
from aether.core.model.view import Placed


@dataclass(frozen=True, slots=True)
class Census:
    """The instances of a slice with a target; those that stay are wanted and not on their way out."""

    staying: tuple[Placed, ...]
    leaving: int
    """How many are on their way out."""
    fitting: frozenset[Placed]
    """Those that stay and are what the target asks for."""
    unclear: frozenset[Placed]
    """Those that stay, and of which only another life of their node said that they serve."""
    serving: frozenset[Placed]
    """Those that serve, those on their way out included."""
    relied_on: frozenset[Placed]
    """Those that stay and serve on a node that nobody doubts."""
    moves: bool
    """Whether one that stays has come in place of another, which need not be there any more."""
    tried: tuple[NodeId, ...]
    """Nodes that gave up the version that is wanted now, sorted."""
    attention: frozenset[Placed]
    """Those that stay and have failed, are loaded, or may be forgiven."""
    limits: tuple[tuple[Placed, float], ...]
    """Those that stay and owe an answer, and after how many seconds each of them counts as stuck."""

    def overdue(self, signals: Signals, now: float) -> frozenset[Placed]:
        """Return those that owe an answer for too long, or whose node begins life after life."""
        since, restless = signals.since, signals.restless
        return frozenset(
            placed
            for placed, limit in self.limits
            if now - since.get(placed, now) > limit or placed in restless
        )


def count(one: SliceView) -> Census:
    """Return the census of a slice that has a target."""
    target = one.target
    if target is None:
        raise ValueError(f"{one.base} has no target: nothing is to be counted")
    wanted = [(copy, copy.wish) for copy in one.copies if copy.wish is not None]
    staying = [(copy, wish) for copy, wish in wanted if not is_leaving(wish)]
    prefix = f"{one.base}:{target.version}/"
    return Census(
        staying=tuple([copy.placed for copy, _ in staying]),
        leaving=len(wanted) - len(staying),
        fitting=frozenset([copy.placed for copy, wish in staying if _fits(copy, wish, target)]),
        unclear=frozenset([copy.placed for copy, _ in staying if _is_unclear(copy)]),
        serving=frozenset(one.active),
        relied_on=frozenset([copy.placed for copy, _ in staying if _is_relied_on(copy)]),
        moves=any(wish.replaces for _, wish in staying),
        tried=tuple(
            sorted(
                {
                    node
                    for copy, wish in wanted
                    if wish.tried and copy.placed[1].startswith(prefix)
                    for node in wish.tried
                }
            )
        ),
        attention=frozenset([copy.placed for copy, wish in staying if _needs_a_look(copy, wish)]),
        limits=tuple(
            [
                (copy.placed, step_limit_s(wish.desired))
                for copy, wish in staying
                if not has_answered(wish, copy.phase, is_current=copy.is_current)
            ]
        ),
    )


def _fits(copy: Copy, wish: WantedRecord, target: TargetRecord) -> bool:
    return updates.fits(copy.placed[1].artifact.version, wish, target, copy.node)


def _is_unclear(copy: Copy) -> bool:
    phase = copy.phase
    return phase is not None and phase.state is Phase.ACTIVE and not copy.is_current


def _is_relied_on(copy: Copy) -> bool:
    return copy.is_active and copy.verdict is not None and not is_doubted(copy.verdict)


def _needs_a_look(copy: Copy, wish: WantedRecord) -> bool:
    if copy.is_current and copy.phase is not None and copy.phase.state is Phase.FAILED:
        return True
    if wish.desired is Desired.LOAD:
        return has_answered(wish, copy.phase, is_current=copy.is_current)
    return bool(wish.attempt or wish.tried) and copy.is_active


def idles(one: SliceView) -> tuple[Waiting, ...] | None:
    """Return what is said of a slice that can only wait for its nodes; None when there is more to do.

    It holds until an answer is overdue (`Census.overdue`).
    """
    target, counted = one.target, one.once(count)
    if target is None or counted.attention or one.once(has_victims):
        return None
    outdated = [
        copy
        for copy in one.copies
        if copy.placed in _staying_but(counted) and copy.placed not in counted.unclear
    ]
    if any(copy.wish is not None and copy.wish.desired is Desired.LOAD for copy in outdated):
        return None  # it has never served, so it goes
    new_active = len(counted.relied_on & counted.fitting)
    missing = target.instances - len(counted.fitting)
    room = updates.surge_left(target, len(counted.staying))
    if missing < 0 or min(missing, room) > 0:
        return None
    if outdated and new_active + len(outdated) > target.instances:
        return None
    return (updates.waits_for_room(one.base, target, missing - room),) if missing > room else ()


def _staying_but(counted: Census) -> frozenset[Placed]:
    return frozenset(counted.staying) - counted.fitting
