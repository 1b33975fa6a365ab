"""Taking instances away: step by step, dependents before what they depend on."""

from collections.abc import Iterator
from dataclasses import replace

from aether.core.control.recovery import STUCK_FACTOR
from aether.core.control.signals import Signals
from aether.core.control.targets import is_retired
from aether.core.model.ids import SliceBase
from aether.core.model.lifecycle import STEP_TIMEOUT_S, Desired, Phase
from aether.core.model.plan import Forget, Wish
from aether.core.model.reason import Reason
from aether.core.model.view import ClusterView, Placed

LEAVING = frozenset({Desired.DEACTIVATE, Desired.UNLOAD})
"""Wishes of instances that are on their way out; there is no way back for them."""

_SETTLED = frozenset({Phase.LOADED, Phase.FAILED})


def begin_removal(view: ClusterView, placed: Placed, why: str) -> Wish:
    """Return the first step out for an instance that is to go: drain it if it serves."""
    phase = view.phases.get(placed)
    serving = phase is not None and view.is_current(placed) and phase.state is Phase.ACTIVE
    return _step(view, placed, Desired.DEACTIVATE if serving else Desired.UNLOAD, why)


def continue_removals(view: ClusterView, signals: Signals, now: float) -> Iterator[Wish | Forget]:
    """Yield the next step of every instance on its way out."""
    for placed, wish in sorted(view.wanted.items()):
        if wish.desired is Desired.DEACTIVATE:
            if _is_drained(view, placed):
                yield _step(view, placed, Desired.UNLOAD, "it is drained")
            elif _is_stuck(placed, wish.desired, signals, now):
                yield _step(view, placed, Desired.UNLOAD, "draining is stuck")
        elif wish.desired is Desired.UNLOAD:
            if placed not in view.phases:
                yield Forget(*placed, Reason("", "remove", f"{placed[1]} is gone from {placed[0]}"))
            elif _is_stuck(placed, wish.desired, signals, now):
                text = f"{placed[0]} does not say that {placed[1]} is gone"
                yield Forget(*placed, Reason("", "remove", text))


def _is_drained(view: ClusterView, placed: Placed) -> bool:
    wish, phase = view.wanted[placed], view.phases.get(placed)
    if phase is None:
        return True
    return (
        view.is_current(placed)
        and phase.state in _SETTLED
        and phase.observed_generation >= wish.generation
    )


def _is_stuck(placed: Placed, step: Desired, signals: Signals, now: float) -> bool:
    return signals.in_state_for(placed, now) > STUCK_FACTOR * STEP_TIMEOUT_S[step]


def _step(view: ClusterView, placed: Placed, desired: Desired, why: str) -> Wish:
    wish = view.wanted[placed]
    record = replace(wish, desired=desired, generation=wish.generation + 1)
    text = f"{desired} {placed[1]} on {placed[0]}: {why}"
    return Wish(*placed, record, Reason("", "remove", text))


def retired_dependents(view: ClusterView, base: SliceBase) -> list[SliceBase]:
    """Return retired slices that still have instances and require `base`: they go first."""
    occupied = {instance.base for _, instance in view.wanted}
    return [
        other
        for other, target in sorted(view.targets.items())
        if other != base
        and other in occupied
        and is_retired(view, other)
        and any(need.slice == base and need.required for need in target.dependencies)
    ]
