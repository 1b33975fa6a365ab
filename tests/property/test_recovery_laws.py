"""Laws of recovery: nothing is tried for ever in haste, and nothing is left alone for ever."""

from dataclasses import replace
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.control.recovery import (
    MOST_COUNTED,
    MOST_LIVES,
    Failed,
    Proven,
    Remedy,
    cure,
    failure_of,
    forgive,
    is_done,
    remedy,
)
from aether.core.control.signals import ControlSettings, Restless, Signals
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.lifecycle import STEP_TIMEOUT_S, Desired, Phase
from aether.core.model.plan import Wish
from aether.core.model.records import Failure, SliceSpec, Verdict, VerdictRecord, WantedRecord
from aether.core.model.view import ClusterView
from tests.lives import Life, serving
from tests.worlds import fact, node_record, nodes, placed, target, with_instance

BASE = SliceBase("org.example:shop")
WHERE = placed("n1", f"{BASE}:1.0.0/0")
SETTINGS = ControlSettings()

failures = st.builds(
    Failed,
    kind=st.sampled_from(["fatal", "transient"]),
    message=st.just("it broke"),
    failed_for_s=st.floats(0, 1000),
    attempt=st.integers(0, 40),
    tries_per_node=st.integers(1, 9),
    backoff_s=st.sampled_from([1.0, 4.0, 30.0]),
    replaces_another=st.booleans(),
    blueprint_changed=st.booleans(),
    elsewhere=st.booleans(),
    others=st.booleans(),
)


@given(failures, st.floats(0, 1000))
def test_what_is_to_be_done_stays_to_be_done(asked: Failed, longer_s: float) -> None:
    now = cure(asked)
    later = cure(replace(asked, failed_for_s=asked.failed_for_s + longer_s))
    assert now in ("wait", later)


@given(failures)
def test_a_fatal_failure_is_tried_again_only_for_a_new_blueprint(asked: Failed) -> None:
    done = cure(replace(asked, kind="fatal"))
    assert done != "retry"
    assert (done == "wait") == (not asked.replaces_another and not asked.blueprint_changed)


@given(failures)
def test_a_transient_failure_never_waits_longer_than_its_back_off_nor_acts_before(
    asked: Failed,
) -> None:
    done = cure(replace(asked, kind="transient"))
    assert (done == "wait") == (asked.failed_for_s < asked.backoff_s)


@given(failures)
def test_a_node_is_given_up_only_after_its_tries_and_for_another(asked: Failed) -> None:
    done = cure(replace(asked, kind="transient", replaces_another=False))
    if done in ("give up", "start over"):
        assert asked.attempt + 1 >= asked.tries_per_node
        assert asked.elsewhere or asked.others


@given(st.integers(0, 10**6))
def test_tries_are_counted_to_a_bound_and_never_end(attempt: int) -> None:
    wish = WantedRecord(
        desired=Desired.LOAD, generation=5, target_generation=1, attempt=min(attempt, MOST_COUNTED)
    )
    failure = Failure(kind="transient", message="the database is down")
    view = with_instance(nodes("n1"), *WHERE, wish, fact(Phase.FAILED, 5, failure=failure))
    again = remedy(
        view,
        WHERE,
        target(),
        Signals(reign_began=0.0, since={WHERE: 0.0}),
        SETTINGS,
        1000.0,
        options=lambda: (False, False),
    )
    assert isinstance(again, Remedy)
    assert again.record.generation == 6
    assert again.record.attempt == min(wish.attempt + 1, MOST_COUNTED)


@given(st.integers(0, 12), st.floats(0.0, 600.0, allow_nan=False), st.booleans())
def test_restless_instances_wait_within_bounds_and_go_where_there_is_another_node(
    lives: int,
    for_s: float,
    elsewhere: bool,
) -> None:
    wish = WantedRecord(desired=Desired.ACTIVATE, generation=5, target_generation=1)
    view = with_instance(nodes("n1"), *WHERE, wish, fact(Phase.LOADING, 5))
    signals = Signals(
        reign_began=0.0,
        since={WHERE: 999.0},
        restless={WHERE: Restless(lives, 1000.0 - for_s)},
    )
    found = remedy(
        view, WHERE, target(), signals, SETTINGS, 1000.0, options=lambda: (elsewhere, elsewhere)
    )
    assert (found is None) == (lives < MOST_LIVES)
    if lives >= MOST_LIVES and for_s > SETTINGS.backoff_most_s:
        assert isinstance(found, Remedy)
        assert found.action == ("give_up" if elsewhere else "retry")


wishes = st.builds(
    WantedRecord,
    desired=st.sampled_from([Desired.LOAD, Desired.ACTIVATE]),
    generation=st.integers(1, 5),
    target_generation=st.just(1),
    parked=st.just(value=False),
)
facts = st.none() | st.builds(
    fact,
    state=st.sampled_from(Phase),
    observed=st.integers(0, 5),
    incarnation=st.sampled_from(["life-0", "life-1"]),
)


@given(wishes, facts)
def test_whatever_a_node_says_or_leaves_unsaid_is_done_or_fails_in_the_end(
    wanted: WantedRecord, phase: object
) -> None:
    view = with_instance(nodes("n1"), *WHERE, wanted, phase)  # type: ignore[arg-type] # a PhaseRecord or None
    limit = 3 * STEP_TIMEOUT_S[wanted.desired]
    signals = Signals(reign_began=0.0, since={WHERE: 0.0})
    failure = failure_of(view, WHERE, signals, limit + 1)
    assert is_done(view, WHERE) == (failure is None)


@given(
    st.builds(
        Proven,
        active_for_s=st.floats(0, 2000),
        attempt=st.integers(0, 9),
        tried=st.just(()) | st.just((NodeId("n1"),)),
        proven_after_s=st.just(60.0),
        forgive_after_s=st.just(600.0),
    )
)
def test_what_is_forgiven_was_held_against_it_and_long_service_forgives_all(asked: Proven) -> None:
    done = forgive(asked)
    if done == "forgive nodes":
        assert asked.tried
    if done == "forgive tries":
        assert asked.attempt
    if asked.active_for_s > asked.forgive_after_s:
        assert (done == "none") == (not asked.tried and not asked.attempt)


def life_of(count: int) -> Life:
    names = [NodeId(f"n{number}") for number in range(count)]
    on_duty = VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-1")
    life = Life(
        ClusterView(
            nodes={name: node_record(name) for name in names},
            verdicts=dict.fromkeys(names, on_duty),
        )
    )
    life.apply([SliceSpec(artifact=Artifact(f"{BASE}:1.0.0"))])
    return life


@given(st.integers(1, 4), st.integers(10, 40))
@settings(deadline=None, max_examples=8)
def test_a_slice_that_fails_everywhere_is_tried_without_haste_and_without_end(
    count: int, minutes: int
) -> None:
    """After its tries on every node it is tried every 30 s; when it is mended it serves soon."""
    life = life_of(count)
    life.broken[Artifact(f"{BASE}:1.0.0")] = Failure(
        kind="transient", message="no route to its data"
    )
    loads: list[float] = []
    dice = Random(1)
    for _ in range(minutes * 12):
        life.now += 5.0
        plan = life.look()
        loads += [
            life.now
            for command in plan.commands
            if isinstance(command, Wish) and command.record.desired is Desired.LOAD
        ]
        life.answer(dice)
    gaps = [after - before for before, after in pairwise(loads)]
    assert max(gaps) <= SETTINGS.backoff_most_s + 10.0
    early = SETTINGS.tries_per_node * count
    assert len(loads) <= early + minutes * 60 / 20 + 5
    life.broken.clear()
    life.pass_time(dice, 20, step_s=5.0)
    assert serving(life.view, BASE) == 1
