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


def test_every_step_can_begin_anywhere() -> None:
    """The host decides what is to be done; the fact may lag behind it."""
    for phase in (None, *Phase):
        assert advance(phase, Desired.LOAD, Event.STEP_BEGAN) is Phase.LOADING
        assert advance(phase, Desired.ACTIVATE, Event.STEP_BEGAN) is Phase.ACTIVATING
        assert advance(phase, Desired.DEACTIVATE, Event.STEP_BEGAN) is Phase.DEACTIVATING
        assert advance(phase, Desired.UNLOAD, Event.STEP_BEGAN) is Phase.UNLOADING


def test_a_host_that_exits_fails_its_instance_unless_that_was_the_plan() -> None:
    for phase, step in itertools.product((None, *Phase), Desired):
        if step is Desired.UNLOAD:
            assert (phase, step, Event.HOST_EXITED) not in LIFECYCLE
        else:
            assert advance(phase, step, Event.HOST_EXITED) is Phase.FAILED


def test_a_host_found_as_wished_is_what_is_wished() -> None:
    assert advance(None, Desired.ACTIVATE, Event.HOST_FOUND) is Phase.ACTIVE
    assert advance(None, Desired.LOAD, Event.HOST_FOUND) is Phase.LOADED
    assert advance(Phase.DEACTIVATING, Desired.DEACTIVATE, Event.HOST_FOUND) is Phase.LOADED


@pytest.mark.parametrize(
    ("phase", "step", "event"),
    [
        (None, Desired.ACTIVATE, Event.STEP_DONE),
        (Phase.LOADED, Desired.ACTIVATE, Event.STEP_DONE),
        (Phase.LOADING, Desired.ACTIVATE, Event.STEP_DONE),
        (Phase.ACTIVE, Desired.UNLOAD, Event.STEP_DONE),
    ],
)
def test_a_transition_that_does_not_exist_is_an_error(
    phase: Phase | None, step: Desired, event: Event
) -> None:
    with pytest.raises(KeyError):
        advance(phase, step, event)
