"""What to do about an instance that failed or is stuck: wait, try again, or give the node up.

Fatal failures stay until the blueprint changes, but one that was to take another's place just
goes: the other still serves. Transient ones are tried again on the same node after 1, 2, 4 … 30 s.
After five in a row the instance moves to a node that has not given it up yet; where there is none
it is tried every 30 s, and after fifteen the others get a second chance. Time of service forgives:
a minute the tries, ten the nodes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from aether.core.control.evidence import Evaluate, read, write
from aether.core.control.moves import victim_of
from aether.core.control.signals import ControlSettings, Signals
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import STEP_TIMEOUT_S, Desired, Phase
from aether.core.model.reason import Reason
from aether.core.model.records import Failure, PhaseRecord, TargetRecord, WantedRecord
from aether.core.model.view import ClusterView, Placed

STUCK_FACTOR = 3
"""A step that has taken this many times its time-out counts as failed (DESIGN §5)."""

PATIENCE = 3
"""Rounds of tries after which a node is left for one that gave the slice up before: it may be well."""

MOST_LIVES = 5
"""Lives a node may begin before an instance there is steady; each of them counts as a try."""

MOST_COUNTED = 1000
"""Tries in a row that are told apart, more than any rounds of tries that settings allow."""

Cure = Literal["retry", "give up", "start over", "wait", "retry for the new blueprint"]


@dataclass(frozen=True, slots=True)
class Remedy:
    """A new wish for the instance, or `give_up` to have it placed elsewhere."""

    action: Literal["retry", "give_up"]
    record: WantedRecord
    because: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """What the cure of a failed instance depends on."""

    kind: Literal["fatal", "transient"]
    message: str
    failed_for_s: float
    attempt: int
    """Transient failures in a row before this one."""
    tries_per_node: int
    backoff_s: float
    replaces_another: bool
    """Whether it was to take the place of an instance that is still there."""
    blueprint_changed: bool
    """Whether the blueprint has changed since the instance was last tried afresh."""
    elsewhere: bool
    """Whether another node could have it that has not given the slice up."""
    others: bool
    """Whether another node could have it at all."""


def cure(asked: Failed) -> Cure:
    """Return what to do now about a failed instance."""
    if asked.kind == "fatal":
        if asked.replaces_another:
            return "give up"
        return "retry for the new blueprint" if asked.blueprint_changed else "wait"
    if asked.failed_for_s < asked.backoff_s:
        return "wait"
    tries = asked.attempt + 1
    if tries >= asked.tries_per_node and (asked.elsewhere or asked.replaces_another):
        return "give up"
    return "start over" if tries >= PATIENCE * asked.tries_per_node and asked.others else "retry"


def failure_of(view: ClusterView, placed: Placed, signals: Signals, now: float) -> Failure | None:
    """Return why the instance has failed, or None while it has not.

    A step that nobody answers for three times its time-out is a transient failure, whatever the
    node says of earlier wishes or said in an earlier life. So are life after life of a node that stops
    before it has answered: each of them alone is too short to be stuck.
    """
    wish, phase = view.wanted[placed], view.phases.get(placed)
    if phase is not None and phase.state is Phase.FAILED and view.is_current(placed):
        if phase.observed_generation >= wish.generation:
            return phase.failure or Failure(kind="transient", message="failed")
    elif is_done(view, placed):
        return None
    lives = _lives(signals, placed)
    if lives >= MOST_LIVES:
        return Failure(
            kind="transient", message=f"{placed[0]} began {lives} lives and it never lasted"
        )
    limit = step_limit_s(wish.desired)
    if signals.in_state_for(placed, now) > limit:
        return Failure(kind="transient", message=f"{wish.desired} has been stuck for {limit:g} s")
    return None


def step_limit_s(desired: Desired) -> float:
    """Return after how many seconds a step nobody answers counts as failed."""
    return STUCK_FACTOR * STEP_TIMEOUT_S[desired]


def _lives(signals: Signals, placed: Placed) -> int:
    restless = signals.restless.get(placed)
    return restless.lives if restless is not None else 0


def is_done(view: ClusterView, placed: Placed) -> bool:
    """Whether the node has answered the present wish."""
    phase = view.phases.get(placed)
    return has_answered(view.wanted[placed], phase, is_current=view.is_current(placed))


def has_answered(wish: WantedRecord, phase: PhaseRecord | None, *, is_current: bool) -> bool:
    """Whether a fact answers the wish; `is_current` says whether it is of the node's present life."""
    if phase is None or not is_current:
        return False
    expected = Phase.ACTIVE if wish.desired is Desired.ACTIVATE else Phase.LOADED
    return phase.state is expected and phase.observed_generation >= wish.generation


def remedy(  # noqa: PLR0913 - what every stage is given, and the instance
    view: ClusterView,
    placed: Placed,
    target: TargetRecord,
    signals: Signals,
    settings: ControlSettings,
    now: float,
    *,
    options: Callable[[], tuple[bool, bool]] = lambda: (True, True),
) -> Remedy | str | None:
    """Return what to do now about a failed instance.

    None when it has not failed; a sentence when it has and nothing is to be done yet. `options`
    is asked whether another node could take it: one that has not given the slice up, and any.
    """
    failure = failure_of(view, placed, signals, now)
    if failure is None:
        return None
    wish = view.wanted[placed]
    attempt, failed_for_s = wish.attempt, signals.in_state_for(placed, now)
    if _lives(signals, placed) >= MOST_LIVES:
        attempt += _lives(signals, placed) - 1
        failed_for_s = now - signals.restless[placed].since
    spent = failure.kind == "transient" and attempt + 1 >= settings.tries_per_node
    elsewhere, others = options() if spent else (False, False)
    asked = Failed(
        kind=failure.kind,
        message=failure.message,
        failed_for_s=round(failed_for_s, 3),
        attempt=attempt,
        tries_per_node=settings.tries_per_node,
        backoff_s=settings.backoff_s(attempt),
        replaces_another=victim_of(view, placed) is not None,
        blueprint_changed=wish.target_generation < target.generation,
        elsewhere=elsewhere,
        others=others,
    )
    return _carry(placed, wish, asked, target.generation)


def _carry(placed: Placed, wish: WantedRecord, asked: Failed, generation: int) -> Remedy | str:
    """Turn the cure into a new wish, or into a sentence."""
    node, instance = placed
    decision = cure(asked)
    inputs = write(asked, decision)
    again = replace(wish, desired=Desired.LOAD, generation=wish.generation + 1, parked=False)
    tries = asked.attempt + 1
    if decision == "wait":
        return _waits(placed, asked)
    if decision == "retry for the new blueprint":
        text = f"the blueprint of {instance} changed, so {node} tries it again"
        renewed = replace(again, attempt=0, target_generation=generation)
        return Remedy("retry", renewed, Reason("", "recover", text, inputs))
    if decision in ("give up", "start over"):
        fatal = asked.kind == "fatal"
        done = (
            f"cannot take {instance} over" if fatal else f"gave {instance} up after {tries} tries"
        )
        text = f"{node} {done}: {asked.message}"
        over = decision == "start over"
        tried = (node,) if over else tuple(dict.fromkeys((*wish.tried, node)))
        gone = replace(again, desired=Desired.UNLOAD, attempt=tries, tried=tried)
        rejected = {f"try again on {node}": f"it failed {tries} times in a row there"}
        return Remedy("give_up", gone, Reason("", "recover", text, inputs, rejected))
    text = f"try {tries + 1} of {instance} on {node} after: {asked.message}"
    alone = tries >= asked.tries_per_node
    rejected = {"give the node up": "no other node could take it"} if alone else {}
    retried = replace(again, attempt=min(tries, MOST_COUNTED))
    return Remedy("retry", retried, Reason("", "recover", text, inputs, rejected))


def _waits(placed: Placed, asked: Failed) -> str:
    node, instance = placed
    if asked.kind == "fatal":
        return f"{instance} on {node} failed for good: {asked.message}"
    alone = asked.attempt + 1 >= asked.tries_per_node and not asked.elsewhere
    last = "; no other node is to take it" if alone else ""
    return f"{instance} on {node} is tried again {asked.backoff_s:g} s after: {asked.message}{last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What forgiveness depends on: how long an instance has served, and what is held against it."""

    active_for_s: float
    attempt: int
    tried: tuple[NodeId, ...]
    proven_after_s: float
    forgive_after_s: float


def forgive(asked: Proven) -> Literal["forgive tries", "forgive nodes", "none"]:
    """Return what a time of service wipes out."""
    if asked.tried and asked.active_for_s > asked.forgive_after_s:
        return "forgive nodes"
    if asked.attempt and asked.active_for_s > asked.proven_after_s:
        return "forgive tries"
    return "none"


def forgiveness(
    view: ClusterView, placed: Placed, signals: Signals, settings: ControlSettings, now: float
) -> Remedy | None:
    """Return the wish without what has been forgiven, or None when nothing is."""
    wish = view.wanted[placed]
    if not (wish.attempt or wish.tried) or wish.desired is not Desired.ACTIVATE:
        return None
    if not view.is_active(placed):
        return None
    asked = Proven(
        active_for_s=round(signals.in_state_for(placed, now), 3),
        attempt=wish.attempt,
        tried=wish.tried,
        proven_after_s=settings.proven_after_s,
        forgive_after_s=settings.forgive_after_s,
    )
    decision = forgive(asked)
    if decision == "none":
        return None
    tried = () if decision == "forgive nodes" else wish.tried
    what = (
        f"{', '.join(wish.tried)} may try it again" if decision == "forgive nodes" else "its tries"
    )
    record = replace(wish, generation=wish.generation + 1, attempt=0, tried=tried)
    text = f"{placed[1]} on {placed[0]} has served for {asked.active_for_s:g} s: {what}"
    if decision == "forgive tries":
        text += " are forgiven"
    return Remedy("retry", record, Reason("", "recover", text, write(asked, decision)))


def _evaluate(inputs: Mapping[str, str]) -> str:
    if "active_for_s" in inputs:
        return forgive(read(inputs, Proven))
    return cure(read(inputs, Failed))


RULES: Mapping[str, Evaluate] = {"recover": _evaluate}
