"""Failures: waited out, tried again, given up, or left alone."""

from dataclasses import replace

import pytest

from aether.core.control.recovery import (
    RULES,
    Remedy,
    failure_of,
    forgiveness,
    is_done,
    remedy,
)
from aether.core.control.signals import ControlSettings, Restless, Signals
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import Failure
from aether.core.model.view import ClusterView
from tests.worlds import fact, nodes, placed, target, wish, with_instance

SETTINGS = ControlSettings()
WHERE = placed("n1", "org.example:shop:1.0.0/0")
TRANSIENT = Failure(kind="transient", message="port in use")
FATAL = Failure(kind="fatal", message="no module named shop")


def failed(
    failure: Failure, *, attempt: int = 0, desired: Desired = Desired.LOAD, observed: int = 3
) -> ClusterView:
    wanted = wish(desired, generation=3, attempt=attempt)
    return with_instance(nodes("n1"), *WHERE, wanted, fact(Phase.FAILED, observed, failure=failure))


def cure(view: ClusterView, *, for_s: float, generation: int = 1) -> Remedy | str | None:
    signals = Signals(reign_began=0.0, since={WHERE: 1000.0 - for_s})
    return remedy(view, WHERE, target(generation=generation), signals, SETTINGS, 1000.0)


def test_an_instance_that_is_well_needs_nothing() -> None:
    view = with_instance(nodes("n1"), *WHERE, wish(), fact())
    assert cure(view, for_s=9999) is None
    assert is_done(view, WHERE)


@pytest.mark.parametrize(("attempt", "backoff"), [(0, 1), (1, 2), (2, 4), (3, 8)])
def test_a_transient_failure_is_tried_again_after_a_growing_pause(
    attempt: int, backoff: int
) -> None:
    view = failed(TRANSIENT, attempt=attempt)
    early = cure(view, for_s=backoff - 0.1)
    assert isinstance(early, str)
    assert "port in use" in early
    late = cure(view, for_s=backoff)
    assert isinstance(late, Remedy)
    assert late.action == "retry"
    assert (late.record.desired, late.record.generation) == (Desired.LOAD, 4)
    assert late.record.attempt == attempt + 1


def test_the_pause_never_exceeds_thirty_seconds() -> None:
    assert SETTINGS.backoff_s(4) == 16.0
    assert SETTINGS.backoff_s(40) == 30.0


def test_after_five_tries_the_node_is_given_up_and_remembered() -> None:
    last = cure(failed(TRANSIENT, attempt=4), for_s=60)
    assert isinstance(last, Remedy)
    assert last.action == "give_up"
    assert last.record.desired is Desired.UNLOAD
    assert last.record.tried == ("n1",)
    assert "5 tries" in last.because.text


def test_a_fatal_failure_waits_for_the_blueprint_to_change() -> None:
    assert isinstance(cure(failed(FATAL), for_s=9999), str)
    renewed = cure(failed(FATAL), for_s=0, generation=2)
    assert isinstance(renewed, Remedy)
    assert renewed.record.target_generation == 2
    assert renewed.record.attempt == 0


def test_a_failure_of_an_older_wish_says_nothing_about_the_present_one() -> None:
    assert cure(failed(TRANSIENT, observed=2), for_s=10) is None


def test_a_failure_of_an_earlier_life_of_the_node_says_nothing() -> None:
    stale = fact(Phase.FAILED, 3, incarnation="life-0", failure=FATAL)
    view = with_instance(nodes("n1"), *WHERE, wish(Desired.LOAD, 3), stale)
    assert cure(view, for_s=10) is None


def test_a_step_that_takes_three_times_its_time_is_a_failure() -> None:
    loading = fact(Phase.LOADING, 3)
    view = with_instance(nodes("n1"), *WHERE, wish(Desired.LOAD, 3), loading)
    before = Signals(reign_began=0.0, since={WHERE: 1000.0 - 359})
    after = replace(before, since={WHERE: 1000.0 - 361})
    assert failure_of(view, WHERE, before, 1000.0) is None
    stuck = failure_of(view, WHERE, after, 1000.0)
    assert stuck is not None
    assert stuck.kind == "transient"
    assert "stuck" in stuck.message


def test_a_node_that_keeps_answering_an_older_wish_with_failure_is_stuck_in_the_end() -> None:
    view = failed(TRANSIENT, observed=2)
    assert cure(view, for_s=359) is None
    late = cure(view, for_s=361)
    assert isinstance(late, Remedy)
    assert "stuck" in late.because.text


def test_a_fact_of_an_earlier_life_does_not_keep_a_step_from_being_stuck() -> None:
    stale = fact(Phase.ACTIVE, 3, incarnation="life-0")
    view = with_instance(nodes("n1"), *WHERE, wish(Desired.ACTIVATE, 3), stale)
    assert cure(view, for_s=179) is None
    assert isinstance(cure(view, for_s=181), Remedy)


def cure_with(options: tuple[bool, bool], attempt: int) -> Remedy:
    signals = Signals(reign_began=0.0, since={WHERE: 0.0})
    view = failed(TRANSIENT, attempt=attempt)
    found = remedy(view, WHERE, target(), signals, SETTINGS, 1000.0, options=lambda: options)
    assert isinstance(found, Remedy)
    assert RULES["recover"](found.because.inputs) == found.because.inputs["decision"]
    return found


def test_where_no_other_node_is_left_it_is_tried_on_and_says_so() -> None:
    again = cure_with((False, False), attempt=7)
    assert again.action == "retry"
    assert again.record.attempt == 8
    assert again.because.rejected == {"give the node up": "no other node could take it"}


def test_nodes_that_gave_it_up_get_a_second_chance_after_three_rounds() -> None:
    assert cure_with((False, True), attempt=13).action == "retry"
    over = cure_with((False, True), attempt=14)
    assert over.action == "give_up"
    assert over.record.tried == ("n1",)


def test_service_forgives_tries_after_a_minute_and_nodes_after_ten() -> None:
    wanted = replace(wish(attempt=2), tried=(WHERE[0],))
    view = with_instance(nodes("n1"), *WHERE, wanted, fact())

    def after(seconds: float) -> Remedy | None:
        signals = Signals(reign_began=0.0, since={WHERE: 1000.0 - seconds})
        return forgiveness(view, WHERE, signals, SETTINGS, 1000.0)

    assert after(60) is None
    minute, ten = after(61), after(601)
    assert minute is not None
    assert (minute.record.attempt, minute.record.tried) == (0, (WHERE[0],))
    assert ten is not None
    assert (ten.record.attempt, ten.record.tried) == (0, ())
    assert RULES["recover"](ten.because.inputs) == "forgive nodes"


def cure_restless(view: ClusterView, lives: int, for_s: float) -> Remedy | str | None:
    restless = {WHERE: Restless(lives, 1000.0 - for_s)}
    signals = Signals(reign_began=0.0, since={WHERE: 999.0}, restless=restless)
    return remedy(view, WHERE, target(), signals, SETTINGS, 1000.0)


def test_an_instance_leaves_a_node_that_begins_life_after_life() -> None:
    """Each life is too short for a step to be stuck, and every one of them begins the wait anew."""
    view = with_instance(nodes("n1"), *WHERE, wish(Desired.ACTIVATE, 3), fact(Phase.LOADING, 3))
    assert cure_restless(view, 4, 60.0) is None
    early = cure_restless(view, 5, 10.0)
    assert isinstance(early, str)
    assert "n1 began 5 lives" in early
    late = cure_restless(view, 5, 20.0)
    assert isinstance(late, Remedy)
    assert (late.action, late.record.desired, late.record.tried) == (
        "give_up",
        Desired.UNLOAD,
        ("n1",),
    )
    assert RULES["recover"](late.because.inputs) == late.because.inputs["decision"]
    serving = with_instance(nodes("n1"), *WHERE, wish(Desired.ACTIVATE, 3), fact(Phase.ACTIVE, 3))
    assert cure_restless(serving, 9, 900.0) is None
