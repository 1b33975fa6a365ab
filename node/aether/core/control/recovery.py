"""What to do about an instance that failed or is stuck: wait, try again, or give the node up.

Fatal failures stay until the blueprint changes, but one that was to take another's place just
goes: the other still serves. Transient ones are tried again on the same node
after 1, 2, 4 … 30 s; after five in a row the instance moves to another node.
"""

from dataclasses import dataclass, replace
from typing import Literal

from aether.core.control.moves import victim_of
from aether.core.control.signals import ControlSettings, Signals
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import STEP_TIMEOUT_S, Desired, Phase
from aether.core.model.reason import Reason
from aether.core.model.records import Failure, TargetRecord, WantedRecord
from aether.core.model.view import ClusterView, Placed

STUCK_FACTOR = 3
"""A step that has taken this many times its time-out counts as failed (DESIGN §5)."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A new wish for the instance, or `give_up` to have it placed elsewhere."""

    action: Literal["retry", "give_up"]
    record: WantedRecord
    because: Reason


def failure_of(view: ClusterView, placed: Placed, signals: Signals, now: float) -> Failure | None:
    """Return why the instance has failed, or None while it has not.

    A step that nobody reports on for three times its time-out is a transient failure.
    """
    wish, phase = view.wanted[placed], view.phases.get(placed)
    if phase is not None and phase.state is Phase.FAILED and view.is_current(placed):
        seen = phase.observed_generation >= wish.generation
        return (phase.failure or Failure(kind="transient", message="failed")) if seen else None
    if is_done(view, placed):
        return None
    limit = STUCK_FACTOR * STEP_TIMEOUT_S[wish.desired]
    if signals.in_state_for(placed, now) > limit:
        return Failure(kind="transient", message=f"{wish.desired} has been stuck for {limit:g} s")
    return None


def is_done(view: ClusterView, placed: Placed) -> bool:
    """Whether the node has answered the present wish."""
    wish, phase = view.wanted[placed], view.phases.get(placed)
    if phase is None or not view.is_current(placed):
        return False
    expected = {Desired.LOAD: Phase.LOADED, Desired.ACTIVATE: Phase.ACTIVE}
    return (
        phase.state is expected.get(wish.desired, Phase.LOADED)
        and phase.observed_generation >= wish.generation
    )


def remedy(
    view: ClusterView,
    placed: Placed,
    target: TargetRecord,
    signals: Signals,
    settings: ControlSettings,
    now: float,
) -> Remedy | str | None:
    """Return what to do now about a failed instance.

    None when it has not failed; a sentence when it has and nothing is to be done yet.
    """
    failure = failure_of(view, placed, signals, now)
    if failure is None:
        return None
    if failure.kind == "fatal":
        return _after_fatal(view, placed, target, failure)
    return _after_transient(view, placed, failure, signals.in_state_for(placed, now), settings)


def _after_fatal(
    view: ClusterView, placed: Placed, target: TargetRecord, failure: Failure
) -> Remedy | str:
    node, instance = placed
    wish = view.wanted[placed]
    again = replace(wish, desired=Desired.LOAD, generation=wish.generation + 1)
    inputs = {"failure": failure.message}
    if victim_of(view, placed) is not None:
        text = f"{node} cannot take {instance} over: {failure.message}"
        return _give_up(again, node, Reason("", "recover", text, inputs))
    if wish.target_generation >= target.generation:
        return f"{instance} on {node} failed for good: {failure.message}"
    renewed = replace(again, attempt=0, target_generation=target.generation)
    text = f"the blueprint of {instance} changed, so {node} tries it again"
    return Remedy("retry", renewed, Reason("", "recover", text, inputs))


def _after_transient(
    view: ClusterView,
    placed: Placed,
    failure: Failure,
    failed_for_s: float,
    settings: ControlSettings,
) -> Remedy | str:
    node, instance = placed
    wish = view.wanted[placed]
    backoff = settings.backoff_s(wish.attempt)
    if failed_for_s < backoff:
        return f"{instance} on {node} is tried again {backoff:g} s after: {failure.message}"
    inputs = {"failure": failure.message, "attempt": str(wish.attempt)}
    tried = replace(
        wish, desired=Desired.LOAD, generation=wish.generation + 1, attempt=wish.attempt + 1
    )
    if tried.attempt < settings.tries_per_node:
        text = f"try {tried.attempt + 1} of {instance} on {node} after: {failure.message}"
        return Remedy("retry", tried, Reason("", "recover", text, inputs))
    text = f"{node} gave {instance} up after {tried.attempt} tries: {failure.message}"
    return _give_up(tried, node, Reason("", "recover", text, inputs))


def _give_up(wish: WantedRecord, node: NodeId, because: Reason) -> Remedy:
    gone = replace(wish, desired=Desired.UNLOAD, tried=(*wish.tried, node))
    return Remedy("give_up", gone, because)
