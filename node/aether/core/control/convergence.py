"""From targets to instances: place what is missing, move along what is under way, end the surplus.

Worked example: target 3, two instances ACTIVE, one FAILED for good. Nothing is placed: the failed
one counts, or the cluster would fill with failures. An instance with an old version or old
settings goes as soon as a new one serves in its place, so a change never dips below the target.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from aether.core.control.liveness import is_gone
from aether.core.control.moves import stay_after_failed_move, victim_of
from aether.core.control.placement import Occupancy
from aether.core.control.recovery import Remedy, is_done, remedy
from aether.core.control.removal import LEAVING, begin_removal, retired_dependents
from aether.core.control.signals import ControlSettings, Signals
from aether.core.control.targets import is_retired
from aether.core.model.ids import Artifact, InstanceId, NodeId, SliceBase
from aether.core.model.lifecycle import Desired
from aether.core.model.plan import DropRoute, Forget, Wish
from aether.core.model.reason import Reason
from aether.core.model.records import TargetRecord, WantedRecord
from aether.core.model.view import ClusterView, Placed


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing is done now; the sentence says what is waited for."""

    text: str


Step = Wish | Forget | Waiting


def forget_lost(view: ClusterView) -> Iterator[Forget]:
    """Yield the instances of nodes that are gone: placement then sees them missing."""
    for node, instance in sorted({*view.wanted, *view.phases}):
        if is_gone(view, node):
            text = f"{instance} was on {node}, which is gone"
            yield Forget(node, instance, Reason("", "recover", text, {"node": node}))


def converge(
    view: ClusterView, signals: Signals, settings: ControlSettings, now: float
) -> Iterator[Step]:
    """Yield what brings every slice nearer to its target."""
    occupancy = Occupancy(view)
    by_slice: dict[SliceBase, list[Placed]] = {base: [] for base in view.targets}
    for placed, wish in sorted(view.wanted.items()):
        if wish.desired not in LEAVING:
            by_slice.setdefault(placed[1].base, []).append(placed)
    for base, staying in sorted(by_slice.items()):
        target = view.targets.get(base)
        if target is None or is_retired(view, base):
            yield from _retire(view, base, staying)
        else:
            slice_ = _Slice(view, base, target, occupancy)
            yield from slice_.converge(staying, signals, settings, now)


def _retire(view: ClusterView, base: SliceBase, staying: list[Placed]) -> Iterator[Step]:
    dependents = retired_dependents(view, base)
    if dependents and staying:
        yield Waiting(f"{base} is removed after {', '.join(dependents)}, which need it")
        return
    for placed in staying:
        yield begin_removal(view, placed, "no blueprint asks for it")


class _Slice:
    """Convergence of one slice. Holds the view and the occupancy that placements update."""

    def __init__(
        self, view: ClusterView, base: SliceBase, target: TargetRecord, occupancy: Occupancy
    ) -> None:
        self._view = view
        self._base = base
        self._target = target
        self._artifact = Artifact.of(base, target.version)
        self._occupancy = occupancy
        self._gave_up: set[NodeId] = set()

    def converge(
        self, staying: list[Placed], signals: Signals, settings: ControlSettings, now: float
    ) -> Iterator[Step]:
        present: list[Placed] = []
        for placed in staying:
            step = self._move_along(placed, signals, settings, now)
            if step is not None:
                yield step
            if isinstance(step, Wish) and step.record.desired in LEAVING:
                yield from stay_after_failed_move(self._view, placed)
            if not (isinstance(step, Wish) and step.record.desired in LEAVING):
                present.append(placed)
        fitting = [placed for placed in present if self._fits(placed)]
        outdated = [placed for placed in present if not self._fits(placed)]
        yield from self._finish_moves(fitting)
        yield from self._place_missing(fitting)
        yield from self._end_surplus(fitting)
        yield from self._end_outdated(fitting, outdated)

    def _fits(self, placed: Placed) -> bool:
        """Whether the instance is what the target asks for, settings included."""
        wish, target = self._view.wanted[placed], self._target
        return (
            placed[1].version == target.version
            and wish.config == target.config
            and wish.timeout_s == target.timeout_s
        )

    def _move_along(
        self, placed: Placed, signals: Signals, settings: ControlSettings, now: float
    ) -> Step | None:
        """Return the next step of one instance that stays."""
        cure = remedy(self._view, placed, self._target, signals, settings, now)
        if isinstance(cure, Remedy):
            self._gave_up.update(cure.record.tried)
            return Wish(*placed, cure.record, cure.because)
        if cure is not None:
            return Waiting(cure)
        wish = self._view.wanted[placed]
        if wish.desired is Desired.LOAD and is_done(self._view, placed):
            missing = self._missing_dependencies()
            if missing:
                return Waiting(f"{placed[1]} is loaded and waits for {', '.join(missing)}")
            text = f"ACTIVATE {placed[1]} on {placed[0]}: it is loaded and what it needs is there"
            return _wish(placed, wish, Desired.ACTIVATE, Reason("", "activate", text))
        proven = signals.in_state_for(placed, now) > settings.proven_after_s
        if wish.attempt and proven and self._view.is_active(placed):
            text = f"{placed[1]} has served for {settings.proven_after_s:g} s"
            forgiven = replace(wish, attempt=0)
            return _wish(placed, forgiven, Desired.ACTIVATE, Reason("", "recover", text))
        return None

    def _missing_dependencies(self) -> list[SliceBase]:
        active = self._view.active_by_slice()
        return [
            need.slice
            for need in self._target.dependencies
            if need.required and not active.get(need.slice)
        ]

    def _finish_moves(self, fitting: list[Placed]) -> Iterator[Step]:
        """End what a moved instance replaces once the new one serves."""
        for placed in list(fitting):
            victim = victim_of(self._view, placed)
            if victim in fitting and self._view.is_active(placed):
                fitting.remove(victim)
                why = f"{placed[1]} on {placed[0]} serves in its place"
                yield begin_removal(self._view, victim, why)

    def _counted(self, fitting: list[Placed]) -> list[Placed]:
        """Return the instances that count: one that replaces another waits until that is gone."""
        return [placed for placed in fitting if victim_of(self._view, placed) not in fitting]

    def _place_missing(self, fitting: list[Placed]) -> Iterator[Step]:
        missing = self._target.instances - len(self._counted(fitting))
        tried = self._given_up_on()
        for number in range(missing):
            node = self._occupancy.choose(self._base, avoid=tried)
            if node is None:
                yield Waiting(
                    f"{self._base} lacks {missing - number} of {self._target.instances} instances: "
                    "no node on duty has room"
                )
                return
            instance = self._occupancy.next_instance(self._artifact)
            self._occupancy.add(node, instance)
            have = self._target.instances - missing + number
            yield self.place(node, instance, f"{have} of {self._target.instances} are there", tried)

    def place(
        self,
        node: NodeId,
        instance: InstanceId,
        why: str,
        tried: tuple[NodeId, ...] = (),
        replaces: str = "",
    ) -> Wish:
        """Return the wish for a new instance."""
        record = WantedRecord(
            desired=Desired.LOAD,
            generation=1,
            target_generation=self._target.generation,
            tried=tried,
            replaces=replaces,
            timeout_s=self._target.timeout_s,
            config=self._target.config,
        )
        reason = Reason("", "place", f"LOAD {instance} on {node}: {why}", {"node": node})
        return Wish(node, instance, record, reason)

    def _given_up_on(self) -> tuple[NodeId, ...]:
        """Return nodes that gave this version up, as the wishes still remember."""
        nodes = set(self._gave_up)
        for (_, instance), wish in self._view.wanted.items():
            if instance.artifact == self._artifact:
                nodes.update(wish.tried)
        return tuple(sorted(nodes))

    def _end_surplus(self, fitting: list[Placed]) -> Iterator[Step]:
        surplus = len(self._counted(fitting)) - self._target.instances
        for _ in range(surplus):
            counted = self._counted(fitting)
            idle = [placed for placed in counted if not self._view.is_active(placed)]
            placed = self._occupancy.most_crowded(self._base, idle or counted)
            fitting.remove(placed)
            self._occupancy.remove(*placed)
            why = f"{self._target.instances} are wanted, {len(counted)} are there"
            yield begin_removal(self._view, placed, why)

    def _end_outdated(self, fitting: list[Placed], outdated: list[Placed]) -> Iterator[Step]:
        serving = sum(1 for placed in fitting if self._view.is_active(placed))
        keep = max(0, self._target.instances - serving)
        # Those that do not serve go first: they hold nobody up.
        order = sorted(outdated, key=lambda placed: (self._view.is_active(placed), placed))
        for placed in order[: max(0, len(order) - keep)]:
            why = f"version {self._target.version} with its present settings serves in its place"
            yield begin_removal(self._view, placed, why)


def _wish(placed: Placed, wish: WantedRecord, desired: Desired, because: Reason) -> Wish:
    return Wish(*placed, replace(wish, desired=desired, generation=wish.generation + 1), because)


def drop_routes(view: ClusterView) -> Iterator[DropRoute]:
    """Yield routes of which no instance is left that could answer them.

    A route stays while any instance of its slice is under way: it may be about to claim it.
    """
    placed_by_slice: dict[SliceBase, list[Placed]] = {}
    for placed in view.wanted:
        placed_by_slice.setdefault(placed[1].base, []).append(placed)
    for (method, pattern), route in sorted(view.routes.items()):
        placed_here = placed_by_slice.get(route.slice, [])
        if all(_has_settled_without(view, placed, method, pattern) for placed in placed_here):
            text = f"no instance of {route.slice} answers {method} {pattern}"
            yield DropRoute(method, pattern, Reason("", "route", text))


def _has_settled_without(view: ClusterView, placed: Placed, method: str, pattern: str) -> bool:
    if not view.is_active(placed):
        return False
    claimed = view.phases[placed].routes
    return all((route.method, route.pattern) != (method, pattern) for route in claimed)
