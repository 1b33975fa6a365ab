"""Laws of slices that need each other: who is parked, who is called back, and that it settles."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.control.dependencies import Loss, chain, find_cycle, missing, settle
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.lifecycle import Desired
from aether.core.model.plan import Wish
from aether.core.model.records import (
    Dependency,
    OnDependencyLoss,
    SliceSpec,
    Verdict,
    VerdictRecord,
)
from aether.core.model.view import ClusterView
from tests.lives import Life, serving
from tests.worlds import node_record, target

BASES = [SliceBase(f"org.example:s{number}") for number in range(6)]
MODES: tuple[OnDependencyLoss, ...] = ("cascade", "degrade", "block")

graphs = st.fixed_dictionaries(
    {base: st.sets(st.sampled_from(BASES), max_size=3) for base in BASES}
).map(lambda needs: {base: sorted(others - {base}) for base, others in needs.items()})
"""Any graph over six slices, circles included: a race may commit one."""


def view_of(graph: dict[SliceBase, list[SliceBase]]) -> ClusterView:
    return ClusterView(
        targets={
            base: replace(target(), dependencies=tuple(Dependency(slice=need) for need in needs))
            for base, needs in graph.items()
        }
    )


@given(graphs, st.sampled_from(BASES))
def test_a_chain_leads_to_every_slice_affected_and_each_link_is_real(
    graph: dict[SliceBase, list[SliceBase]], base: SliceBase
) -> None:
    paths = chain(view_of(graph), base)
    affected: set[SliceBase] = set()
    grown = {base}
    while grown:
        grown = {other for other, needs in graph.items() if grown & set(needs)} - affected - {base}
        affected |= grown
    assert {path[-1] for path in paths} == affected
    assert len(paths) == len(affected)
    for path in paths:
        assert path[0] == base
        assert len(set(path)) == len(path)
        assert all(need in graph[by] for need, by in pairwise(path))
    assert [len(path) for path in paths] == sorted(len(path) for path in paths)


@given(graphs)
def test_a_circle_is_found_when_there_is_one_and_is_one(
    graph: dict[SliceBase, list[SliceBase]],
) -> None:
    needs = {b: tuple(Dependency(slice=n) for n in others) for b, others in graph.items()}
    circle = find_cycle(needs)
    in_circle = any(
        base in {path[-1] for other in graph[base] for path in _reached(graph, other)}
        for base in BASES
    )
    assert bool(circle) == in_circle
    assert all(need in graph[by] for by, need in pairwise(circle))
    assert not circle or circle[0] == circle[-1]
    optional = {
        b: tuple(replace(d, required=False) for d in dependencies)
        for b, dependencies in needs.items()
    }
    assert find_cycle(optional) == []


def _reached(graph: dict[SliceBase, list[SliceBase]], start: SliceBase) -> list[list[SliceBase]]:
    seen, waiting = [[start]], [start]
    while waiting:
        for need in graph[waiting.pop()]:
            if [need] not in seen:
                seen.append([need])
                waiting.append(need)
    return seen


losses = st.builds(
    Loss,
    on_loss=st.sampled_from(MODES),
    parked=st.booleans(),
    active=st.booleans(),
    down_for_s=st.dictionaries(st.sampled_from(BASES), st.floats(0, 20), max_size=3),
    removed=st.lists(st.sampled_from(BASES), max_size=2, unique=True).map(tuple),
    grace_s=st.just(5.0),
)


@given(losses)
def test_what_was_just_parked_is_not_called_back_and_the_other_way_round(asked: Loss) -> None:
    done = settle(asked)
    if done == "park":
        assert settle(replace(asked, parked=True)) == "none"
    if done == "activate":
        assert settle(replace(asked, parked=False)) == "none"


@given(losses)
def test_nobody_is_parked_without_cascade_nor_within_the_grace(asked: Loss) -> None:
    if settle(asked) == "park":
        assert asked.on_loss == "cascade"
        assert asked.removed or max(asked.down_for_s.values()) >= asked.grace_s


@given(st.lists(st.sampled_from(MODES), min_size=3, max_size=3), st.integers(1, 2))
@settings(deadline=None, max_examples=8)
def test_a_loss_parks_what_requires_it_through_and_through_once_and_its_return_ends_that_once(
    modes: list[OnDependencyLoss], instances: int
) -> None:
    """s1 requires s0, s2 requires s1, s3 can do without s0; s0 crashes and comes back."""
    life, dice = line_of(modes, instances), Random(3)
    life.crash(BASES[0])
    parked, called = Counter[SliceBase](), Counter[SliceBase]()
    for round_ in range(60):
        if round_ == 25:
            life.broken.clear()
        life.now += 1.0
        for command in life.look().commands:
            if isinstance(command, Wish) and command.because.rule == "dependency":
                counted = parked if command.record.parked else called
                counted[command.instance.base] += 1
        life.answer(dice)
        if round_ == 24:
            assert serving(life.view, BASES[0]) == 0
            assert_parked(life, modes, instances)
    cascading = [modes[0] == "cascade", modes[0] == "cascade" and modes[1] == "cascade"]
    expected = {
        base: instances for base, is_parked in zip(BASES[1:3], cascading, strict=True) if is_parked
    }
    assert parked == expected
    assert called == expected
    assert all(serving(life.view, base) == instances for base in BASES[:4])
    assert len(life.view.wanted) == 4 * instances


def assert_parked(life: Life, modes: list[OnDependencyLoss], instances: int) -> None:
    first = modes[0] == "cascade"
    assert serving(life.view, BASES[1]) == (0 if first else instances)
    assert serving(life.view, BASES[2]) == (0 if first and modes[1] == "cascade" else instances)
    assert serving(life.view, BASES[3]) == instances
    assert missing(life.view, BASES[1]) == [BASES[0]]
    assert missing(life.view, BASES[3]) == []


def line_of(modes: list[OnDependencyLoss], instances: int) -> Life:
    nodes = [NodeId("n0"), NodeId("n1")]
    on_duty = VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-1")
    life = Life(
        ClusterView(
            nodes={node: node_record(node) for node in nodes},
            verdicts=dict.fromkeys(nodes, on_duty),
        )
    )
    needs = [
        (),
        (Dependency(slice=BASES[0]),),
        (Dependency(slice=BASES[1]),),
        (Dependency(slice=BASES[0], required=False),),
    ]
    life.apply(
        SliceSpec(
            artifact=Artifact(f"{base}:1.0.0"),
            instances=instances,
            dependencies=needs[number],
            on_dependency_loss=modes[(number - 1) % 3],
        )
        for number, base in enumerate(BASES[:4])
    )
    life.settle()
    return life


@given(st.integers(1, 4))
@settings(deadline=None, max_examples=4)
def test_a_dependency_that_restarts_within_the_grace_parks_nobody(seconds: int) -> None:
    life, dice = line_of(["cascade", "cascade", "cascade"], 2), Random(4)
    life.crash(BASES[0])
    life.broken.clear()
    step_s = seconds / 4
    for _ in range(40):
        life.now += step_s
        plan = life.look()
        assert all(command.because.rule != "dependency" for command in plan.commands)
        life.answer(dice)
    assert all(serving(life.view, base) == 2 for base in BASES[:4])
    assert all(wish.desired is Desired.ACTIVATE for wish in life.view.wanted.values())
