"""Laws of taking away: it always ends, in order, and touches nothing else."""

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.control.removal import Departure, Surplus, is_leaving, is_surplus, next_step
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.lifecycle import STEP_TIMEOUT_S, Desired, Phase
from aether.core.model.plan import Wish
from aether.core.model.records import (
    Dependency,
    OnDependencyLoss,
    SliceSpec,
    Verdict,
    VerdictRecord,
)
from aether.core.model.view import ClusterView
from tests.lives import Life, serving, staying
from tests.worlds import node_record

BASES = [SliceBase(f"org.example:s{number}") for number in range(4)]
LOSS: tuple[OnDependencyLoss, ...] = ("cascade", "degrade", "block")

departures = st.builds(
    Departure,
    desired=st.sampled_from(Desired),
    leaving=st.booleans(),
    phase=st.none() | st.sampled_from(Phase),
    answered=st.booleans(),
    gone=st.booleans(),
    waited_s=st.floats(0, 1000),
    limit_s=st.sampled_from([90.0, 360.0]),
)


@given(departures)
def test_no_step_out_lasts_longer_than_its_limit(asked: Departure) -> None:
    assert next_step(replace(asked, waited_s=asked.limit_s + 1)) != "wait"


@given(departures)
def test_an_instance_is_forgotten_only_after_it_was_to_be_unloaded(asked: Departure) -> None:
    if next_step(asked) == "forget":
        assert asked.leaving
        assert asked.desired is not Desired.DEACTIVATE
        assert asked.gone or asked.waited_s > asked.limit_s


@given(departures)
def test_what_serves_is_drained_first(asked: Departure) -> None:
    first = next_step(replace(asked, leaving=False, phase=Phase.ACTIVE))
    assert first == "DEACTIVATE"
    other = Phase.LOADED if asked.phase is Phase.ACTIVE else asked.phase
    assert next_step(replace(asked, leaving=False, phase=other)) == "UNLOAD"


@given(st.integers(0, 30), st.integers(0, 30))
def test_exactly_the_surplus_goes(wanted: int, present: int) -> None:
    ends = [
        is_surplus(Surplus(wanted=wanted, present=present, rank=rank, serves=True))
        for rank in range(present)
    ]
    assert ends.count("end") == max(0, present - wanted)


def life_of(mode: OnDependencyLoss) -> Life:
    """Four slices in a line, each requiring the one before, twice on two nodes."""
    nodes = [NodeId("n0"), NodeId("n1")]
    on_duty = VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-1")
    life = Life(
        ClusterView(
            nodes={node: node_record(node) for node in nodes},
            verdicts=dict.fromkeys(nodes, on_duty),
        )
    )
    life.apply(
        SliceSpec(
            artifact=Artifact(f"{base}:1.0.0"),
            instances=2,
            dependencies=tuple(Dependency(slice=need) for need in BASES[max(0, n - 1) : n]),
            on_dependency_loss=mode,
        )
        for n, base in enumerate(BASES)
    )
    life.settle()
    return life


@given(st.sets(st.sampled_from(BASES), min_size=1), st.sampled_from(LOSS), st.integers(0, 99))
@settings(deadline=None, max_examples=8)
def test_slices_go_after_those_that_need_them_and_the_others_stay(
    removed: set[SliceBase], mode: OnDependencyLoss, seed: int
) -> None:
    life, dice = life_of(mode), Random(seed)
    kept = [spec for base, spec in life.specs().items() if base not in removed]
    life.apply(kept)
    for _ in range(30):
        life.now += 1.0
        commands = life.look().commands
        held = {placed[1].base for placed in life.view.wanted}
        for command in commands:
            if isinstance(command, Wish) and is_leaving(command.record):
                base = command.instance.base
                assert base in removed
                later = BASES[BASES.index(base) + 1 :][:1]
                assert not {*later} & removed & held, "what needs it is still there"
        life.answer(dice, share=0.8)
    assert {placed[1].base for placed in life.view.wanted} == set(BASES) - removed
    assert life.view.targets.keys() == set(BASES) - removed
    for base in set(BASES) - removed:
        assert len(staying(life.view, base)) == 2


def test_a_removal_ends_even_when_nodes_hang() -> None:
    """Nodes report and do nothing at all: each step is pushed on after three times its time-out."""
    life = life_of("cascade")
    life.apply([])
    patience = 4 * 3 * (STEP_TIMEOUT_S[Desired.DEACTIVATE] + STEP_TIMEOUT_S[Desired.UNLOAD])
    for _ in range(int(patience / 10.0) + 20):
        life.now += 10.0
        life.look()
    assert not life.view.wanted
    assert not life.view.targets
    assert serving(life.view, BASES[0]) == 0
