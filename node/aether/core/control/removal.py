"""Taking instances away: step by step, dependents before what they depend on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from aether.core.control.evidence import Evaluate, read, write
from aether.core.control.recovery import step_limit_s
from aether.core.control.signals import Signals
from aether.core.control.targets import is_retired
from aether.core.model.ids import SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Forget, Wish
from aether.core.model.reason import Reason
from aether.core.model.records import PhaseRecord, WantedRecord
from aether.core.model.slice_view import SliceView
from aether.core.model.view import ClusterView, Placed

LEAVING = frozenset({Desired.DEACTIVATE, Desired.UNLOAD})
"""Wishes of instances on their way out, when they are not parked; there is no way back for them."""

_SETTLED = frozenset({Phase.LOADED, Phase.FAILED})

Step = Literal["DEACTIVATE", "UNLOAD", "forget", "wait"]

Explain = Callable[[str], Reason]
"""Gives the reason of a step from its text."""


def is_leaving(wish: WantedRecord) -> bool:
    """Whether the instance is on its way out; one that is parked stays."""
    return wish.desired in LEAVING and not wish.parked


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """What the next step out of one instance depends on."""

    desired: Desired
    leaving: bool
    """Whether the wish already is one of the way out."""
    phase: Phase | None
    """As the present life of the node says; None when the node has not said anything."""
    answered: bool
    """Whether the phase answers the present wish."""
    gone: bool
    """Whether no fact is left, of whichever life."""
    waited_s: float
    limit_s: float
    """Time after which the present step counts as stuck."""
    may_serve: bool = False
    """Whether another life of the node said that it serves, and the present one nothing yet."""


def next_step(asked: Departure) -> Step:
    """Return the next step out: drain what serves, end what does not, forget what is gone."""
    if not asked.leaving:
        return "DEACTIVATE" if asked.phase is Phase.ACTIVE or asked.may_serve else "UNLOAD"
    stuck = asked.waited_s > asked.limit_s
    if asked.desired is Desired.DEACTIVATE:
        drained = asked.gone or (asked.answered and asked.phase in _SETTLED)
        return "UNLOAD" if drained or stuck else "wait"
    return "forget" if asked.gone or stuck else "wait"


def may_serve(phase: PhaseRecord | None, *, is_current: bool) -> bool:
    """Whether it is not known that an instance serves, and not that it does not.

    Hosts outlive the node process: what another life of the node called ACTIVE is likely to serve until
    the present life has looked, or until that other life is registered.
    """
    return phase is not None and phase.state is Phase.ACTIVE and not is_current


def begin_removal(
    view: ClusterView, placed: Placed, why: str, explain: Explain | None = None
) -> Wish:
    """Return the first step out for an instance that is to go: drain it if it serves.

    `explain` gives the reason from its text, where another decision than that of the step is the reason.
    """
    asked = _departure(view, placed, 0.0)
    return _wish(view, placed, (asked, next_step(asked), why), explain)


def continue_removals(view: ClusterView, signals: Signals, now: float) -> Iterator[Wish | Forget]:
    """Yield the next step of every instance on its way out."""
    on_their_way = [each for one in view.slices().values() for each in one.once(_leaving)]
    for placed, limit_s, is_ready in sorted(on_their_way):
        waited_s = signals.in_state_for(placed, now)
        if not is_ready and round(waited_s, 3) <= limit_s:
            continue
        asked = _departure(view, placed, waited_s)
        step = next_step(asked)
        if step == "forget":
            text = (
                f"{placed[1]} is gone from {placed[0]}"
                if asked.gone
                else f"{placed[0]} does not say that {placed[1]} is gone"
            )
            yield Forget(*placed, Reason("", "remove", text, write(asked, step)))
        elif step != "wait":
            stuck = asked.waited_s > asked.limit_s
            why = "draining is stuck" if stuck else "it is drained"
            yield _wish(view, placed, (asked, step, why))


def _leaving(one: SliceView) -> tuple[tuple[Placed, float, bool], ...]:
    """Return who is on its way out, after how many seconds it is stuck, and who has a step to take now."""
    return tuple(
        [
            (copy.placed, asked.limit_s, next_step(asked) != "wait")
            for copy in one.copies
            if copy.wish is not None and is_leaving(copy.wish)
            for asked in [_asked(copy.wish, copy.phase, 0.0, is_current=copy.is_current)]
        ]
    )


def _departure(view: ClusterView, placed: Placed, waited_s: float) -> Departure:
    wish, phase = view.wanted[placed], view.phases.get(placed)
    return _asked(wish, phase, waited_s, is_current=view.is_current(placed))


def _asked(
    wish: WantedRecord, phase: PhaseRecord | None, waited_s: float, *, is_current: bool
) -> Departure:
    current = phase if is_current else None
    return Departure(
        desired=wish.desired,
        leaving=is_leaving(wish),
        phase=current.state if current else None,
        answered=current is not None and current.observed_generation >= wish.generation,
        gone=phase is None,
        waited_s=round(waited_s, 3),
        limit_s=step_limit_s(wish.desired),
        may_serve=may_serve(phase, is_current=is_current),
    )


def _wish(
    view: ClusterView,
    placed: Placed,
    found: tuple[Departure, Step, str],
    explain: Explain | None = None,
) -> Wish:
    (asked, step, why), wish = found, view.wanted[placed]
    record = replace(wish, desired=Desired(step), generation=wish.generation + 1, parked=False)
    text = f"{step} {placed[1]} on {placed[0]}: {why}"
    reason = explain(text) if explain else Reason("", "remove", text, write(asked, step))
    return Wish(*placed, record, reason)


def occupied_slices(view: ClusterView) -> frozenset[SliceBase]:
    """Return the slices of which a wish is left."""
    return frozenset(instance.base for _, instance in view.wanted)


def retired_dependents(
    view: ClusterView, base: SliceBase, occupied: frozenset[SliceBase] | None = None
) -> list[SliceBase]:
    """Return retired slices that still have instances and require `base`: they go first."""
    held = occupied_slices(view) if occupied is None else occupied
    return [
        other
        for other, target in sorted(view.targets.items())
        if other != base
        and other in held
        and any(need.slice == base and need.required for need in target.dependencies)
        and is_retired(view, other)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surplus:
    """What ending one of too many instances depends on."""

    wanted: int
    present: int
    rank: int
    """Place of this one among those that may go: who does not serve, then whose node is fullest."""
    serves: bool


def is_surplus(asked: Surplus) -> str:
    """Return `end` or `keep`."""
    return "end" if asked.rank < asked.present - asked.wanted else "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """What ending an instance whose replacement is there depends on."""

    serves: bool
    """Whether it serves, or may: what an earlier life of its node said need not hold, nor be wrong."""
    replacement_serves: bool
    active: int
    """Instances of the slice that serve, on nodes nobody doubts, and this one wherever it is."""
    budget: int


def is_replaced(asked: Replaced) -> str:
    """Return `end` or `keep`: the budget holds even when others failed meanwhile."""
    if not asked.replacement_serves:
        return "keep"
    return "end" if not asked.serves or asked.active - 1 >= asked.budget else "keep"


def _evaluate(inputs: Mapping[str, str]) -> str:
    if "replacement_serves" in inputs:
        return is_replaced(read(inputs, Replaced))
    if "rank" in inputs:
        return is_surplus(read(inputs, Surplus))
    return next_step(read(inputs, Departure))


RULES: Mapping[str, Evaluate] = {"remove": _evaluate}
