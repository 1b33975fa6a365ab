"""A change carried through before it is made: the real `reconcile`, run forward in virtual time.

The admitted writes are applied to a copy of the view. Then the leader looks, decides and carries out as
it would, nodes do what they are asked after a fixed pace, and time jumps from one event to the next
until nothing is under way. No instance fails, no node comes or goes: what happens by chance cannot be
foreseen. Nothing depends on when the rehearsal is made, so equal views have equal outcomes.

Cost: one look is one `reconcile`; a change of one slice takes about ten looks whatever its size, as
instances asked together answer together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aether.core.control.reconcile import reconcile
from aether.core.control.rehearsal_changes import with_changes
from aether.core.control.rehearsal_nodes import ObedientNodes, Pace, is_silent, unanswered
from aether.core.control.rehearsal_outcome import Rehearsal
from aether.core.control.rehearsal_record import Record
from aether.core.control.signals import ControlSettings, Heard, Signals
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.plan import Forget, Plan, Wish, carry_out
from aether.core.model.records import Verdict
from aether.core.model.view import ClusterView, Placed
from aether.core.store.commands import Operation

_LONG_AGO = float("-inf")
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where a rehearsal stops although something is still under way."""

    time_s: float = 3600.0
    """Virtual time."""
    steps: int = 40_000
    """About 12 MB of JSON; another version of 5,000 instances takes 25,000."""
    work: int = 500_000
    """Instances, nodes and slices looked at, all looks together: 5,000 instances are looked at 100 times."""


def rehearse(
    view: ClusterView,
    changes: Sequence[Operation],
    settings: ControlSettings,
    pace: Pace | None = None,
    bounds: Bounds | None = None,
) -> Rehearsal:
    """Return what comes of `changes` made now; `view` stays as it is."""
    stage = _Stage(view, changes, settings, pace or Pace(), bounds or Bounds())
    stage.play()
    return stage.outcome()


class _Stage:
    """The copy of the cluster, and its clock."""

    def __init__(
        self,
        view: ClusterView,
        changes: Sequence[Operation],
        settings: ControlSettings,
        pace: Pace,
        bounds: Bounds,
    ) -> None:
        self._settings, self._pace, self._bounds = settings, pace, bounds
        self._record = Record(view)
        self._nodes = ObedientNodes(pace)
        self._now = 0.0
        self._changed_at = 0.0
        self._calm_since = float("inf")
        self._work = 0
        self._stopped = ""
        self._plan = Plan()
        self._view = with_changes(view, changes)
        self._since: dict[Placed, float] = {}
        self._begin(unanswered(self._view))
        self._since.update(dict.fromkeys(self._view.wanted, 0.0))

    def play(self) -> None:
        """Look and move on until nothing happens any more, or a bound is reached."""
        while not self._stopped:
            self._look()
            next_at = self._next_event()
            if next_at is None:
                return
            self._stopped = self._reached(next_at)
            if not self._stopped:
                self._now = next_at
                self._finish()

    def _look(self) -> None:
        view = self._view
        self._work += len(view.wanted) + len(view.nodes) + len(view.targets) + 1
        self._plan = reconcile(view, self._signals(), self._settings, self._now)
        commands = self._plan.commands
        if not commands:
            self._calm_since = min(self._calm_since, self._now)
            return
        self._calm_since = float("inf")
        self._changed_at = self._now
        self._record.note_commands(view, commands, self._now)
        self._view = carry_out(view, commands)
        self._begin(
            [(one.node, one.instance) for one in commands if isinstance(one, Wish | Forget)]
        )

    def _begin(self, asked: list[Placed]) -> None:
        self._view = self._nodes.begin(self._view, asked, self._now)
        self._note(asked)

    def _finish(self) -> None:
        self._view, done = self._nodes.finish(self._view, self._now)
        if done:
            self._changed_at = self._now
        self._note(done)

    def _note(self, changed: list[Placed]) -> None:
        self._since.update(dict.fromkeys(changed, self._now))
        self._record.note_facts(self._view, changed, self._now)

    def _next_event(self) -> float | None:
        """Return when to look again: a step is done, a period is over, or a timer may have run out.

        With nothing under way `reconcile` acts on two timers only: the calm before it moves instances,
        and the wait before a failed instance is tried again.
        """
        done_at = self._nodes.next_at
        if self._plan.commands:
            again_at = self._now + self._pace.look_s
            return again_at if done_at is None else min(done_at, again_at)
        if done_at is not None:
            return done_at
        settings = self._settings
        for timer_s in sorted((settings.settle_s, settings.backoff_most_s)):
            at = self._changed_at + timer_s + 2 * self._pace.look_s
            if at > self._now:
                return at
        return None

    def _reached(self, next_at: float) -> str:
        """Return which bound is reached, empty while none is."""
        bounds = self._bounds
        if next_at > bounds.time_s:
            return f"after {bounds.time_s:g} s of virtual time"
        if len(self._record.steps) > bounds.steps:
            return f"after {bounds.steps} steps"
        if self._work > bounds.work:
            return f"after looking at {bounds.work} instances"
        return ""

    def _signals(self) -> Signals:
        """Return what a leader would have measured by now: who reports, reports this very moment."""
        view, now, settings = self._view, self._now, self._settings
        doubted_at = now - (settings.suspect_after_s + settings.lost_after_s) / 2
        silent = {node for node in view.nodes if is_silent(view, node)}
        return Signals(
            reign_began=_LONG_AGO,
            heard={
                node: Heard(record.incarnation, now)
                for node, record in view.nodes.items()
                if node not in silent
            },
            registered={
                node: doubted_at
                for node in silent
                if view.verdicts[node].verdict is Verdict.SUSPECT
            },
            since=self._since_of_answering(silent),
            calm_since=self._calm_since,
            provision_since=dict.fromkeys(view.provisions, now),
        )

    def _since_of_answering(self, silent: set[NodeId]) -> dict[Placed, float]:
        """Return since when instances are as they are; those of silent nodes never get stuck."""
        if not silent:
            return self._since
        return {placed: at for placed, at in self._since.items() if placed[0] not in silent}

    def outcome(self) -> Rehearsal:
        """Return what has been found."""
        view = self._view
        under_way = unanswered(view)
        waiting = (*self._plan.waiting, *_still(view, under_way, self._stopped))
        placements: dict[NodeId, list[InstanceId]] = {node: [] for node in sorted(view.nodes)}
        for node, instance in sorted(view.wanted):
            placements.setdefault(node, []).append(instance)
        return Rehearsal(
            converged=not under_way and not self._stopped,
            duration_s=self._changed_at,
            steps=tuple(self._record.steps),
            placements={node: tuple(found) for node, found in placements.items()},
            verdicts={node: str(one.verdict) for node, one in sorted(view.verdicts.items())},
            slices=self._record.slices(view),
            dips=self._record.dips(view),
            waiting=waiting,
            outline=self._record.outline(view, waiting),
        )


def _still(view: ClusterView, under_way: list[Placed], stopped: str) -> Iterator[str]:
    """Yield sentences about what is under way at the end."""
    if stopped:
        yield f"the rehearsal stopped {stopped}; {len(under_way)} instances are under way"
    for node, instance in under_way[:_MOST_NAMED]:
        wish, verdict = view.wanted[node, instance], view.verdicts.get(node)
        judged = verdict.verdict if verdict is not None else "not judged"
        yield f"{node} ({judged}) has yet to {wish.desired} {instance}"
    if len(under_way) > _MOST_NAMED:
        yield f"and {len(under_way) - _MOST_NAMED} instances more are under way"
