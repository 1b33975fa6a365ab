"""How far the draining of a node has come: what is left there, what replaces it, what is waited for."""

from collections.abc import Iterable
from dataclasses import dataclass

from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import DrainOrder
from aether.core.model.view import ClusterView, Placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """An instance that is still on the node."""

    instance: InstanceId
    desired: Desired | None
    phase: Phase | None
    replacement: str = ""
    """`{node}/{instance}` that is to take its place, when there is one already."""
    replacement_phase: Phase | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainProgress:
    """An order to drain, and how far it is carried out."""

    order: DrainOrder
    remaining: tuple[Remaining, ...]
    waiting: tuple[str, ...]
    """Why the leader does nothing about some of them now."""


def drain_progress(
    view: ClusterView, node: NodeId, waiting: Iterable[str] = ()
) -> DrainProgress | None:
    """Return how far the node's draining is, None when nobody wants it drained.

    `waiting` are the sentences of the leader's last plan, each about what it names first; those about
    the node, about a slice that still has an instance there, and about an instance that leaves or
    replaces one are kept.
    """
    verdict = view.verdicts.get(node)
    if verdict is None or verdict.drain is None:
        return None
    left = sorted(placed for placed in {*view.wanted, *view.phases} if placed[0] == node)
    movers = {wish.replaces: placed for placed, wish in view.wanted.items() if wish.replaces}
    replacing = [mover[1] for one in left if (mover := movers.get(f"{node}/{one[1]}"))]
    about = {str(node), *replacing, *(name for one in left for name in (one[1], one[1].base))}
    return DrainProgress(
        order=verdict.drain,
        remaining=tuple(
            _remaining(view, placed, movers.get(f"{node}/{placed[1]}")) for placed in left
        ),
        waiting=tuple(sentence for sentence in waiting if _subject(sentence) in about),
    )


def _subject(sentence: str) -> str:
    return sentence.partition(" ")[0].rstrip(":,;")


def _remaining(view: ClusterView, placed: Placed, mover: Placed | None) -> Remaining:
    wish = view.wanted.get(placed)
    return Remaining(
        instance=placed[1],
        desired=wish.desired if wish else None,
        phase=_phase(view, placed),
        replacement=f"{mover[0]}/{mover[1]}" if mover else "",
        replacement_phase=_phase(view, mover) if mover else None,
    )


def _phase(view: ClusterView, placed: Placed) -> Phase | None:
    return view.phases[placed].state if view.is_current(placed) else None
