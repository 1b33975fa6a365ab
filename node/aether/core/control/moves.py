"""Moves of instances between nodes: who replaces whom, and what a failed move teaches."""

from collections.abc import Iterator
from dataclasses import replace

from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.plan import Wish
from aether.core.model.reason import Reason
from aether.core.model.view import ClusterView, Placed


def victim_of(view: ClusterView, placed: Placed) -> Placed | None:
    """Return the instance this one replaces, while that is still there."""
    node, slash, instance = view.wanted[placed].replaces.partition("/")
    if not slash:
        return None
    victim = (NodeId(node), InstanceId(instance))
    return victim if victim in view.wanted else None


def stay_after_failed_move(view: ClusterView, mover: Placed) -> Iterator[Wish]:
    """Yield the wish that keeps the victim where it is, and from trying that node again."""
    victim = victim_of(view, mover)
    if victim is None:
        return
    wish = view.wanted[victim]
    if mover[0] not in wish.tried:
        text = f"{victim[1]} stays on {victim[0]}: {mover[0]} could not take it over"
        reason = Reason("", "balance", text, {"from": victim[0], "to": mover[0]})
        yield Wish(*victim, replace(wish, tried=(*wish.tried, mover[0])), reason)
