"""Slices at rest: as many instances as wanted, all as wanted, all serving.

Convergence has nothing to do and nothing to say about such a slice, and in a calm cluster all are:
this is the one look at every instance that remains, taken when something about its slice changes.
"""

from aether.core.control.moves import has_victims
from aether.core.control.updates import fits
from aether.core.model.ids import SliceBase
from aether.core.model.lifecycle import Desired
from aether.core.model.slice_view import Copy, SliceView
from aether.core.model.view import ClusterView


def unsettled(view: ClusterView) -> frozenset[SliceBase]:
    """Return the slices with a target that are not at rest."""
    return frozenset(
        base
        for base, one in view.slices().items()
        if one.target is not None and not one.once(is_settled)
    )


def is_settled(one: SliceView) -> bool:
    """Whether a slice is at rest; one without a target never is."""
    target = one.target
    if target is None or len(one.wanted) != target.instances:
        return False
    for copy in one.copies:
        wish = copy.wish
        if wish is None:
            continue  # nobody wants it, and orphans are dealt with elsewhere
        if not _serves(copy) or not fits(copy.placed[1].artifact.version, wish, target, copy.node):
            return False
    return not one.once(has_victims)


def _serves(copy: Copy) -> bool:
    """Whether it serves as the present wish asks, and no failure is held against anybody."""
    wish, phase = copy.wish, copy.phase
    return (
        wish is not None
        and phase is not None
        and copy.is_active
        and wish.desired is Desired.ACTIVATE
        and phase.observed_generation >= wish.generation
        and not wish.attempt
        and not wish.tried
    )
