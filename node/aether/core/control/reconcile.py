"""Desired against observed: the one decision of the leader, as a function.

The order of the stages is the order of precedence; each sees the view as those before it leave it.
"""

from collections.abc import Iterable

from aether.core.control.balance import rebalance
from aether.core.control.convergence import Waiting, converge, drop_routes, forget_lost
from aether.core.control.liveness import judge_nodes
from aether.core.control.removal import continue_removals
from aether.core.control.signals import ControlSettings, Signals
from aether.core.control.targets import derive_targets, drop_targets
from aether.core.model.plan import Command, Plan, carry_out
from aether.core.model.view import ClusterView


def reconcile(view: ClusterView, signals: Signals, settings: ControlSettings, now: float) -> Plan:
    """Return what to do now, with a reason for each command. `now` is on the signals' clock."""
    draft = _Draft(view)
    draft.add(judge_nodes(draft.view, signals, settings, now))
    draft.add(derive_targets(draft.view))
    draft.add(forget_lost(draft.view))
    draft.add(continue_removals(draft.view, signals, now))
    draft.add(converge(draft.view, signals, settings, now))
    draft.add(drop_routes(draft.view))
    draft.add(drop_targets(draft.view))
    if not draft.commands and now - signals.calm_since >= settings.settle_s:
        move = rebalance(draft.view)
        draft.add([move] if move else [])
    return Plan(tuple(draft.commands), tuple(draft.waiting))


class _Draft:
    """A plan in the making, and the view it leads to."""

    def __init__(self, view: ClusterView) -> None:
        self.view = view
        self.commands: list[Command] = []
        self.waiting: list[str] = []

    def add(self, steps: Iterable[Command | Waiting]) -> None:
        """Take one stage's steps and move the view on."""
        commands: list[Command] = []
        for step in steps:
            if isinstance(step, Waiting):
                self.waiting.append(step.text)
            else:
                commands.append(step)
        self.commands += commands
        if commands:
            self.view = carry_out(self.view, commands)
