"""Moving instances to nodes that have fewer, one at a time and only in calm.

A node that comes back after a loss is empty; without this it would stay so until something fails.
A move places the new instance first and ends the old one when the new one serves.
"""

from aether.core.control.placement import Occupancy
from aether.core.control.removal import LEAVING
from aether.core.control.targets import is_retired
from aether.core.model.ids import Artifact, NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Wish
from aether.core.model.reason import Reason
from aether.core.model.records import WantedRecord
from aether.core.model.view import ClusterView, Placed

LEAST_GAP = 2
"""A move must bring two nodes nearer: with a difference of one it would only swap them."""


def rebalance(view: ClusterView) -> Wish | None:
    """Return the one move that spreads best, or None when nothing is gained or all is not well.

    First a slice whose own instances are uneven; then any instance whose move evens the totals
    without making its slice uneven. Nothing moves while anything else is under way; what has
    failed for good is not under way.
    """
    if any(_is_under_way(view, placed) for placed in view.wanted):
        return None
    occupancy = Occupancy(view)
    roomy = [node for node in occupancy.nodes if occupancy.total(node) < view.nodes[node].capacity]
    present = {f"{node}/{instance}" for node, instance in view.wanted}
    best: tuple[tuple[int, int], Placed, NodeId] | None = None
    for placed, wish in sorted(view.wanted.items()):
        if not view.is_active(placed) or wish.replaces in present or _is_leaving(view, placed):
            continue
        for node in (node for node in roomy if node not in wish.tried):
            gain = _gain(occupancy, placed, node)
            if gain is not None and (best is None or gain > best[0]):
                best = (gain, placed, node)
    return _move(view, occupancy, best[1], best[2]) if best else None


def _is_under_way(view: ClusterView, placed: Placed) -> bool:
    phase = view.phases.get(placed)
    failed = phase is not None and phase.state is Phase.FAILED and view.is_current(placed)
    return not failed and not view.is_active(placed)


def _is_leaving(view: ClusterView, placed: Placed) -> bool:
    return view.wanted[placed].desired in LEAVING or is_retired(view, placed[1].base)


def _gain(occupancy: Occupancy, placed: Placed, node: NodeId) -> tuple[int, int] | None:
    """Return how much a move evens out (the slice's gap, the totals' gap), or None for nothing."""
    if placed[0] == node:
        return None
    base = placed[1].base
    of_slice = occupancy.of_slice(placed[0], base) - occupancy.of_slice(node, base)
    total = occupancy.total(placed[0]) - occupancy.total(node)
    if of_slice >= LEAST_GAP:
        return (of_slice, total)
    if of_slice == LEAST_GAP - 1 and total >= LEAST_GAP:
        return (of_slice, total)
    return None


def _move(view: ClusterView, occupancy: Occupancy, placed: Placed, node: NodeId) -> Wish:
    old = view.wanted[placed]
    artifact: Artifact = placed[1].artifact
    record = WantedRecord(
        desired=Desired.LOAD,
        generation=1,
        target_generation=old.target_generation,
        replaces=f"{placed[0]}/{placed[1]}",
        timeout_s=old.timeout_s,
        config=old.config,
    )
    instance = occupancy.next_instance(artifact)
    text = (
        f"LOAD {instance} on {node} in place of {placed[1]} on {placed[0]}: "
        f"{node} hosts {occupancy.total(node)}, {placed[0]} hosts {occupancy.total(placed[0])}"
    )
    return Wish(
        node, instance, record, Reason("", "balance", text, {"from": placed[0], "to": node})
    )
