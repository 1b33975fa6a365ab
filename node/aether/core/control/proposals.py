"""What an advisor outside proposes, and whether it is done: the guards are those of the leader's own rules.

An advisor sees what the rules see and may know more, such as a sale that begins at noon. It never acts:
it names numbers of instances, and each is taken or refused here, with its reason.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from aether.core.control.evidence import DECISION, Evaluate

RULE = "scaling.advisor"
MOST_PROPOSALS = 100
MOST_REASON = 300
"""Longest reason of an advisor, in characters."""
MAX_ANSWER_BYTES = 64 * 1024


class Proposal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many instances of a slice an advisor wants, and why."""

    slice: Annotated[str, Meta(min_length=1, max_length=200)]
    instances: Annotated[int, Meta(ge=1, le=1000)]
    reason: Annotated[str, Meta(max_length=MOST_REASON)] = ""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All an advisor may say."""

    proposals: Annotated[tuple[Proposal, ...], Meta(max_length=MOST_PROPOSALS)] = ()


class Asked(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All that taking one proposal depends on; durations in seconds."""

    instances: int
    """Proposed."""
    target: int
    """Wanted now."""
    least: int
    most: int
    room: int
    """Instances of the slice the nodes can take in all."""
    need: int
    """What load needs, present and to come; 0 where that is not known."""
    keep: str = ""
    """Why nothing may be given up now."""
    held: str = ""
    """Why nothing may be changed now."""
    since_advice_s: float = 0.0
    """Since a proposal about this slice was taken last."""
    cooldown_s: float = 60.0


_ANSWERS = msgspec.json.Decoder(Answer)


def read_answer(body: bytes) -> tuple[Proposal, ...]:
    """Return what an advisor proposes; raise ValueError saying what is wrong with its answer."""
    if len(body) > MAX_ANSWER_BYTES:
        raise ValueError(f"{len(body)} bytes; an answer has {MAX_ANSWER_BYTES} at most")
    try:
        proposals = _ANSWERS.decode(body).proposals
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise ValueError(f"no answer of an advisor: {problem}") from problem
    named = [proposal.slice for proposal in proposals]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)[:200]}: proposed twice")
    return proposals


def decide(asked: Asked) -> str:
    """Return `take`, or `refuse` with the guard that forbids it."""
    wanted = asked.instances
    refused = {
        "held": bool(asked.held),
        "same": wanted == asked.target,
        "bounds": not asked.least <= wanted <= asked.most,
        "room": wanted > max(asked.target, asked.room),
        "keep": bool(asked.keep) and wanted < asked.target,
        "load": wanted < min(asked.need, asked.target),
        "cooldown": asked.since_advice_s < asked.cooldown_s,
    }
    return next((f"refuse {guard}" for guard, holds in refused.items() if holds), "take")


def why(asked: Asked, decision: str) -> str:
    """Return what became of a proposal, in a sentence."""
    if decision == "take":
        return f"{asked.target} → {asked.instances}, as an advisor proposes"
    refused = {
        "held": asked.held,
        "same": f"{asked.target} are wanted already",
        "bounds": f"{asked.least} to {asked.most} are allowed",
        "room": f"the nodes have room for {asked.room}",
        "keep": asked.keep,
        "load": f"load, present and to come, needs {asked.need}",
        "cooldown": f"the last proposal was taken {asked.since_advice_s:.0f} s ago, the next may be "
        f"after {asked.cooldown_s:.0f} s",
    }
    guard = decision.removeprefix("refuse ")
    return f"{asked.target} → {asked.instances} refused: {refused[guard]}"


def inputs_of(asked: Asked, decision: str) -> dict[str, str]:
    """Return the inputs of a reason: each field as JSON, and the decision."""
    fields = {
        name: msgspec.json.encode(value, order="deterministic").decode()
        for name, value in msgspec.to_builtins(asked).items()
    }
    return {**fields, DECISION: decision}


def _evaluate(inputs: Mapping[str, str]) -> str:
    try:
        fields = {
            name: msgspec.json.decode(text) for name, text in inputs.items() if name != DECISION
        }
        return decide(msgspec.convert(fields, Asked))
    except msgspec.MsgspecError as problem:
        raise ValueError(f"inputs that are no proposal: {problem}") from problem


RULES: Mapping[str, Evaluate] = {RULE: _evaluate}
"""Rule → how its decision is made again."""
