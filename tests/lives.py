"""A small cluster's life for tests: the leader looks and decides, nodes answer or do not, dice choose.

Every commit is checked as it happens: never too many instances, never fewer serving than the budget by
the leader's own act, every reason decided again from its inputs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random

from aether.control.signal_board import SignalBoard
from aether.core.control.budgets import max_surge, min_available
from aether.core.control.lowering import waves
from aether.core.control.reconcile import reconcile
from aether.core.control.removal import is_leaving
from aether.core.control.replay import reevaluate
from aether.core.control.signals import ControlSettings
from aether.core.control.targets import is_retired
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Command, Plan, Wish, carry_out
from aether.core.model.records import (
    BlueprintRecord,
    DrainOrder,
    Failure,
    PhaseRecord,
    SliceSpec,
    Verdict,
    VerdictRecord,
)
from aether.core.model.view import ClusterView, Placed
from tests.worlds import fact, node_record

OWNER = SliceBase("org.example:app")
SETTINGS = ControlSettings()

_BEGUN = {
    Desired.LOAD: Phase.LOADING,
    Desired.ACTIVATE: Phase.ACTIVATING,
    Desired.DEACTIVATE: Phase.DEACTIVATING,
    Desired.UNLOAD: Phase.UNLOADING,
}
_DONE = {
    Desired.LOAD: Phase.LOADED,
    Desired.ACTIVATE: Phase.ACTIVE,
    Desired.DEACTIVATE: Phase.LOADED,
}


@dataclass
class Life:
    """The cluster, its leader's memory and the clock."""

    view: ClusterView
    now: float = 1000.0
    settings: ControlSettings = SETTINGS
    board: SignalBoard = field(default_factory=SignalBoard)
    dead: set[NodeId] = field(default_factory=set)
    broken: dict[Artifact, Failure] = field(default_factory=dict)
    """Artifacts of which every instance fails when it is loaded."""
    checked: int = 0

    def __post_init__(self) -> None:
        self.board.begin_reign(self.now)

    # What operators and fate do.

    def apply(self, specs: Iterable[SliceSpec]) -> None:
        """Apply the blueprint with these slices."""
        old = self.view.blueprints.get(OWNER)
        generation = old.generation + 1 if old else 1
        record = BlueprintRecord(
            id=Artifact(f"{OWNER}:1.0.0"), generation=generation, slices=tuple(specs)
        )
        self.view = replace(self.view, blueprints={OWNER: record})

    def specs(self) -> dict[SliceBase, SliceSpec]:
        """Return the slices of the blueprint as it stands."""
        record = self.view.blueprints.get(OWNER)
        return {spec.artifact.base: spec for spec in record.slices} if record else {}

    def change(self, base: SliceBase, **fields: object) -> None:
        """Apply the blueprint with one slice changed."""
        specs = self.specs()
        specs[base] = replace(specs[base], **fields)  # type: ignore[arg-type] # a test's keywords
        self.apply(specs.values())

    def scale(self, base: SliceBase, instances: int) -> None:
        """Want another number of instances, as the scale command does."""
        target = self.view.targets.get(base)
        if target is not None:
            changed = replace(target, instances=instances)
            self.view = replace(self.view, targets={**self.view.targets, base: changed})

    def kill(self, node: NodeId) -> None:
        """Let a node die with everything on it."""
        self.dead.add(node)

    def revive(self, node: NodeId) -> None:
        """Start a dead node again: a new life, with nothing of the old one but its facts."""
        if node in self.dead:
            self.dead.discard(node)
            old = self.view.nodes[node]
            life = f"life-{int(old.incarnation.rpartition('-')[2]) + 1}"
            record = replace(node_record(node, life, old.capacity), labels=old.labels)
            self.view = replace(self.view, nodes={**self.view.nodes, node: record})

    def crash(self, base: SliceBase) -> None:
        """End every instance of a slice, and let none come up again until its artifact is mended."""
        failure, phases = Failure(kind="transient", message="it crashed"), dict(self.view.phases)
        for placed, phase in self.view.phases.items():
            if (
                placed[1].base == base
                and placed[0] not in self.dead
                and self.view.is_current(placed)
            ):
                self.broken[placed[1].artifact] = failure
                phases[placed] = replace(phase, state=Phase.FAILED, failure=failure)
        self.view = replace(self.view, phases=phases)

    def drain(self, node: NodeId) -> None:
        """Order a node to be emptied."""
        verdict = self.view.verdicts.get(node)
        if verdict is not None and verdict.verdict is Verdict.ON_DUTY:
            order = replace(verdict, verdict=Verdict.DRAINING, drain=DrainOrder(by="test"))
            self.view = replace(self.view, verdicts={**self.view.verdicts, node: order})

    def activate(self, node: NodeId) -> None:
        """Take a drain order back."""
        verdict = self.view.verdicts.get(node)
        if verdict is not None and verdict.drain is not None:
            back = VerdictRecord(verdict=Verdict.JOINING, incarnation=verdict.incarnation)
            self.view = replace(self.view, verdicts={**self.view.verdicts, node: back})

    def new_leader(self) -> None:
        """Have another leader begin, which knows nothing but the store."""
        self.board = SignalBoard()
        self.board.begin_reign(self.now)

    # What the leader and the nodes do.

    def look(self) -> Plan:
        """Let the leader look once and carry everything out, every commit checked."""
        for node, record in self.view.nodes.items():
            if node not in self.dead:
                self.board.hear(node, record.incarnation, self.now)
        signals = self.board.look(self.view, self.now)
        plan = reconcile(self.view, signals, self.settings, self.now)
        self.board.note_plan(self.now, empty=not plan.commands)
        written = [key for command in plan.commands if (key := _key(command)) is not None]
        assert len(set(written)) == len(written), f"one instance twice in a plan: {plan.commands}"
        for wave in waves(plan.commands, self.view):
            for command in wave:
                self._commit(command)
        return plan

    def _commit(self, command: Command) -> None:
        before = self.view
        self.view = carry_out(before, [command])
        self.checked += 1
        reason = command.because
        assert reevaluate(reason) == reason.inputs["decision"], reason
        if isinstance(command, Wish):
            _check_number(before, self.view, command)
            _check_budget(before, self.view, command)

    def answer(self, dice: Random, share: float = 1.0) -> None:
        """Let living nodes take a step for some of the instances: begin, finish or fail it."""
        phases = dict(self.view.phases)
        for placed in sorted({*self.view.wanted, *phases}):
            if placed[0] in self.dead or placed[0] not in self.view.nodes:
                continue
            if dice.random() > share:
                continue
            record = self._step(placed, quick=dice.random() < share)
            if record is None:
                phases.pop(placed, None)
            else:
                phases[placed] = record
        self.view = replace(self.view, phases=phases)

    def _step(self, placed: Placed, *, quick: bool) -> PhaseRecord | None:
        wish, phase = self.view.wanted.get(placed), self.view.phases.get(placed)
        life = self.view.nodes[placed[0]].incarnation
        current = phase if phase is not None and phase.incarnation == life else None
        if wish is None or (wish.desired is Desired.UNLOAD and (quick or current is None)):
            return None
        answered = current is not None and current.observed_generation >= wish.generation
        if (
            current is not None
            and answered
            and current.state in (_DONE.get(wish.desired), Phase.FAILED)
        ):
            return current
        failure = self.broken.get(placed[1].artifact)
        if failure is not None and wish.desired in (Desired.LOAD, Desired.ACTIVATE):
            return fact(Phase.FAILED, wish.generation, life, failure)
        state = _DONE[wish.desired] if quick and wish.desired in _DONE else _BEGUN[wish.desired]
        return fact(state, wish.generation, life)

    def pass_time(self, dice: Random, rounds: int, share: float = 1.0, step_s: float = 1.0) -> None:
        """Let the leader look and nodes answer so many times."""
        for _ in range(rounds):
            self.now += step_s
            self.look()
            self.answer(dice, share)

    def settle(self, rounds: int = 200, step_s: float = 2.0) -> None:
        """Let everything be well until the leader has nothing to do for a while; fail if that never comes.

        While it waits for something, that while is longer than its longest pause before another try.
        """
        dice, calm_s = Random(1), 0.0
        for _ in range(rounds):
            self.now += step_s
            plan = self.look()
            calm_s = 0.0 if plan.commands else calm_s + step_s
            self.answer(dice)
            pause_s = self.settings.backoff_most_s if plan.waiting else 0.0
            if calm_s > pause_s + 4 * step_s:
                return
        raise AssertionError(f"no rest within {rounds} rounds: {self.look()}")


def _key(command: Command) -> Placed | None:
    return (command.node, command.instance) if isinstance(command, Wish) else None


def staying(view: ClusterView, base: SliceBase) -> list[Placed]:
    """Return the instances of a slice that are not on their way out."""
    return [p for p, w in view.wanted.items() if p[1].base == base and not is_leaving(w)]


def serving(view: ClusterView, base: SliceBase) -> int:
    """Return how many of those serve."""
    return sum(1 for placed in staying(view, base) if view.is_active(placed))


def _check_number(before: ClusterView, after: ClusterView, command: Wish) -> None:
    """Nothing is placed beyond the target and its surge."""
    target = after.targets.get(command.instance.base)
    if (command.node, command.instance) in before.wanted or target is None:
        return
    there = len(staying(after, command.instance.base))
    assert there <= target.instances + max_surge(target), f"{there} are there: {command.because}"


def _check_budget(before: ClusterView, after: ClusterView, command: Wish) -> None:
    """No act of the leader leaves fewer serving than the budget, but removal and parking.

    One that is parked already was told to stop serving, whether or not its node has said so yet.
    """
    base, placed = command.instance.base, (command.node, command.instance)
    target = after.targets.get(base)
    serves = before.is_active(placed) and before.wanted[placed].desired is Desired.ACTIVATE
    if target is None or not (serves and is_leaving(command.record)) or is_retired(after, base):
        return
    verdict = after.verdicts.get(command.node)
    if verdict is not None and verdict.drain is not None and verdict.drain.force:
        return
    left = serving(after, base)
    assert left >= min_available(target), f"{left} serve: {command.because}"
