"""Laws of convergence over whole lives: whatever happens, never too many, never below the budget, and rest at last."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.control.budgets import min_available
from aether.core.control.convergence import converge
from aether.core.control.liveness import is_relied_on
from aether.core.control.removal import is_leaving
from aether.core.control.signals import ControlSettings
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.lifecycle import Phase
from aether.core.model.plan import Wish
from aether.core.model.records import (
    Dependency,
    Failure,
    OnDependencyLoss,
    Placement,
    SliceSpec,
    Update,
    Verdict,
    VerdictRecord,
)
from aether.core.model.view import ClusterView
from tests.lives import Life, serving
from tests.worlds import (
    all_heard,
    fact,
    node_record,
    nodes,
    target,
    wish,
    with_blueprint,
    with_instance,
)

NODES = [NodeId(f"n{number}") for number in range(4)]
SLICES = [SliceBase(f"org.example:s{number}") for number in range(3)]
MODES: tuple[OnDependencyLoss, ...] = ("cascade", "degrade", "block")
KINDS: tuple[Literal["fatal", "transient"], ...] = ("fatal", "transient")


def next_version(life: Life, base: SliceBase) -> Artifact:
    major = int(life.specs()[base].artifact.version.partition(".")[0])
    return Artifact(f"{base}:{major + 1}.0.0")


def strategy(number: int) -> Update:
    return Update(strategy="immediate" if number % 2 else "rolling")


def kill(life: Life, node: NodeId) -> None:
    if len(life.dead) < 2:
        life.kill(node)


def break_down(life: Life, base: SliceBase, number: int) -> None:
    failure = Failure(kind=KINDS[number % 2], message="it broke")
    life.broken[life.specs()[base].artifact] = failure


@dataclass(frozen=True)
class Turn:
    """Whom an event happens to."""

    life: Life
    base: SliceBase
    node: NodeId
    number: int
    dice: Random


HAPPENINGS: dict[str, Callable[[Turn], None]] = {
    "version": lambda t: t.life.change(t.base, artifact=next_version(t.life, t.base)),
    "config": lambda t: t.life.change(t.base, config={"number": t.dice.randrange(1000)}),
    "scale": lambda t: t.life.scale(t.base, 1 + t.number % 6),
    "strategy": lambda t: t.life.change(t.base, update=strategy(t.number)),
    "kill": lambda t: kill(t.life, t.node),
    "revive": lambda t: t.life.revive(t.node),
    "break": lambda t: break_down(t.life, t.base, t.number),
    "crash": lambda t: t.life.crash(t.base),
    "mend": lambda t: t.life.broken.clear(),
    "drain": lambda t: t.life.drain(t.node),
    "activate": lambda t: t.life.activate(t.node),
    "leader": lambda t: t.life.new_leader(),
    "mode": lambda t: t.life.change(t.base, on_dependency_loss=MODES[t.number % 3]),
    "budget": lambda t: t.life.change(t.base, min_available=t.number % 5),
    "rush": lambda t: t.life.pass_time(t.dice, 1 + t.number % 4, 0.4, 0.1),
    "wait": lambda t: t.life.pass_time(t.dice, 2, 0.7, 100.0),
    "pass": lambda t: t.life.pass_time(t.dice, 1 + t.number % 4, 0.7),
}
EVENTS = (*HAPPENINGS, "kill", "crash", "wait", "pass")
"""What happens, the more frequent twice."""


def happen(life: Life, event: str, number: int, dice: Random) -> None:
    """Carry out one event; `number` says to whom."""
    HAPPENINGS[event](Turn(life, SLICES[number % 3], NODES[number % 4], number, dice))


def mend_everything(life: Life) -> None:
    """Bring every node back, and change the settings of slices that failed for good."""
    life.broken.clear()
    for node in NODES:
        life.revive(node)
        life.activate(node)
    for base in {
        placed[1].base
        for placed, phase in life.view.phases.items()
        if phase.failure is not None and phase.failure.kind == "fatal"
    }:
        life.change(base, config={"mended": True})


events = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 11)), min_size=1, max_size=25)


def new_life(capacity: int = 30) -> Life:
    """Four nodes on duty, and three slices of which the later need the earlier."""
    specs = [
        SliceSpec(
            artifact=Artifact(f"{base}:1.0.0"),
            instances=number + 2,
            dependencies=tuple(Dependency(slice=need) for need in SLICES[:number]),
            on_dependency_loss="cascade",
        )
        for number, base in enumerate(SLICES)
    ]
    life = Life(
        ClusterView(
            nodes={node: node_record(node, capacity=capacity) for node in NODES},
            verdicts={
                node: VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-1") for node in NODES
            },
        )
    )
    life.apply(specs)
    return life


@given(events, st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_through_any_life_no_bound_is_broken_and_at_last_every_target_is_met(
    story: list[tuple[str, int]], seed: int
) -> None:
    life, dice = new_life(), Random(seed)
    for event, number in story:
        happen(life, event, number, dice)
        life.pass_time(dice, 1, share=0.8)
    mend_everything(life)
    life.settle()
    assert life.checked
    for base, wanted in life.view.targets.items():
        assert serving(life.view, base) == wanted.instances
        here = {p: w for p, w in life.view.wanted.items() if p[1].base == base}
        assert len(here) == wanted.instances
        assert {placed[1].version for placed in here} == {wanted.version}
        assert all(each.config == wanted.config for each in here.values())
        assert not any(each.parked or is_leaving(each) for each in here.values())
    assert life.view.phases.keys() == life.view.wanted.keys()


@given(events, st.integers(0, 1000))
@settings(deadline=None, max_examples=12)
def test_equal_lives_are_lived_alike(story: list[tuple[str, int]], seed: int) -> None:
    def live() -> ClusterView:
        life, dice = new_life(), Random(seed)
        for event, number in story:
            happen(life, event, number, dice)
            life.pass_time(dice, 1, share=0.8)
        return life.view

    assert live() == live()


@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from(["rolling", "immediate"]))
@settings(deadline=None, max_examples=15)
def test_a_full_cluster_is_updated_too_as_far_as_the_budget_lets_it(
    instances: int, more: int, strategy: Literal["rolling", "immediate"]
) -> None:
    """Capacity is exactly what is wanted: nothing fits beside the old instances."""
    base = SLICES[0]
    life = Life(
        ClusterView(
            nodes={node: node_record(node, capacity=instances) for node in NODES[:2]},
            verdicts={
                node: VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-1")
                for node in NODES[:2]
            },
        )
    )
    spec = SliceSpec(
        artifact=Artifact(f"{base}:1.0.0"),
        instances=2 * instances,
        update=Update(strategy=strategy, max_surge=more),
    )
    life.apply([spec])
    life.settle()
    life.change(base, artifact=Artifact(f"{base}:2.0.0"))
    life.settle()
    assert {placed[1].version for placed in life.view.wanted} == {"2.0.0"}
    assert serving(life.view, base) == 2 * instances


@given(st.sampled_from(["n0", "n1", "n2", "n3"]), st.integers(1, 6))
@settings(deadline=None, max_examples=12)
def test_instances_are_only_where_the_labels_are_and_follow_them_when_they_change(
    labelled: str, instances: int
) -> None:
    life, base, node = new_life(), SLICES[0], NodeId(labelled)
    life.settle()
    labels = {"disk": "ssd"}
    labelled_node = replace(life.view.nodes[node], labels=labels)
    life.view = replace(life.view, nodes={**life.view.nodes, node: labelled_node})
    life.change(base, instances=instances, placement=Placement(require=labels))
    life.settle()
    assert {placed[0] for placed in life.view.wanted if placed[1].base == base} == {node}
    assert serving(life.view, base) == instances


@st.composite
def half_updated(draw: st.DrawFn) -> ClusterView:
    """A slice between two versions and between nodes, on nodes some of which are silent."""
    view, base = nodes(*NODES), SLICES[0]
    silent = draw(st.sets(st.sampled_from(NODES)))
    suspect = VerdictRecord(verdict=Verdict.SUSPECT, incarnation="life-1")
    view = replace(view, verdicts={**view.verdicts, **dict.fromkeys(silent, suspect)})
    asked = replace(target("2.0.0", draw(st.integers(1, 5))), min_available=draw(st.integers(0, 5)))
    spec_ = SliceSpec(artifact=Artifact(f"{base}:2.0.0"), instances=asked.instances)
    view = replace(with_blueprint(view, spec_), targets={base: asked})
    for ordinal in range(draw(st.integers(0, 8))):
        version = draw(st.sampled_from(["1.0.0", "2.0.0"]))
        there = [f"{node}/{instance}" for node, instance in view.wanted]
        wanted = replace(wish(), replaces=draw(st.sampled_from(["", *there])))
        phase = fact(draw(st.sampled_from([Phase.ACTIVE, Phase.ACTIVE, Phase.ACTIVATING])))
        host = draw(st.sampled_from(NODES))
        view = with_instance(view, host, f"{base}:{version}/{ordinal}", wanted, phase)
    return view


@given(half_updated())
def test_what_is_relied_on_is_ended_only_above_the_budget(view: ClusterView) -> None:
    plan = converge(view, all_heard(view, 5000.0), ControlSettings(), 5000.0)
    ended = {
        (step.node, step.instance)
        for step in plan
        if isinstance(step, Wish) and is_leaving(step.record)
    }
    relied_on = {placed for placed in view.wanted if is_relied_on(view, placed)}
    budget = min_available(view.targets[SLICES[0]])
    assert not ended & relied_on or len(relied_on - ended) >= budget
