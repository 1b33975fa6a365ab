"""Laws of updates: as the decision alone, and as the leader carries it through a life."""

from dataclasses import replace
from random import Random
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.control.budgets import max_surge
from aether.core.control.updates import Outdated, decide
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.records import Failure, SliceSpec, Update, Verdict, VerdictRecord
from aether.core.model.view import ClusterView
from tests.lives import Life, serving, staying
from tests.worlds import node_record

BASE = SliceBase("org.example:shop")


@st.composite
def updates_under_way(draw: st.DrawFn) -> tuple[Outdated, list[bool]]:
    """What the outdated instances of a slice share, and which of them serve: those that do not go first."""
    wanted = draw(st.integers(1, 20))
    new_active = draw(st.integers(0, wanted))
    serves = sorted(draw(st.lists(st.booleans(), max_size=20)))
    shared = Outdated(
        wanted=wanted,
        budget=draw(st.integers(0, wanted)),
        active=new_active + sum(serves),
        new_active=new_active,
        old=len(serves),
        rank=0,
        serves=False,
        useless=False,
        no_room=draw(st.booleans()),
        leaving=draw(st.integers(0, 2)),
    )
    return shared, serves


def ended(shared: Outdated, serves: list[bool]) -> list[bool]:
    """Return which of the outdated instances go, in their order."""
    return [
        decide(replace(shared, rank=rank, serves=active)) == "end"
        for rank, active in enumerate(serves)
    ]


@given(updates_under_way())
def test_ending_old_instances_leaves_the_target_or_the_budget_serving(
    case: tuple[Outdated, list[bool]],
) -> None:
    shared, serves = case
    gone = ended(shared, serves)
    left = shared.active - sum(1 for go, active in zip(gone, serves, strict=True) if go and active)
    excess = shared.new_active + shared.old > shared.wanted
    assert left >= min(shared.active, shared.wanted if excess else shared.budget)


@given(updates_under_way())
def test_the_more_new_ones_serve_the_more_old_ones_go_and_never_fewer(
    case: tuple[Outdated, list[bool]],
) -> None:
    shared, serves = case
    further = replace(shared, new_active=shared.new_active + 1, active=shared.active + 1)
    assert sum(ended(further, serves)) >= sum(ended(replace(shared, no_room=False), serves))


@given(updates_under_way())
def test_room_is_made_by_one_at_a_time(case: tuple[Outdated, list[bool]]) -> None:
    shared, serves = case
    if shared.new_active + shared.old > shared.wanted:
        return
    assert sum(ended(shared, serves)) <= (1 if shared.no_room and not shared.leaving else 0)


def life_of(instances: int, update: Update) -> Life:
    """Three roomy nodes on which the slice serves in version 1.0.0."""
    nodes = [NodeId(f"n{number}") for number in range(3)]
    on_duty = VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-1")
    life = Life(
        ClusterView(
            nodes={node: node_record(node) for node in nodes},
            verdicts=dict.fromkeys(nodes, on_duty),
        )
    )
    artifact = Artifact(f"{BASE}:1.0.0")
    life.apply([SliceSpec(artifact=artifact, instances=instances, update=update)])
    life.settle()
    return life


update_ways = st.builds(
    Update,
    strategy=st.sampled_from(["rolling", "immediate"]),
    max_surge=st.none() | st.integers(1, 4),
)


@given(st.integers(1, 8), update_ways, st.booleans(), st.integers(0, 99))
@settings(deadline=None, max_examples=15)
def test_an_update_that_goes_well_never_serves_fewer_than_the_target(
    instances: int, update: Update, version_changes: bool, seed: int
) -> None:
    life, dice = life_of(instances, update), Random(seed)
    if version_changes:
        life.change(BASE, artifact=Artifact(f"{BASE}:2.0.0"))
    else:
        life.change(BASE, timeout_s=3.0)
    for _ in range(40):
        life.pass_time(dice, 1, share=0.9)
        assert serving(life.view, BASE) >= instances
    life.settle()
    wishes = life.view.wanted
    assert len(wishes) == instances
    assert all(wish.timeout_s == (None if version_changes else 3.0) for wish in wishes.values())


@given(st.integers(1, 8), update_ways, st.sampled_from(["fatal", "transient"]), st.integers(0, 99))
@settings(deadline=None, max_examples=15)
def test_an_update_that_fails_stops_and_the_old_ones_serve_on_until_it_is_taken_back(
    instances: int, update: Update, kind: Literal["fatal", "transient"], seed: int
) -> None:
    life, dice = life_of(instances, update), Random(seed)
    bad = Artifact(f"{BASE}:2.0.0")
    life.broken[bad] = Failure(kind=kind, message="it does not start")
    life.change(BASE, artifact=bad)
    for _ in range(20):
        life.pass_time(dice, 1, step_s=31.0)
        assert serving(life.view, BASE) == instances
    new = [placed for placed in staying(life.view, BASE) if placed[1].artifact == bad]
    assert 1 <= len(new) <= max_surge(life.view.targets[BASE])
    life.change(BASE, artifact=Artifact(f"{BASE}:1.0.0"))
    life.settle()
    assert {placed[1].version for placed in life.view.wanted} == {"1.0.0"}
    assert serving(life.view, BASE) == instances
