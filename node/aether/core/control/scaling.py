"""The stage of scaling: what load calls for becomes a target, where nothing speaks against it.

The decision itself is made once a second beside the leader's loop, from figures that are never stored
(`aether.core.scaling`); here it meets the cluster as the store says it is. A wish decided on another
target than the present one says nothing, so it is carried out once, and never over what a person or a
blueprint has said meanwhile.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from aether.core.control.census import count
from aether.core.control.evidence import Evaluate
from aether.core.control.removal import is_leaving
from aether.core.control.signals import ScaleWish, Signals
from aether.core.control.targets import listed_slices
from aether.core.model import keys
from aether.core.model.ids import SliceBase
from aether.core.model.lifecycle import Phase
from aether.core.model.plan import SetTarget
from aether.core.model.records import TargetRecord
from aether.core.model.slice_view import Copy, SliceView
from aether.core.model.view import ClusterView
from aether.core.scaling.decision import RULES as CORE
from aether.core.scaling.decision import replay

RULE = "scaling."
"""What the rule of a reason begins with where load changed the number of instances."""


def scale(view: ClusterView, signals: Signals) -> Iterator[SetTarget]:
    """Yield the targets that load calls for, of slices that may be scaled now."""
    for base, wish in sorted(signals.scale.items()):
        target = view.targets.get(base)
        if target is not None and _stands(view, base, target, wish):
            record = replace(target, instances=wish.instances, scaled_by="controller")
            yield SetTarget(base, record, wish.because)


def _stands(view: ClusterView, base: SliceBase, target: TargetRecord, wish: ScaleWish) -> bool:
    """Whether a wish still holds: of this very target, within its bounds, and nothing stands against it."""
    scaling = target.scaling
    if scaling is None or wish.instances == target.instances:
        return False
    if view.revisions.get(keys.target(base), 0) != wish.based_on:
        return False
    if target.generation != wish.generation:
        return False
    if not scaling.least <= wish.instances <= scaling.most:
        return False
    if wish.instances < target.instances <= scaling.most and why_kept(view, base):
        return False
    return not why_held(view, base)


def why_held(view: ClusterView, base: SliceBase) -> str:
    """Return why load must not change the slice now, empty when it may.

    What is being changed or removed, or does not start, is left alone: a number of instances that moves
    under a roll-out hides whether it works, and more of what does not start helps nobody. One of many that
    does not start, on a broken node say, is no reason to leave the others alone under load: see `why_kept`.
    """
    one = view.slices().get(base)
    if one is None or one.target is None or base not in listed_slices(view):
        return "it is being removed"
    blueprint = view.blueprints.get(one.target.owner)
    if blueprint is not None and blueprint.generation > one.target.generation:
        return f"generation {blueprint.generation} of its blueprint is being taken in"
    return one.once(_why_held)


def _why_held(one: SliceView) -> str:
    counted = one.once(count)
    outdated = len(counted.staying) - len(counted.fitting)
    if outdated and one.target is not None:
        return f"the update to {one.target.version} has {outdated} instances left to replace"
    parked = sum(copy.wish is not None and copy.wish.parked for copy in one.copies)
    if parked:
        return f"{parked} of its instances wait for a slice it requires"
    failing = one.once(_failing)
    ready, starting = instances_of(one)
    if failing and (not ready or 2 * len(failing) >= ready + starting):
        return _told(failing, ready + starting)
    return ""


def why_kept(view: ClusterView, base: SliceBase) -> str:
    """Return why no instance of the slice may be given up now, empty when some may.

    An instance that fails to start counts as one that starts: those that serve do its work meanwhile.
    """
    one = view.slices().get(base)
    if one is None or one.target is None:
        return ""
    failing = one.once(_failing)
    return _told(failing, sum(instances_of(one))) if failing else ""


def _told(failing: tuple[Copy, ...], staying: int) -> str:
    first = failing[0].placed[1]
    return f"{len(failing)} of its {staying} instances fail to start, {first} among them"


def _failing(one: SliceView) -> tuple[Copy, ...]:
    return tuple(copy for copy in one.copies if _fails_to_start(copy))


def _fails_to_start(copy: Copy) -> bool:
    """Whether an instance that is wanted does not serve, and has failed."""
    wish, phase = copy.wish, copy.phase
    if wish is None or is_leaving(wish) or copy.is_active:
        return False
    has_failed = copy.is_current and phase is not None and phase.state is Phase.FAILED
    return has_failed or wish.attempt > 0


def instances_of(one: SliceView) -> tuple[int, int]:
    """Return how many instances of the slice serve and stay, and how many are to serve and do not yet."""
    counted = one.once(count)
    ready = sum(placed in counted.serving for placed in counted.staying)
    return ready, len(counted.staying) - ready


def version_of(one: SliceView) -> str:
    """Return the version all instances of the slice are of; empty while an update replaces them."""
    counted = one.once(count)
    if one.target is None or len(counted.staying) != len(counted.fitting):
        return ""
    return one.target.version


RULES: Mapping[str, Evaluate] = dict.fromkeys((f"{RULE}{name}" for name in sorted(CORE)), replay)
"""Each rule of `aether.core.scaling` under the name it has in a reason."""
