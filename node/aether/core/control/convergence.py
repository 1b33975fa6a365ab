"""From targets to instances: place what is missing, move along what is under way, end the surplus.

Worked example: target 3, two instances ACTIVE, one FAILED for good. Nothing is placed: the failed
one counts, or the cluster would fill with failures. Never more than the target and its surge are
there, those on their way out not counted.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from msgspec.structs import replace as with_fields

from aether.core.control import updates
from aether.core.control.budgets import min_available
from aether.core.control.candidates import Choice, NoRoom
from aether.core.control.census import Census, count, idles
from aether.core.control.dependencies import Needs
from aether.core.control.evidence import Evaluate, read, write
from aether.core.control.moves import stay_after_failed_move, victim_of
from aether.core.control.placement import Occupancy
from aether.core.control.recovery import forgiveness, is_done, remedy
from aether.core.control.removal import (
    Replaced,
    Surplus,
    begin_removal,
    is_leaving,
    is_replaced,
    is_surplus,
)
from aether.core.control.settled import unsettled
from aether.core.control.signals import ControlSettings, Signals
from aether.core.control.unreadable import Held
from aether.core.control.waiting import Waiting
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Wish
from aether.core.model.reason import Reason
from aether.core.model.records import TargetRecord, WantedRecord
from aether.core.model.slice_view import Copy, Slices, SliceView
from aether.core.model.view import ClusterView, Placed

__all__ = ["RULES", "Step", "Waiting", "converge"]

Step = Wish | Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """What activating a loaded instance depends on."""

    loaded: bool
    missing: tuple[SliceBase, ...]
    """Slices it requires of which no instance serves."""


def may_activate(asked: Activation) -> str:
    """Return `ACTIVATE`, or `wait`."""
    return "ACTIVATE" if asked.loaded and not asked.missing else "wait"


@dataclass(frozen=True, kw_only=True)
class _Moment:
    """What all slices have in common while one plan is made; placements update the occupancy."""

    view: ClusterView
    signals: Signals
    settings: ControlSettings
    now: float
    needs: Needs

    @cached_property
    def occupancy(self) -> Occupancy:
        """Who hosts what: counted when the first slice needs it, and kept current from then on."""
        return Occupancy(self.view, _outgoing(self.view))


def _outgoing(view: ClusterView) -> Iterator[Placed]:
    """Yield the instances that go as soon as others serve in their place, and those on their way out."""
    slices, held = view.slices(), view.once(Held).slices
    for base in sorted(view.once(unsettled)):
        if base not in held:
            yield from slices[base].once(_outgoing_of)


def _outgoing_of(one: SliceView) -> tuple[Placed, ...]:
    """Return which instances of a slice are outgoing; an update that has failed for good ends none."""
    if one.target is None:
        return ()
    counted = one.once(count)
    new = [copy for copy in one.copies if copy.placed in counted.fitting]
    has_stopped = bool(new) and all(_has_failed_for_good(copy) for copy in new)
    staying = frozenset(counted.staying) if has_stopped else counted.fitting
    return tuple(placed for placed in one.wanted if placed not in staying)


def _has_failed_for_good(copy: Copy) -> bool:
    failure = copy.phase.failure if copy.phase is not None and copy.is_current else None
    return failure is not None and failure.kind == "fatal"


def converge(
    view: ClusterView, signals: Signals, settings: ControlSettings, now: float
) -> Iterator[Step]:
    """Yield what brings every slice nearer to its target."""
    moment = _Moment(
        view=view,
        signals=signals,
        settings=settings,
        now=now,
        needs=view.once(Needs),
    )
    slices, held, restless = view.slices(), view.once(Held).slices, view.once(unsettled)
    for base, one in slices.items():
        target = one.target
        if base in held:
            continue
        if target is None or not moment.needs.is_listed(base):
            yield from _retire(moment, one, slices)
        elif base in restless:
            yield from _nearer(moment, one, target)


def _nearer(moment: _Moment, one: SliceView, target: TargetRecord) -> Iterator[Step]:
    """Yield the steps of a slice that is not at rest; most often its nodes have to answer first."""
    census, idle = one.once(count), one.once(idles)
    overdue = census.overdue(moment.signals, moment.now)
    if idle is not None and not overdue:
        yield from idle
    else:
        yield from _Slice(moment, one.base, target, census).converge(census.attention | overdue)


def _retire(moment: _Moment, one: SliceView, slices: Slices) -> Iterator[Step]:
    view, needs, base = moment.view, moment.needs, one.base
    staying = [placed for placed in one.wanted if not is_leaving(view.wanted[placed])]
    if not staying:
        return
    before = [
        other
        for other in needs.requirers(base)
        if _goes_before(view, needs, other, slices[other].wanted) and not needs.reaches(base, other)
    ]
    if before:
        yield Waiting(f"{base} is removed after {', '.join(before)}, which need it")
        return
    for placed in staying:
        yield begin_removal(view, placed, "no blueprint asks for it")


def _goes_before(view: ClusterView, needs: Needs, other: SliceBase, here: Sequence[Placed]) -> bool:
    """Whether a slice must be removed, or parked, before one that it requires may go."""
    if not needs.is_listed(other):
        return bool(here)
    if view.targets[other].on_dependency_loss != "cascade":
        return False
    return any(_may_come_to_serve(view, placed) for placed in here)


def _may_come_to_serve(view: ClusterView, placed: Placed) -> bool:
    """Whether an instance serves, or may without a new wish; one that has failed needs one."""
    wish, phase = view.wanted[placed], view.phases.get(placed)
    has_failed = (
        phase is not None
        and phase.state is Phase.FAILED
        and view.is_current(placed)
        and phase.observed_generation >= wish.generation
    )
    return wish.desired is Desired.ACTIVATE and not has_failed


class _Slice:
    """Convergence of one slice."""

    def __init__(
        self, moment: _Moment, base: SliceBase, target: TargetRecord, census: Census
    ) -> None:
        self._moment = moment
        self._view = moment.view
        self._base = base
        self._target = target
        self._artifact = Artifact.of(base, target.version)
        self._census = census
        self._present = list(census.staying)
        self._leaving = census.leaving
        self._just_tried: set[NodeId] = set()

    def converge(self, concerned: Collection[Placed]) -> Iterator[Step]:
        """Yield the slice's steps: what goes before what comes, so that no instance is too many.

        Only those that are `concerned` may have failed or have a next step of their own.
        """
        if concerned:
            for placed in self._census.staying:
                if placed in concerned:
                    yield from self._move_along(placed)
        yield from self._finish_moves()
        outdated = [placed for placed in self._census.outdated if placed in self._present]
        yield from self._end_outdated(outdated, no_room=False)
        yield from self._end_surplus()
        yield from self._place_missing()

    def _fits(self, placed: Placed) -> bool:
        return placed in self._census.fitting

    def _leave(self, placed: Placed) -> None:
        """Count an instance out: it is on its way now."""
        self._present.remove(placed)
        self._leaving += 1
        self._moment.occupancy.remove(*placed)

    def _move_along(self, placed: Placed) -> Iterator[Step]:
        """Yield the next step of one instance that stays."""
        view, moment = self._view, self._moment
        cure = remedy(
            view,
            placed,
            self._target,
            moment.signals,
            moment.settings,
            moment.now,
            options=lambda: self._options(placed),
        )
        if isinstance(cure, str):
            yield Waiting(cure)
            return
        if cure is None:
            cure = forgiveness(view, placed, moment.signals, moment.settings, moment.now)
        if cure is not None:
            yield Wish(*placed, cure.record, cure.because)
            if cure.action == "give_up":
                if placed[1].artifact == self._artifact:  # another version may well run there
                    self._just_tried.add(placed[0])
                self._leave(placed)
                yield from stay_after_failed_move(view, placed)
            return
        wish = view.wanted[placed]
        if wish.desired is Desired.LOAD and is_done(view, placed):
            yield self._activate(placed, wish)

    def _activate(self, placed: Placed, wish: WantedRecord) -> Step:
        missing = tuple(self._moment.needs.missing(self._target))
        asked = Activation(loaded=True, missing=missing)
        decision = may_activate(asked)
        if decision == "wait":
            return Waiting(f"{placed[1]} is loaded and waits for {', '.join(missing)}")
        text = f"ACTIVATE {placed[1]} on {placed[0]}: it is loaded and what it needs is there"
        record = replace(wish, desired=Desired.ACTIVATE, generation=wish.generation + 1)
        return Wish(*placed, record, Reason("", "activate", text, write(asked, decision)))

    def _options(self, placed: Placed) -> tuple[bool, bool]:
        """Return whether another node could have the instance: one not tried yet, any at all."""
        if not self._fits(placed):
            return (False, False)  # an outdated one is not placed again: it is only kept alive
        placement, occupancy = self._target.placement, self._moment.occupancy
        tried = {*self._census.tried, *self._view.wanted[placed].tried, placed[0]}
        fresh = occupancy.choose(self._base, placement, sorted(tried))
        other = occupancy.choose(self._base, placement, (placed[0],))
        return (_is_good(fresh), _is_good(other))

    def _finish_moves(self) -> Iterator[Step]:
        """End what a moved instance replaces once the new one serves."""
        if not self._census.moves:
            return
        active = self._active()
        for placed in list(self._present):
            victim = victim_of(self._view, placed)
            if victim is None or victim not in self._present or placed not in active:
                continue
            asked = Replaced(
                serves=not self._is_idle(victim),
                replacement_serves=True,
                active=len(active | {victim}),
                budget=min_available(self._target),
            )
            if is_replaced(asked) == "end":
                active -= {victim}
                why = f"{placed[1]} on {placed[0]} serves in its place"
                yield _ended(begin_removal(self._view, victim, why), write(asked, "end"))
                self._leave(victim)
            else:
                yield Waiting(
                    f"{victim[1]} stays on {victim[0]} though {placed[1]} serves in its place: "
                    f"{asked.active} of {self._base} serve, at least {asked.budget} must"
                )

    def _active(self) -> frozenset[Placed]:
        """Return those that serve on nodes nobody doubts."""
        return self._census.relied_on.intersection(self._present)

    def _counted(self, among: list[Placed]) -> list[Placed]:
        """Return those that count: one that replaces another waits until that is gone."""
        if not self._census.moves:
            return among
        present = set(self._present)
        return [placed for placed in among if victim_of(self._view, placed) not in present]

    def _end_outdated(self, outdated: list[Placed], *, no_room: bool) -> Iterator[Step]:
        if not outdated:
            return
        useless = [placed for placed in outdated if updates.is_useless(self._view, placed)]
        order = updates.in_order(
            self._view, self._counted([placed for placed in outdated if placed not in useless])
        )
        active = self._active()
        shared = updates.shared_question(
            self._target,
            active=len(active),
            new_active=sum(1 for placed in self._fitting() if placed in active),
            old=len(order),
            leaving=self._leaving,
        )
        shared = replace(shared, no_room=no_room)
        of_no_use = [(placed, replace(shared, useless=True)) for placed in useless]
        for placed, asked in [*of_no_use, *updates.ends(self._view, shared, order)]:
            why = updates.why(asked, self._target.version)
            explain = partial(updates.because, asked, order=order)
            yield begin_removal(self._view, placed, why, explain)
            self._leave(placed)

    def _fitting(self) -> list[Placed]:
        return [placed for placed in self._present if self._fits(placed)]

    def _end_surplus(self) -> Iterator[Step]:
        wanted, present = self._target.instances, len(self._counted(self._fitting()))
        for rank in range(present - wanted):
            counted = self._counted(self._fitting())
            idle = [placed for placed in counted if self._is_idle(placed)]
            placed = self._moment.occupancy.most_crowded(
                self._base, idle or counted, self._target.placement
            )
            asked = Surplus(
                wanted=wanted, present=present, rank=rank, serves=placed in self._census.serving
            )
            step = begin_removal(self._view, placed, f"{wanted} are wanted, {present} are there")
            yield _ended(step, write(asked, is_surplus(asked)))
            self._leave(placed)

    def _is_idle(self, placed: Placed) -> bool:
        """Whether an instance surely does not serve."""
        return placed not in self._census.serving and placed not in self._census.unclear

    def _place_missing(self) -> Iterator[Step]:
        have = len(self._counted(self._fitting()))
        missing = self._target.instances - have
        room = updates.surge_left(self._target, len(self._present))
        for number in range(min(missing, room)):
            choice = self._choose()
            if isinstance(choice, NoRoom):
                yield from self._without_room(missing - number, choice)
                return
            yield self._place(choice, have + number)
        if missing > room:
            yield updates.waits_for_room(self._base, self._target, missing - room)

    def _without_room(self, missing: int, choice: NoRoom) -> Iterator[Step]:
        outdated = [p for p in self._present if not self._fits(p) and self._makes_room(p)]
        outdated = [placed for placed in outdated if placed not in self._census.unclear]
        made = list(self._end_outdated(outdated, no_room=True))
        yield from made
        wanted = self._target.instances
        yield Waiting(f"{self._base} lacks {missing} of {wanted} instances: {choice.why}")

    def _makes_room(self, placed: Placed) -> bool:
        """Whether a new instance could take the place of this one."""
        node = self._view.nodes.get(placed[0])
        on_duty = placed[0] in self._moment.occupancy.nodes
        return on_duty and node is not None and updates.has_labels(node, self._target)

    def _choose(self) -> Choice | NoRoom:
        placement, occupancy = self._target.placement, self._moment.occupancy
        tried = {*self._census.tried, *self._just_tried}
        choice = occupancy.choose(self._base, placement, sorted(tried))
        if isinstance(choice, Choice) and choice.is_last_resort and self._just_tried < tried:
            return occupancy.choose(self._base, placement, sorted(self._just_tried))
        return choice

    def _place(self, choice: Choice, have: int) -> Wish:
        """Return the wish for a new instance, and count it."""
        instance = self._moment.occupancy.next_instance(self._artifact)
        self._moment.occupancy.add(choice.node, instance)
        record = WantedRecord(
            desired=Desired.LOAD,
            generation=1,
            target_generation=self._target.generation,
            tried=tuple(sorted({*self._census.tried, *self._just_tried})),
            timeout_s=self._target.timeout_s,
            config=self._target.config,
        )
        wanted = self._target.instances
        text = f"LOAD {instance} on {choice.node}: {have} of {wanted} are there"
        because = Reason("", "place", text, choice.inputs, choice.rejected)
        return Wish(choice.node, instance, record, because)


def _is_good(choice: Choice | NoRoom) -> bool:
    return isinstance(choice, Choice) and not choice.is_last_resort


def _ended(step: Wish, inputs: Mapping[str, str]) -> Wish:
    """Return the first step out with the inputs that chose the instance."""
    return replace(step, because=with_fields(step.because, inputs=inputs))


RULES: Mapping[str, Evaluate] = {"activate": lambda inputs: may_activate(read(inputs, Activation))}
