"""Slices at rest: as many instances as wanted, all as wanted, all serving.

Convergence has nothing to do and nothing to say about such a slice, and in a calm cluster all are:
this is the one look at every instance that remains.
"""

from aether.core.control.moves import victim_of
from aether.core.control.updates import fits
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import PhaseRecord, TargetRecord, WantedRecord
from aether.core.model.view import ClusterView, Placed


def unsettled(view: ClusterView) -> frozenset[SliceBase]:
    """Return the slices with a target that are not at rest."""
    by_slice = view.wanted_by_slice()
    return frozenset(
        base
        for base, target in view.targets.items()
        if not is_settled(view, target, by_slice.get(base, ()))
    )


def is_settled(view: ClusterView, target: TargetRecord, here: tuple[Placed, ...]) -> bool:
    """Whether a slice is at rest; `here` are all instances of it there is a wish for."""
    if len(here) != target.instances:
        return False
    wanted, phases = view.wanted, view.phases
    return all(
        _serves(view, placed[0], wanted[placed], phases.get(placed))
        and _is_as_wanted(view, target, placed, wanted[placed])
        for placed in here
    )


def _serves(view: ClusterView, host: NodeId, wish: WantedRecord, phase: PhaseRecord | None) -> bool:
    """Whether it serves as the present wish asks, and no failure is held against anybody."""
    node = view.nodes.get(host)
    return (
        phase is not None
        and phase.state is Phase.ACTIVE
        and wish.desired is Desired.ACTIVATE
        and phase.observed_generation >= wish.generation
        and node is not None
        and phase.incarnation == node.incarnation
        and not wish.attempt
        and not wish.tried
    )


def _is_as_wanted(
    view: ClusterView, target: TargetRecord, placed: Placed, wish: WantedRecord
) -> bool:
    """Whether it is what the target asks for, and takes the place of nobody who is still there."""
    if wish.replaces and victim_of(view, placed) is not None:
        return False
    return fits(placed[1].artifact.version, wish, target, view.nodes.get(placed[0]))
