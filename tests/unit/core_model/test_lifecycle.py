"""The one table of transitions."""

import itertools

import pytest

from aether.core.model.lifecycle import LIFECYCLE, Desired, Event, Phase, advance


def test_the_ordinary_life() -> None:
    phase: Phase | None = None
    for step, seen in (
        (Desired.LOAD, [Phase.LOADING, Phase.LOADED]),
        (Desired.ACTIVATE, [Phase.ACTIVATING, Phase.ACTIVE]),
        (Desired.DEACTIVATE, [Phase.DEACTIVATING, Phase.LOADED]),
        (Desired.UNLOAD, [Phase.UNLOADING, None]),
    ):
        for event, expected in zip((Event.STEP_BEGAN, Event.STEP_DONE), seen, strict=True):
            phase = advance(phase, step, event)
            assert phase is expected


def test_every_phase_can_be_reached_and_left() -> None:
    reached = {after for after in LIFECYCLE.values() if after}
    left = {before for before, _, _ in LIFECYCLE if before}
    assert reached == set(Phase)
    assert left == set(Phase)


def test_unload_is_possible_from_everywhere() -> None:
    for phase in set(Phase) - {Phase.UNLOADING}:
        assert advance(phase, Desired.UNLOAD, Event.STEP_BEGAN) is Phase.UNLOADING


def test_a_host_that_exits_fails_its_instance_unless_that_was_the_plan() -> None:
    for phase, step in itertools.product(Phase, Desired):
        expected = phase if phase in (Phase.UNLOADING, Phase.FAILED) else Phase.FAILED
        assert advance(phase, step, Event.HOST_EXITED) is expected


def test_a_transition_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        advance(Phase.ACTIVE, Desired.LOAD, Event.STEP_BEGAN)
