"""What a node does next for one of its instances: a function of wish, fact and host.

Level-triggered: it looks at how things stand, never at what happened. A node that was killed and
came back, a launcher whose hosts outlived it and a wish that changed midway all look like ordinary
states here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from aether.core.model.lifecycle import STEP_TIMEOUT_S, Desired, Phase
from aether.core.model.records import PhaseRecord, WantedRecord


class Step(StrEnum):
    """One piece of work for one instance."""

    LOAD = "load"
    """End any old host, fetch and unpack the artifact, start a host, import the slice."""
    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    UNLOAD = "unload"
    """End the host and remove the fact."""
    REPORT_LOADED = "report loaded"
    """The host is there already; only the fact is missing or out of date."""
    REPORT_ACTIVE = "report active"
    REPORT_VANISHED = "report vanished"
    """The fact says a host is there, and none is."""
    GIVE_HOST_UP = "give host up"
    """The host has not said what it is for longer than any step may take: end it and say so."""
    CONFIGURE = "configure"
    """The host has other settings than are in force: give it those."""


@dataclass(frozen=True, slots=True)
class HostFact:
    """What the launcher knows of an instance's host."""

    state: Literal["loaded", "active", "unsettled"]
    """`unsettled`: it starts, stops, or has not told a new launcher yet what it is."""
    generation: int
    """Generation of the wish the host was started for."""
    settings: str = ""
    """Digest of the settings it was given last; empty for a host that does not tell."""
    unsettled_s: float = 0.0
    """Seconds since this process has known it as unsettled."""


_FIRST_STEP: Mapping[Desired, Step] = {
    Desired.LOAD: Step.LOAD,
    Desired.ACTIVATE: Step.LOAD,
    Desired.DEACTIVATE: Step.REPORT_VANISHED,
    Desired.UNLOAD: Step.UNLOAD,
}


def next_step(
    wish: WantedRecord | None,
    phase: PhaseRecord | None,
    host: HostFact | None,
    incarnation: str,
) -> Step | None:
    """Return the next step for an instance, or None when nothing is to be done.

    `incarnation` is the present life of this node: a fact of an earlier life proves nothing.
    """
    if wish is None or wish.desired is Desired.UNLOAD:
        return Step.UNLOAD if host is not None or phase is not None else None
    current = phase if phase is not None and phase.incarnation == incarnation else None
    answered = current is not None and current.observed_generation >= wish.generation
    if current is not None and answered and current.state is Phase.FAILED:
        return None
    if host is None:
        return _without_host(wish, current, answered=answered)
    if host.state == "unsettled":
        # It may be serving: to end it here would turn the restart of a launcher into an outage.
        if wish.desired is Desired.LOAD and host.generation != wish.generation:
            return Step.LOAD  # it belongs to an earlier try
        return Step.GIVE_HOST_UP if host.unsettled_s > STEP_TIMEOUT_S[wish.desired] else None
    return _with_host(wish, current, host, answered=answered)


def _without_host(
    wish: WantedRecord, current: PhaseRecord | None, *, answered: bool
) -> Step | None:
    if current is not None and answered and current.state in (Phase.LOADED, Phase.ACTIVE):
        return Step.REPORT_VANISHED
    if wish.desired is Desired.ACTIVATE and current is not None and current.state is Phase.LOADED:
        return Step.REPORT_VANISHED  # it was loaded in this life and is not any more: a failure
    return _FIRST_STEP[wish.desired]


def _with_host(
    wish: WantedRecord, current: PhaseRecord | None, host: HostFact, *, answered: bool
) -> Step | None:
    match wish.desired, host.state:
        case Desired.LOAD, "loaded" if host.generation == wish.generation:
            done = answered and current is not None and current.state is Phase.LOADED
            return None if done else Step.REPORT_LOADED
        case Desired.LOAD, _:
            return Step.LOAD  # a host of an earlier try: start afresh
        case Desired.ACTIVATE, "loaded":
            return Step.ACTIVATE
        case Desired.ACTIVATE, _:
            done = answered and current is not None and current.state is Phase.ACTIVE
            return None if done else Step.REPORT_ACTIVE
        case Desired.DEACTIVATE, "active":
            return Step.DEACTIVATE
        case _:
            done = answered and current is not None and current.state is Phase.LOADED
            return None if done else Step.REPORT_LOADED


def must_configure(
    step: Step | None, wish: WantedRecord | None, host: HostFact | None, settings: str
) -> bool:
    """Whether the host is given `settings` (a digest) now: before it starts, or when nothing else is due."""
    if step not in (None, Step.ACTIVATE) or host is None or host.state == "unsettled":
        return False
    if wish is None or wish.desired is Desired.UNLOAD:
        return False
    return host.settings not in ("", settings)


def must_abort(step: Step, wish: WantedRecord | None) -> bool:
    """Whether a step under way serves a wish that no longer stands."""
    if wish is None or wish.desired is Desired.UNLOAD:
        return step not in (Step.UNLOAD, Step.DEACTIVATE)
    # Nobody who is to stop waits for a slice that thinks about its settings.
    return step is Step.CONFIGURE and wish.desired is Desired.DEACTIVATE
