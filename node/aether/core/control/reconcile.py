"""Desired against observed: the one decision of the leader, as a function.

The order of the stages is the order of precedence; each sees the view as those before it leave it.
"""

from collections.abc import Iterable
from dataclasses import replace

from aether.core.control.balance import rebalance
from aether.core.control.convergence import converge
from aether.core.control.dependencies import follow_losses
from aether.core.control.division import drop_traffic
from aether.core.control.drain import evacuate
from aether.core.control.healing import heal
from aether.core.control.liveness import judge_nodes, note_deafness
from aether.core.control.orphans import drop_routes, forget_left_over, forget_lost
from aether.core.control.removal import continue_removals
from aether.core.control.scaling import scale
from aether.core.control.signals import ControlSettings, Signals
from aether.core.control.targets import derive_targets, drop_targets
from aether.core.control.unreadable import Held, name_unreadable
from aether.core.control.waiting import Waiting
from aether.core.model.plan import Command, Forget, Plan, Wish, carry_out
from aether.core.model.view import ClusterView, Placed


def reconcile(view: ClusterView, signals: Signals, settings: ControlSettings, now: float) -> Plan:
    """Return what to do now, with a reason for each command. `now` is on the signals' clock."""
    draft = _Draft(view, signals, now)
    draft.add(note_deafness(draft.view, signals, settings, now))
    draft.add(name_unreadable(draft.view))
    draft.add(judge_nodes(draft.view, signals, settings, now))
    draft.add(derive_targets(draft.view))
    draft.add(forget_lost(draft.view))
    draft.add(forget_left_over(draft.view, signals, now))
    draft.add(continue_removals(draft.view, draft.signals, now))
    draft.add(evacuate(draft.view, draft.signals, settings, now))
    draft.add(scale(draft.view, signals))
    draft.add(follow_losses(draft.view, draft.signals, settings, now))
    draft.add(converge(draft.view, draft.signals, settings, now))
    draft.add(drop_routes(draft.view))
    draft.add(drop_targets(draft.view))
    draft.add(drop_traffic(draft.view))
    draft.add(heal(draft.view, signals, settings, now))
    if not draft.commands and now - signals.calm_since >= settings.settle_s:
        move = draft.view.once(rebalance)
        draft.add([move] if move else [])
    return Plan(tuple(draft.commands), tuple(draft.waiting))


class _Draft:
    """A plan in the making, and the view and signals it leads to."""

    def __init__(self, view: ClusterView, signals: Signals, now: float) -> None:
        self.view = view
        self.signals = signals
        self.waiting: list[str] = []
        self._now = now
        self._commands: list[Command] = []
        self._instance_at: dict[Placed, int] = {}
        self._freed: set[Placed] = set()

    @property
    def commands(self) -> list[Command]:
        """The commands so far, the last one only for each instance."""
        last = set(self._instance_at.values())
        return [
            command
            for number, command in enumerate(self._commands)
            if not isinstance(command, Wish | Forget) or number in last
        ]

    def add(self, steps: Iterable[Command | Waiting]) -> None:
        """Take one stage's steps and move the view on.

        An instance with a new wish has been as it is for no time: what it was before must not make
        it look stuck to the stages that follow. One placed under a name that the plan frees is left
        to the next look: its wish would take the place of the end of the one before, and be committed
        before what makes room for it.
        """
        commands: list[Command] = []
        changed: list[Placed] = []
        held = self.view.once(Held)
        for step in steps:
            if isinstance(step, Waiting):
                self.waiting.append(step.text)
            elif not held.holds(step) and not self._comes_too_early(step):
                if isinstance(step, Wish | Forget):
                    placed = (step.node, step.instance)
                    changed.append(placed)
                    self._instance_at[placed] = len(self._commands) + len(commands)
                commands.append(step)
        self._commands += commands
        if commands:
            self.view = carry_out(self.view, commands)
        if changed:
            since = {**self.signals.since, **dict.fromkeys(changed, self._now)}
            self.signals = replace(self.signals, since=since)

    def _comes_too_early(self, step: Command) -> bool:
        """Whether a wish is for an instance under a name that the plan frees; note the names it frees."""
        if isinstance(step, Forget):
            self._freed.add((step.node, step.instance))
        return isinstance(step, Wish) and (step.node, step.instance) in self._freed
