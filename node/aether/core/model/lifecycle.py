"""The life of an instance: every state and every legal transition, and nowhere else.

`Desired` is the leader's command (key family `wanted`), `Phase` the node's fact (key family
`phase`). A gone instance has no phase. The diagram in ARCHITECTURE.md shows this table.
"""

from collections.abc import Mapping
from enum import StrEnum


class Desired(StrEnum):
    """What the leader wants of an instance."""

    LOAD = "LOAD"
    ACTIVATE = "ACTIVATE"
    DEACTIVATE = "DEACTIVATE"
    UNLOAD = "UNLOAD"


class Phase(StrEnum):
    """What an instance is, as its node sees it."""

    LOADING = "LOADING"
    LOADED = "LOADED"
    ACTIVATING = "ACTIVATING"
    ACTIVE = "ACTIVE"
    DEACTIVATING = "DEACTIVATING"
    UNLOADING = "UNLOADING"
    FAILED = "FAILED"


class Event(StrEnum):
    """What happens to an instance on its node."""

    STEP_BEGAN = "step began"
    STEP_DONE = "step done"
    STEP_FAILED = "step failed"
    HOST_EXITED = "host exited"


LIFECYCLE: Mapping[tuple[Phase | None, Desired, Event], Phase | None] = {
    (None, Desired.LOAD, Event.STEP_BEGAN): Phase.LOADING,
    (Phase.FAILED, Desired.LOAD, Event.STEP_BEGAN): Phase.LOADING,
    (Phase.LOADING, Desired.LOAD, Event.STEP_DONE): Phase.LOADED,
    (Phase.LOADING, Desired.LOAD, Event.STEP_FAILED): Phase.FAILED,
    (Phase.LOADED, Desired.ACTIVATE, Event.STEP_BEGAN): Phase.ACTIVATING,
    (Phase.ACTIVATING, Desired.ACTIVATE, Event.STEP_DONE): Phase.ACTIVE,
    (Phase.ACTIVATING, Desired.ACTIVATE, Event.STEP_FAILED): Phase.FAILED,
    (Phase.ACTIVE, Desired.DEACTIVATE, Event.STEP_BEGAN): Phase.DEACTIVATING,
    (Phase.DEACTIVATING, Desired.DEACTIVATE, Event.STEP_DONE): Phase.LOADED,
    (Phase.DEACTIVATING, Desired.DEACTIVATE, Event.STEP_FAILED): Phase.FAILED,
    (Phase.LOADING, Desired.UNLOAD, Event.STEP_BEGAN): Phase.UNLOADING,
    (Phase.LOADED, Desired.UNLOAD, Event.STEP_BEGAN): Phase.UNLOADING,
    (Phase.ACTIVATING, Desired.UNLOAD, Event.STEP_BEGAN): Phase.UNLOADING,
    (Phase.ACTIVE, Desired.UNLOAD, Event.STEP_BEGAN): Phase.UNLOADING,
    (Phase.DEACTIVATING, Desired.UNLOAD, Event.STEP_BEGAN): Phase.UNLOADING,
    (Phase.FAILED, Desired.UNLOAD, Event.STEP_BEGAN): Phase.UNLOADING,
    (Phase.UNLOADING, Desired.UNLOAD, Event.STEP_DONE): None,
}
"""(phase before, step of the leader being carried out, event) → phase after; None is "gone".

`HOST_EXITED` leads to FAILED from every phase but UNLOADING and FAILED, whatever was asked.
"""

STEP_TIMEOUT_S: Mapping[Desired, float] = {
    Desired.LOAD: 120.0,
    Desired.ACTIVATE: 60.0,
    Desired.DEACTIVATE: 30.0,
    Desired.UNLOAD: 120.0,
}
"""Longest time a node may take for a step, in seconds (DESIGN §5); three times that is stuck."""

STARTED: frozenset[Phase] = frozenset({Phase.ACTIVATING, Phase.ACTIVE, Phase.DEACTIVATING})
"""Phases in which the application's `start` has been called and its `stop` has not returned."""


def advance(phase: Phase | None, step: Desired, event: Event) -> Phase | None:
    """Return the phase after `event`; raise KeyError for a transition that does not exist."""
    if event is Event.HOST_EXITED:
        return phase if phase in (None, Phase.UNLOADING, Phase.FAILED) else Phase.FAILED
    return LIFECYCLE[phase, step, event]
