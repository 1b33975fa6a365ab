"""Moves of instances between nodes: who replaces whom, and what a failed move teaches.

A move is a new instance whose wish names the one it `replaces`; convergence ends that one when the
new one serves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from aether.core.control.evidence import Evaluate, read, write
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.lifecycle import Desired
from aether.core.model.plan import Wish
from aether.core.model.reason import Reason
from aether.core.model.records import TargetRecord, WantedRecord
from aether.core.model.slice_view import SliceView
from aether.core.model.view import ClusterView, Placed


def victim_of(view: ClusterView, placed: Placed) -> Placed | None:
    """Return the instance this one replaces, while that is still there."""
    replaces = view.wanted[placed].replaces
    if not replaces:
        return None
    node, _, instance = replaces.partition("/")
    if (node, instance) not in view.wanted:
        return None
    return (NodeId(node), InstanceId(instance))


def has_victims(one: SliceView) -> bool:
    """Whether an instance of the slice replaces another that is still there, or may be.

    Nobody writes a wish that replaces an instance of another slice; one that did counts here.
    """
    movers = [copy for copy in one.copies if copy.wish is not None and copy.wish.replaces]
    if not movers:
        return False
    there = set(one.wanted)
    prefix = f"{one.base}:"
    for copy in movers:
        node, _, instance = copy.wish.replaces.partition("/") if copy.wish else ("", "", "")
        if (node, instance) in there or not instance.startswith(prefix):
            return True
    return False


def replacement(
    victim: Placed, old: WantedRecord, target: TargetRecord, where: Placed, because: Reason
) -> Wish:
    """Return the wish for a new instance that is to take the victim's place, as the target asks."""
    record = WantedRecord(
        desired=Desired.LOAD,
        generation=1,
        target_generation=target.generation,
        tried=old.tried,
        replaces=f"{victim[0]}/{victim[1]}",
        timeout_s=target.timeout_s,
        config=target.config,
    )
    return Wish(*where, record, because)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedMove:
    """A node could not take an instance over; which nodes were known to have failed before."""

    instance: InstanceId
    failed_on: NodeId
    tried: tuple[NodeId, ...]


def lesson(asked: FailedMove) -> str:
    """Return `avoid NODE`, or `nothing new` when the node was known."""
    return "nothing new" if asked.failed_on in asked.tried else f"avoid {asked.failed_on}"


def stay_after_failed_move(view: ClusterView, mover: Placed) -> Iterator[Wish]:
    """Yield the wish that keeps the victim where it is, and from trying that node again."""
    victim = victim_of(view, mover)
    if victim is None:
        return
    wish = view.wanted[victim]
    asked = FailedMove(instance=victim[1], failed_on=mover[0], tried=wish.tried)
    learned = lesson(asked)
    if learned != "nothing new":
        text = f"{victim[1]} stays on {victim[0]}: {mover[0]} could not take it over"
        reason = Reason("", "balance", text, write(asked, learned))
        yield Wish(*victim, replace(wish, tried=(*wish.tried, mover[0])), reason)


def _evaluate(inputs: Mapping[str, str]) -> str:
    return lesson(read(inputs, FailedMove))


LESSON: Evaluate = _evaluate
"""Evaluates the reasons of `stay_after_failed_move`; `balance.RULES` tells them from others."""

LESSON_INPUT = "failed_on"
"""Input that only those reasons have."""
