"""What convergence needs to know of the instances of one slice, counted in one pass when it changes.

A slice that can only wait for its nodes is told from one that has something to do without looking
at the rest of the cluster; in a roll-out most slices wait most of the time.
"""

from dataclasses import dataclass, field

from aether.core.control import updates
from aether.core.control.liveness import is_doubted
from aether.core.control.moves import has_victims
from aether.core.control.recovery import has_answered, step_limit_s
from aether.core.control.removal import is_leaving, may_serve
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
    outdated: tuple[Placed, ...]
    """Those that stay, do not fit, and surely do not serve unheard."""
    unproven: bool
    """Whether one that is outdated has never served."""
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


@dataclass(slots=True)
class _Sheet:
    """A census as it is being taken."""

    target: TargetRecord
    copies_of_target: str
    """What the names of instances of the version that is wanted begin with."""
    staying: list[Placed] = field(default_factory=list)
    leaving: int = 0
    fitting: list[Placed] = field(default_factory=list)
    unclear: list[Placed] = field(default_factory=list)
    relied_on: list[Placed] = field(default_factory=list)
    moves: bool = False
    tried: set[NodeId] = field(default_factory=set)
    attention: list[Placed] = field(default_factory=list)
    outdated: list[Placed] = field(default_factory=list)
    unproven: bool = False
    limits: list[tuple[Placed, float]] = field(default_factory=list)

    def take(self, copy: Copy, wish: WantedRecord) -> None:
        """Count one instance that is wanted."""
        if wish.tried and copy.placed[1].startswith(self.copies_of_target):
            self.tried.update(wish.tried)
        if is_leaving(wish):
            self.leaving += 1
            return
        self.staying.append(copy.placed)
        self.moves = self.moves or bool(wish.replaces)
        self._ask_what_it_does(copy, wish)
        if copy.is_active and copy.verdict is not None and not is_doubted(copy.verdict):
            self.relied_on.append(copy.placed)
        if updates.fits(copy.placed[1].artifact.version, wish, self.target, copy.node):
            self.fitting.append(copy.placed)
        elif not may_serve(copy.phase, is_current=copy.is_current):
            self.outdated.append(copy.placed)
            self.unproven = self.unproven or wish.desired is Desired.LOAD

    def _ask_what_it_does(self, copy: Copy, wish: WantedRecord) -> None:
        placed, phase = copy.placed, copy.phase
        if may_serve(copy.phase, is_current=copy.is_current):
            self.unclear.append(placed)
        answered = has_answered(wish, phase, is_current=copy.is_current)
        if not answered:
            self.limits.append((placed, step_limit_s(wish.desired)))
        failed = copy.is_current and phase is not None and phase.state is Phase.FAILED
        loaded = answered and wish.desired is Desired.LOAD
        forgivable = copy.is_active and (wish.attempt or wish.tried)
        if failed or loaded or forgivable:
            self.attention.append(placed)


def count(one: SliceView) -> Census:
    """Return the census of a slice that has a target."""
    target = one.target
    if target is None:
        raise ValueError(f"{one.base} has no target: nothing is to be counted")
    sheet = _Sheet(target, f"{one.base}:{target.version}/")
    for copy in one.copies:
        if copy.wish is not None:
            sheet.take(copy, copy.wish)
    return Census(
        staying=tuple(sheet.staying),
        leaving=sheet.leaving,
        fitting=frozenset(sheet.fitting),
        unclear=frozenset(sheet.unclear),
        serving=frozenset(one.active),
        relied_on=frozenset(sheet.relied_on),
        moves=sheet.moves,
        tried=tuple(sorted(sheet.tried)),
        attention=frozenset(sheet.attention),
        outdated=tuple(sheet.outdated),
        unproven=sheet.unproven,
        limits=tuple(sheet.limits),
    )


def idles(one: SliceView) -> tuple[Waiting, ...] | None:
    """Return what is said of a slice that can only wait for its nodes; None when there is more to do.

    It holds until an answer is overdue (`Census.overdue`).
    """
    target, counted = one.target, one.once(count)
    if target is None or counted.attention or counted.unproven or one.once(has_victims):
        return None
    missing = target.instances - len(counted.fitting)
    room = updates.surge_left(target, len(counted.staying))
    if missing < 0 or min(missing, room) > 0:
        return None
    new_active = len(counted.relied_on & counted.fitting)
    if counted.outdated and new_active + len(counted.outdated) > target.instances:
        return None
    return (updates.waits_for_room(one.base, target, missing - room),) if missing > room else ()
