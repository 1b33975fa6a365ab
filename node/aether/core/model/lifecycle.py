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
    HOST_FOUND = "host found"
    """The host is as the wish asks already: it outlived the node process that started it."""
    HOST_EXITED = "host exited"


_ANY: tuple[Phase | None, ...] = (None, *Phase)
_ROWS: tuple[tuple[tuple[Phase | None, ...], Desired, Event, Phase | None], ...] = (
    # A load begins afresh whatever was there before: an earlier try, or another life of the node.
    (_ANY, Desired.LOAD, Event.STEP_BEGAN, Phase.LOADING),
    ((Phase.LOADING,), Desired.LOAD, Event.STEP_DONE, Phase.LOADED),
    (_ANY, Desired.LOAD, Event.STEP_FAILED, Phase.FAILED),
    (_ANY, Desired.LOAD, Event.HOST_FOUND, Phase.LOADED),
    # What the host is decides which step begins, and the fact may lag behind it: a wish that changes
    # midway, or a store that cannot answer, leaves the end of a step unwritten. What was parked and is
    # wanted again still says DEACTIVATING, what was loaded while nothing could be written still LOADING.
    (_ANY, Desired.ACTIVATE, Event.STEP_BEGAN, Phase.ACTIVATING),
    ((Phase.ACTIVATING,), Desired.ACTIVATE, Event.STEP_DONE, Phase.ACTIVE),
    (_ANY, Desired.ACTIVATE, Event.STEP_FAILED, Phase.FAILED),
    (_ANY, Desired.ACTIVATE, Event.HOST_FOUND, Phase.ACTIVE),
    (_ANY, Desired.DEACTIVATE, Event.STEP_BEGAN, Phase.DEACTIVATING),
    ((Phase.DEACTIVATING,), Desired.DEACTIVATE, Event.STEP_DONE, Phase.LOADED),
    (_ANY, Desired.DEACTIVATE, Event.STEP_FAILED, Phase.FAILED),
    (_ANY, Desired.DEACTIVATE, Event.HOST_FOUND, Phase.LOADED),
    (_ANY, Desired.UNLOAD, Event.STEP_BEGAN, Phase.UNLOADING),
    ((Phase.UNLOADING,), Desired.UNLOAD, Event.STEP_DONE, None),
    *(
        (_ANY, desired, Event.HOST_EXITED, Phase.FAILED)
        for desired in (Desired.LOAD, Desired.ACTIVATE, Desired.DEACTIVATE)
    ),
)

LIFECYCLE: Mapping[tuple[Phase | None, Desired, Event], Phase | None] = {
    (before, step, event): after for befores, step, event, after in _ROWS for before in befores
}
"""(phase before, step being carried out, event) → phase after; None is "gone" or "not known".

A phase written in an earlier life of the node counts as None.
"""

STEP_TIMEOUT_S: Mapping[Desired, float] = {
    Desired.LOAD: 120.0,
    Desired.ACTIVATE: 60.0,
    Desired.DEACTIVATE: 30.0,
    Desired.UNLOAD: 120.0,
}
"""Longest time a node may take for a step, in seconds (DESIGN §5); three times that is stuck."""


def advance(phase: Phase | None, step: Desired, event: Event) -> Phase | None:
    """Return the phase after `event`; raise KeyError for a transition that does not exist."""
    return LIFECYCLE[phase, step, event]
