"""What a node does next for an instance, for every combination that can occur."""

import itertools
from typing import Literal

import pytest

from aether.core.agent.steps import HostFact, Step, must_abort, must_configure, next_step
from aether.core.model.lifecycle import Desired, Event, Phase, advance
from aether.core.model.records import PhaseRecord, WantedRecord
from tests.worlds import fact, wish

LOADED = HostFact("loaded", 1)
ACTIVE = HostFact("active", 1)
STARTING = HostFact("unsettled", 1)
SILENT = HostFact("unsettled", 0)
"""A new launcher knows its process, and has not heard from it yet."""
HUNG = HostFact("unsettled", 1, unsettled_s=121.0)


@pytest.mark.parametrize(
    ("wanted", "phase", "host", "expected"),
    [
        # a fresh instance: load, then wait, then activate, then rest
        (wish(Desired.LOAD, 1), None, None, Step.LOAD),
        (wish(Desired.LOAD, 1), fact(Phase.LOADED, 1), LOADED, None),
        (wish(Desired.ACTIVATE, 2), fact(Phase.LOADED, 1), LOADED, Step.ACTIVATE),
        (wish(Desired.ACTIVATE, 2), fact(Phase.ACTIVE, 2), ACTIVE, None),
        # a failure waits for the leader, and a newer wish begins afresh
        (wish(Desired.LOAD, 1), fact(Phase.FAILED, 1), None, None),
        (wish(Desired.LOAD, 2), fact(Phase.FAILED, 1), None, Step.LOAD),
        (wish(Desired.LOAD, 2), fact(Phase.FAILED, 1), LOADED, Step.LOAD),
        # the node was killed: facts of its earlier life prove nothing
        (wish(Desired.ACTIVATE, 2), fact(Phase.ACTIVE, 2, "life-0"), None, Step.LOAD),
        (wish(Desired.ACTIVATE, 2), fact(Phase.ACTIVE, 2, "life-0"), ACTIVE, Step.REPORT_ACTIVE),
        (wish(Desired.LOAD, 1), fact(Phase.LOADED, 1, "life-0"), LOADED, Step.REPORT_LOADED),
        # the host ended by itself
        (wish(Desired.ACTIVATE, 2), fact(Phase.ACTIVE, 2), None, Step.REPORT_VANISHED),
        (wish(Desired.ACTIVATE, 2), fact(Phase.LOADED, 1), None, Step.REPORT_VANISHED),
        (wish(Desired.LOAD, 1), fact(Phase.LOADED, 1), None, Step.REPORT_VANISHED),
        # a host that may yet turn out to be loaded, or to serve, is waited for
        (wish(Desired.ACTIVATE, 2), fact(Phase.ACTIVE, 2), SILENT, None),
        (wish(Desired.ACTIVATE, 2), fact(Phase.ACTIVE, 2, "life-0"), SILENT, None),
        (wish(Desired.LOAD, 1), fact(Phase.LOADING, 1, "life-0"), STARTING, None),
        (wish(Desired.LOAD, 1), None, SILENT, Step.LOAD),
        (wish(Desired.LOAD, 2), fact(Phase.FAILED, 1), STARTING, Step.LOAD),
        (wish(Desired.DEACTIVATE, 3), fact(Phase.ACTIVE, 2), SILENT, None),
        (wish(Desired.UNLOAD, 4), fact(Phase.LOADED, 3), SILENT, Step.UNLOAD),
        (None, None, STARTING, Step.UNLOAD),
        # one that has not said what it is for longer than any step may take is given up
        (wish(Desired.LOAD, 1), fact(Phase.LOADING, 1, "life-0"), HUNG, Step.GIVE_HOST_UP),
        (wish(Desired.ACTIVATE, 2), fact(Phase.ACTIVE, 2), HUNG, Step.GIVE_HOST_UP),
        (wish(Desired.DEACTIVATE, 3), fact(Phase.ACTIVE, 2), HUNG, Step.GIVE_HOST_UP),
        (wish(Desired.LOAD, 2), fact(Phase.FAILED, 1), HUNG, Step.LOAD),
        (wish(Desired.UNLOAD, 4), fact(Phase.LOADED, 3), HUNG, Step.UNLOAD),
        # leaving
        (wish(Desired.DEACTIVATE, 3), fact(Phase.ACTIVE, 2), ACTIVE, Step.DEACTIVATE),
        (wish(Desired.DEACTIVATE, 3), fact(Phase.LOADED, 3), LOADED, None),
        (wish(Desired.DEACTIVATE, 3), fact(Phase.ACTIVE, 2), None, Step.REPORT_VANISHED),
        (wish(Desired.UNLOAD, 4), fact(Phase.LOADED, 3), LOADED, Step.UNLOAD),
        (wish(Desired.UNLOAD, 4), None, None, None),
        # nobody asks for it any more
        (None, fact(), ACTIVE, Step.UNLOAD),
        (None, None, ACTIVE, Step.UNLOAD),
        (None, None, None, None),
    ],
)
def test_the_table(
    wanted: WantedRecord | None,
    phase: PhaseRecord | None,
    host: HostFact | None,
    expected: Step | None,
) -> None:
    assert next_step(wanted, phase, host, "life-1") == expected


def test_every_combination_has_an_answer_and_an_unwanted_host_is_always_ended() -> None:
    for desired, state, life, host in itertools.product(
        [None, *Desired], [None, *Phase], ["life-0", "life-1"], [None, LOADED, ACTIVE, STARTING]
    ):
        wanted = None if desired is None else wish(desired, 2)
        phase = None if state is None else fact(state, 1, life)
        step = next_step(wanted, phase, host, "life-1")
        if wanted is None and (host or phase):
            assert step is Step.UNLOAD


@pytest.mark.parametrize("step", [Step.LOAD, Step.ACTIVATE, Step.REPORT_ACTIVE])
def test_work_for_a_wish_that_is_gone_is_aborted(step: Step) -> None:
    assert must_abort(step, None)
    assert must_abort(step, wish(Desired.UNLOAD))
    assert not must_abort(step, wish(Desired.ACTIVATE))


def test_ending_a_host_is_never_aborted() -> None:
    assert not must_abort(Step.UNLOAD, None)
    assert not must_abort(Step.DEACTIVATE, wish(Desired.UNLOAD))


@pytest.mark.parametrize(
    ("wanted", "phase", "host", "step"),
    [
        # it was parked, the fact of that was not written, and it is wanted again
        (wish(Desired.ACTIVATE, 4), fact(Phase.DEACTIVATING, 3), LOADED, Step.ACTIVATE),
        # it was being activated, the fact of that was not written, and it is parked
        (wish(Desired.DEACTIVATE, 5), fact(Phase.ACTIVATING, 4), ACTIVE, Step.DEACTIVATE),
    ],
)
def test_a_step_may_begin_although_the_fact_of_the_one_before_was_not_written(
    wanted: WantedRecord, phase: PhaseRecord, host: HostFact, step: Step
) -> None:
    assert next_step(wanted, phase, host, "life-1") is step
    assert advance(phase.state, wanted.desired, Event.STEP_BEGAN) is not None


@pytest.mark.parametrize(
    ("step", "desired", "state", "has", "configures"),
    [
        (None, Desired.ACTIVATE, "active", "old", True),
        (None, Desired.ACTIVATE, "active", "new", False),
        (None, Desired.ACTIVATE, "active", "", False),
        (None, Desired.ACTIVATE, "unsettled", "old", False),
        (Step.ACTIVATE, Desired.ACTIVATE, "loaded", "old", True),
        (None, Desired.DEACTIVATE, "loaded", "old", True),
        (Step.DEACTIVATE, Desired.DEACTIVATE, "active", "old", False),
        (Step.REPORT_ACTIVE, Desired.ACTIVATE, "active", "old", False),
        (None, Desired.UNLOAD, "active", "old", False),
    ],
)
def test_settings_are_given_before_a_start_or_when_nothing_else_is_due(
    step: Step | None,
    desired: Desired,
    state: Literal["loaded", "active", "unsettled"],
    has: str,
    configures: bool,
) -> None:
    host = HostFact(state, 1, has)
    assert must_configure(step, wish(desired), host, "new") is configures
    assert not must_configure(step, None, host, "new")
    assert not must_configure(step, wish(desired), None, "new")


def test_a_slice_that_thinks_about_its_settings_holds_up_no_stop() -> None:
    assert must_abort(Step.CONFIGURE, wish(Desired.DEACTIVATE))
    assert must_abort(Step.CONFIGURE, wish(Desired.UNLOAD))
    assert not must_abort(Step.CONFIGURE, wish(Desired.ACTIVATE))


_BEGINS = {
    Step.LOAD: Desired.LOAD,
    Step.ACTIVATE: Desired.ACTIVATE,
    Step.DEACTIVATE: Desired.DEACTIVATE,
    Step.UNLOAD: Desired.UNLOAD,
}
_FINDS = {Step.REPORT_LOADED, Step.REPORT_ACTIVE}


def test_no_state_an_agent_can_see_leads_to_a_transition_that_does_not_exist() -> None:
    hosts = [None, LOADED, ACTIVE, STARTING, SILENT, HostFact("loaded", 4), HostFact("active", 5)]
    tried = 0
    for desired, phase, generation, host in itertools.product(
        Desired, (None, *Phase), (4, 5), hosts
    ):
        seen = fact(phase, generation) if phase is not None else None
        step = next_step(wish(desired, 5), seen, host, "life-1")
        if step is None:
            continue
        event = Event.HOST_FOUND if step in _FINDS else Event.HOST_EXITED
        if step in _BEGINS:
            advance(phase, _BEGINS[step], Event.STEP_BEGAN)
        else:
            advance(phase, desired, event)
        tried += 1
    assert tried > 200
