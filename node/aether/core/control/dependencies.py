"""The graph of slices that need each other: circles, what is missing, who is in the way, who is parked.

A required dependency is there while it has an ACTIVE instance and a blueprint still lists it. An
optional one is never waited for and never parks anybody.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from aether.core.control.evidence import Evaluate, read, write
from aether.core.control.signals import ControlSettings, Signals
from aether.core.control.targets import listed_slices
from aether.core.control.unreadable import Held
from aether.core.model.ids import SliceBase
from aether.core.model.lifecycle import Desired
from aether.core.model.plan import Wish
from aether.core.model.reason import Reason
from aether.core.model.records import Dependency, OnDependencyLoss, TargetRecord
from aether.core.model.slice_view import SliceView
from aether.core.model.view import ClusterView, Placed

MAX_CHAINS = 64
"""Most paths `chain` returns: enough to show why, however dense the graph is."""

Action = Literal["park", "activate", "none"]


def find_cycle(needs: Mapping[SliceBase, tuple[Dependency, ...]]) -> list[SliceBase]:
    """Return the slices of one circle of required dependencies, first and last equal, or []."""
    sorter = TopologicalSorter(
        {
            base: sorted(need.slice for need in dependencies if need.required)
            for base, dependencies in sorted(needs.items())
        }
    )
    try:
        sorter.prepare()
    except CycleError as circle:
        found: list[SliceBase] = list(circle.args[1])
        return found[::-1]
    return []


def required(target: TargetRecord) -> list[SliceBase]:
    """Return the slices the target requires, each once, in the order of its blueprint."""
    return list(dict.fromkeys(need.slice for need in target.dependencies if need.required))


def missing(view: ClusterView, base: SliceBase) -> list[SliceBase]:
    """Return the required dependencies of a slice that have no ACTIVE instance."""
    target = view.targets.get(base)
    return view.once(Needs).missing(target) if target is not None else []


class Needs:
    """Who requires whom, and who serves, looked up once for a view: `view.once(Needs)`."""

    def __init__(self, view: ClusterView) -> None:
        self._targets = view.targets
        self._listed = listed_slices(view)
        self._active = view.active_by_slice()
        self._held = view.once(Held).slices

    def is_listed(self, base: SliceBase) -> bool:
        """Whether a blueprint lists the slice."""
        return base in self._listed

    def active(self, base: SliceBase) -> tuple[Placed, ...]:
        """Return the instances of a slice that serve."""
        return self._active.get(base, ())

    def is_down(self, base: SliceBase) -> bool:
        """Whether surely no instance of a slice serves: all that is said of it can be read."""
        return base not in self._held and not self._active.get(base)

    @cached_property
    def _by(self) -> Mapping[SliceBase, list[SliceBase]]:
        found: dict[SliceBase, list[SliceBase]] = {}
        for base, target in sorted(self._targets.items()):
            for need in required(target):
                if need != base:
                    found.setdefault(need, []).append(base)
        return found

    def is_lost(self, base: SliceBase) -> bool:
        """Whether a required slice is gone: surely nobody serves it, or nobody asks for it."""
        return base not in self._listed or self.is_down(base)

    def requirers(self, base: SliceBase) -> list[SliceBase]:
        """Return the slices that require this one, sorted."""
        return self._by.get(base, [])

    def reaches(self, base: SliceBase, other: SliceBase) -> bool:
        """Whether `base` requires `other`, directly or through others."""
        seen, waiting = {base}, [base]
        while waiting:
            target = self._targets.get(waiting.pop())
            for need in required(target) if target is not None else ():
                if need == other:
                    return True
                if need not in seen:
                    seen.add(need)
                    waiting.append(need)
        return False

    def missing(self, target: TargetRecord) -> list[SliceBase]:
        """Return what the target requires and nobody serves.

        For a slice that is parked on a loss, what is about to be removed is missing already.
        """
        return [
            need
            for need in required(target)
            if not self._active.get(need)
            or (target.on_dependency_loss == "cascade" and need not in self._listed)
        ]


def chain(view: ClusterView, base: SliceBase) -> list[list[SliceBase]]:
    """Return who requires a slice, transitively: a path from `base` to each of them, shortest first.

    `[[stock, shop], [stock, shop, storefront]]`: the shop requires the stock, the storefront the
    shop. At most MAX_CHAINS paths, one for each slice that is affected.
    """
    needs, reached = view.once(Needs), {base}
    paths: list[list[SliceBase]] = []
    frontier = [[base]]
    while frontier and len(paths) < MAX_CHAINS:
        path = frontier.pop(0)
        for other in needs.requirers(path[-1]):
            if other not in reached:
                reached.add(other)
                paths.append([*path, other])
                frontier.append([*path, other])
    return paths[:MAX_CHAINS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What parking an instance, or ending that, depends on."""

    on_loss: OnDependencyLoss
    parked: bool
    active: bool
    """Whether the instance serves."""
    down_for_s: Mapping[SliceBase, float] = field(default_factory=dict)
    """Required slices that are missing, and for how long."""
    removed: tuple[SliceBase, ...] = ()
    """Required slices no blueprint lists any more."""
    grace_s: float


def settle(asked: Loss) -> Action:
    """Return whether to park an instance, to activate a parked one, or to leave it as it is.

    Within the grace a dependency that restarts changes nothing; what is removed is gone at once.
    """
    if asked.parked:
        there = not asked.down_for_s and not asked.removed
        return "activate" if there or asked.on_loss != "cascade" else "none"
    if asked.on_loss != "cascade" or not asked.active:
        return "none"
    lost = any(seconds >= asked.grace_s for seconds in asked.down_for_s.values())
    return "park" if lost or asked.removed else "none"


def follow_losses(
    view: ClusterView, signals: Signals, settings: ControlSettings, now: float
) -> Iterator[Wish]:
    """Yield the wishes that park dependents of lost slices and activate them when those are back."""
    concerned = [base for base, target in view.targets.items() if target.dependencies]
    slices = view.slices()
    holding = [base for base, one in slices.items() if one.target and one.once(_parked)]
    if not concerned and not holding:
        return
    needs = view.once(Needs)
    for base in sorted({*concerned, *holding}):
        target, parked = view.targets[base], slices[base].once(_parked)
        some_lost = any(n.required and needs.is_lost(n.slice) for n in target.dependencies)
        if not needs.is_listed(base) or not (some_lost or parked):
            continue
        asked = _loss(needs, target, signals, settings, now)
        for placed in sorted({*parked, *needs.active(base)} if some_lost else parked):
            wish = view.wanted.get(placed)
            if wish is None or (wish.desired is not Desired.ACTIVATE and not wish.parked):
                continue
            yield from _follow(view, placed, replace(asked, parked=wish.parked))


def _parked(one: SliceView) -> tuple[Placed, ...]:
    return tuple([copy.placed for copy in one.copies if copy.wish is not None and copy.wish.parked])


def _loss(
    needs: Needs,
    target: TargetRecord,
    signals: Signals,
    settings: ControlSettings,
    now: float,
) -> Loss:
    down = [need for need in required(target) if needs.is_down(need)]
    return Loss(
        on_loss=target.on_dependency_loss,
        parked=False,
        active=True,
        down_for_s={need: round(signals.slice_down_for(need, now), 3) for need in down},
        removed=tuple(need for need in required(target) if not needs.is_listed(need)),
        grace_s=settings.dependency_grace_s,
    )


def _follow(view: ClusterView, placed: Placed, asked: Loss) -> Iterator[Wish]:
    action, wish = settle(asked), view.wanted[placed]
    if action == "none":
        return
    inputs = write(asked, action)
    if action == "park":
        lost = ", ".join(dict.fromkeys([*sorted(asked.down_for_s), *asked.removed]))
        record = replace(
            wish, desired=Desired.DEACTIVATE, generation=wish.generation + 1, parked=True
        )
        text = f"park {placed[1]} on {placed[0]}: {lost}, which it requires, is gone"
        rejected = {"serve on": "its blueprint says on_dependency_loss = cascade"}
        yield Wish(*placed, record, Reason("", "dependency", text, inputs, rejected))
        return
    record = replace(wish, desired=Desired.ACTIVATE, generation=wish.generation + 1, parked=False)
    text = f"ACTIVATE {placed[1]} on {placed[0]}: all it requires is there again"
    yield Wish(*placed, record, Reason("", "dependency", text, inputs))


def _evaluate(inputs: Mapping[str, str]) -> str:
    return settle(read(inputs, Loss))


RULES: Mapping[str, Evaluate] = {"dependency": _evaluate}
