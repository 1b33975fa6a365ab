"""Laws of convergence over whole lives: whatever happens, never too many, never below the budget, and rest at last."""

from dataclasses import replace
from random import Random
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.control.removal import is_leaving
from aether.core.model.ids import Artifact, NodeId, SliceBase
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
from tests.worlds import node_record

NODES = [NodeId(f"n{number}") for number in range(4)]
SLICES = [SliceBase(f"org.example:s{number}") for number in range(3)]
MODES: tuple[OnDependencyLoss, ...] = ("cascade", "degrade", "block")
KINDS: tuple[Literal["fatal", "transient"], ...] = ("fatal", "transient")

EVENTS = (
    "version", "config", "scale", "strategy", "kill", "kill", "revive", "break", "mend", "drain",
    "activate", "leader", "mode", "budget", "pass", "pass", "rush", "wait",
)  # fmt: skip

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


def happen(life: Life, event: str, number: int, dice: Random) -> None:
    """Carry out one event; `number` says to whom."""
    base, node = SLICES[number % 3], NODES[number % 4]
    spec = life.specs()[base]
    match event:
        case "version":
            major = int(spec.artifact.version.partition(".")[0])
            life.change(base, artifact=Artifact(f"{base}:{major + 1}.0.0"))
        case "config":
            life.change(base, config={"number": dice.randrange(1000)})
        case "scale":
            life.scale(base, 1 + number % 6)
        case "strategy":
            life.change(base, update=Update(strategy="immediate" if number % 2 else "rolling"))
        case "kill" if len(life.dead) < 2:
            life.kill(node)
        case "revive":
            life.revive(node)
        case "break":
            life.broken[spec.artifact] = Failure(kind=KINDS[number % 2], message="it broke")
        case "mend":
            life.broken.clear()
        case "drain":
            life.drain(node)
        case "activate":
            life.activate(node)
        case "leader":
            life.new_leader()
        case "mode":
            life.change(base, on_dependency_loss=MODES[number % 3])
        case "budget":
            life.change(base, min_available=number % 5)
        case "rush":
            life.pass_time(dice, 1 + number % 4, share=0.4, step_s=0.1)
        case "wait":
            life.pass_time(dice, 2, share=0.7, step_s=100.0)
        case _:
            life.pass_time(dice, 1 + number % 4, share=0.7)


@given(events, st.integers(0, 1000))
@settings(deadline=None, max_examples=60)
def test_through_any_life_no_bound_is_broken_and_at_last_every_target_is_met(
    story: list[tuple[str, int]], seed: int
) -> None:
    life, dice = new_life(), Random(seed)
    for event, number in story:
        happen(life, event, number, dice)
        life.pass_time(dice, 1, share=0.8)
    life.broken.clear()
    for node in NODES:
        life.revive(node)
        life.activate(node)
    for spec in life.specs().values():  # what failed for good is tried again for a new blueprint
        life.change(spec.artifact.base, config={"mended": True})
    life.settle()
    assert life.checked
    for base, target in life.view.targets.items():
        assert serving(life.view, base) == target.instances
        here = {p: w for p, w in life.view.wanted.items() if p[1].base == base}
        assert len(here) == target.instances
        assert {placed[1].version for placed in here} == {target.version}
        assert all(wish.config == target.config for wish in here.values())
        assert not any(wish.parked or is_leaving(wish) for wish in here.values())
    assert life.view.phases.keys() == life.view.wanted.keys()


@given(events, st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_equal_lives_are_lived_alike(story: list[tuple[str, int]], seed: int) -> None:
    def live() -> ClusterView:
        life, dice = new_life(), Random(seed)
        for event, number in story:
            happen(life, event, number, dice)
            life.pass_time(dice, 1, share=0.8)
        return life.view

    assert live() == live()


@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from(["rolling", "immediate"]))
@settings(deadline=None, max_examples=40)
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
@settings(deadline=None, max_examples=30)
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
