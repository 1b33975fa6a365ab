"""Moving instances to nodes that have fewer, one at a time and only in calm.

A node that comes back after a loss is empty; without this it would stay so until something fails.
A move places the new instance first and ends the old one when the new one serves, so no slice ever
serves with less. Every move makes zones, nodes or loads more even (`relocation`), so a cluster that
nothing else changes comes to rest.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aether.core.control import relocation
from aether.core.control.budgets import max_surge
from aether.core.control.evidence import Evaluate, write
from aether.core.control.moves import LESSON, LESSON_INPUT, has_victims, replacement, victim_of
from aether.core.control.placement import Occupancy
from aether.core.control.ranking import Room
from aether.core.control.relocation import Crowd, Question, Relocation, burden, gain, relief
from aether.core.control.removal import is_leaving
from aether.core.control.targets import listed_slices
from aether.core.control.updates import fits
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Wish
from aether.core.model.reason import Reason
from aether.core.model.records import TargetRecord, Verdict
from aether.core.model.slice_view import SliceView
from aether.core.model.view import ClusterView, Placed

MOST_CANDIDATES = 5
"""Moves a reason shows, the one made included."""

LEAST_GAP = 2
"""A move must bring two nodes nearer: with a difference of one it would only swap them."""

_SETTLED = frozenset({Phase.ACTIVE, Phase.FAILED, Phase.LOADED})
"""Phases that last until the leader acts; in calm, what is LOADED is parked or waits for others."""


def rebalance(view: ClusterView) -> Wish | None:
    """Return the one move that spreads best, or None when nothing is gained or all is not well.

    Nothing moves while anything else is under way or a node is doubted; what has failed for good is
    not under way. Slices that are short of surge, being updated or removed are left alone.
    """
    if any(verdict.verdict is Verdict.SUSPECT for verdict in view.verdicts.values()):
        return None
    slices = _survey(view)
    if slices is None:
        return None
    occupancy, listed = Occupancy(view), listed_slices(view)
    reliefs = {n: relief(occupancy.total(n), occupancy.capacity(n)) for n in occupancy.nodes}
    found = [
        move
        for base, held in sorted(slices.items())
        if base in listed
        and (move := _best_of_slice(view, _Slice(occupancy, base, held, reliefs))) is not None
    ]
    asked = Question(moves=tuple(sorted(found, key=relocation.order)[:MOST_CANDIDATES]))
    best = relocation.decide(asked)
    return _move(view, occupancy, best, asked) if best else None


@dataclass(slots=True)
class _Held:
    """The instances of one slice that stay, and those of them that may be moved, by node."""

    staying: int = 0
    tried: set[NodeId] = field(default_factory=set)
    movable: dict[NodeId, list[Placed]] = field(default_factory=dict)


def _survey(view: ClusterView) -> Mapping[SliceBase, _Held] | None:
    """Return what is there of every slice; None when something is under way."""
    slices: dict[SliceBase, _Held] = {}
    for base, one in view.slices().items():
        held = one.once(_held)
        if held is None:
            return None
        if one.once(has_victims) and any(victim_of(view, placed) for placed in one.wanted):
            return None
        if held.staying:
            slices[base] = held
    return slices


def _held(one: SliceView) -> _Held | None:
    """Return what is there of a slice; None when something is under way."""
    held = _Held()
    for copy in one.copies:
        wish, phase = copy.wish, copy.phase
        if wish is None:
            continue
        if phase is None or not copy.is_current or phase.state not in _SETTLED or is_leaving(wish):
            return None
        held.staying += 1
        held.tried.update(wish.tried)
        if wish.desired is Desired.ACTIVATE and copy.is_active:
            held.movable.setdefault(copy.placed[0], []).append(copy.placed)
    return held


def _best_of_slice(view: ClusterView, slice_: "_Slice") -> Relocation | None:
    """Return the slice's best move, when it gains anything and the slice may have one more."""
    target = view.targets[slice_.base]
    if slice_.held.staying + 1 > target.instances + max_surge(target):
        return None
    moves = slice_.moves(target) if slice_.may_gain(target) else ()
    best = min(
        (move for move in moves if gain(move) > relocation.NOTHING),
        key=relocation.order,
        default=None,
    )
    if best is None:
        return None
    here = view.wanted[best.source.node, best.instance]
    fitting = fits(best.instance.version, here, target, view.nodes.get(best.source.node))
    return best if fitting else None


class _Slice:
    """The moves of one slice that may be worth it: of each kind of node the most and least loaded.

    Nodes are of one kind when they, and their zones, have equally many of the slice. Nodes of one
    kind differ in load only, so the best move starts and ends at one of the few found here.
    """

    def __init__(
        self,
        occupancy: Occupancy,
        base: SliceBase,
        held: _Held,
        reliefs: Mapping[NodeId, float],
    ) -> None:
        self.base = base
        self.held = held
        self._occupancy = occupancy
        self._reliefs = reliefs

    def may_gain(self, target: TargetRecord) -> bool:
        """Whether any move may gain something: a quick look that most slices do not get past."""
        room = self._occupancy.room(target.placement.require)
        if not room.everywhere:
            return False
        hosting = self._occupancy.hosting(self.base)
        some = [count for count in hosting.values() if count]
        fewest = 0
        if len(some) >= len(room.everywhere):
            fewest = min(hosting.get(node, 0) for _, _, node in room.everywhere)
        if max(some, default=0) - fewest >= LEAST_GAP:
            return True
        most = max((self._reliefs.get(node, 0.0) for node in self.held.movable), default=0.0)
        return most > room.least_burden or (
            target.placement.spread == "zone" and self._zones_differ(room)
        )

    def _zones_differ(self, room: Room) -> bool:
        crowd, zone = self._occupancy.in_zone, self._occupancy.zone
        most = max((crowd(zone(node), self.base) for node in self.held.movable), default=0)
        fewest = min(crowd(name, self.base) for name, entries in room.by_zone.items() if entries)
        return most - fewest >= LEAST_GAP

    def moves(self, target: TargetRecord) -> Iterator[Relocation]:
        """Yield the moves to choose from."""
        by_zone = target.placement.spread == "zone"
        room = self._occupancy.room(target.placement.require)
        sources = self._extremes(self._sources(by_zone=by_zone), by_zone=by_zone, least=False)
        goals = self._extremes(self._goals(room, by_zone=by_zone), by_zone=by_zone, least=True)
        for zone, there in sorted(sources.items()):
            yield from self._pairs(there, goals.get(zone, []), same_zone=True)
        if by_zone:
            across = [crowd for zone in sorted(sources) for crowd in sources[zone]]
            beyond = [crowd for zone in sorted(goals) for crowd in goals[zone]]
            yield from self._pairs(
                _of_each_kind(across, least=False),
                _of_each_kind(beyond, least=True),
                same_zone=False,
            )

    def _pairs(
        self, sources: Sequence[Crowd], goals: Sequence[Crowd], *, same_zone: bool
    ) -> Iterator[Relocation]:
        for source in sources:
            instance = min(self.held.movable[source.node])[1]
            for goal in goals:
                if source.node != goal.node and (same_zone or not self._share_zone(source, goal)):
                    yield Relocation(
                        instance=instance, source=source, goal=goal, same_zone=same_zone
                    )

    def _share_zone(self, one: Crowd, other: Crowd) -> bool:
        return self._occupancy.zone(one.node) == self._occupancy.zone(other.node)

    def _sources(self, *, by_zone: bool) -> Iterator[Crowd]:
        for node in sorted(self.held.movable):
            if self._occupancy.hosts(node):
                yield self._crowd(node, by_zone=by_zone)

    def _goals(self, room: Room, *, by_zone: bool) -> Iterator[Crowd]:
        """Yield nodes with room: all that have some of the slice, of others the emptiest per zone."""
        tried, hosting = self.held.tried, self._occupancy.hosting(self.base)
        for node, count in sorted(hosting.items()):
            if count and room.has(node) and node not in tried:
                yield self._crowd(node, by_zone=by_zone)
        for entries in room.by_zone.values() if by_zone else [room.everywhere]:
            others = (n for _, _, n in entries if not hosting.get(n) and n not in tried)
            first = next(others, None)
            if first is not None:
                yield self._crowd(first, by_zone=by_zone)

    def _extremes(
        self, crowds: Iterable[Crowd], *, by_zone: bool, least: bool
    ) -> dict[str, list[Crowd]]:
        groups: dict[str, list[Crowd]] = {}
        for crowd in crowds:
            zone = self._occupancy.zone(crowd.node) if by_zone else ""
            groups.setdefault(zone, []).append(crowd)
        return {zone: _of_each_kind(there, least=least) for zone, there in groups.items()}

    def _crowd(self, node: NodeId, *, by_zone: bool) -> Crowd:
        occupancy = self._occupancy
        return Crowd(
            node=node,
            in_zone=occupancy.in_zone(occupancy.zone(node), self.base) if by_zone else 0,
            of_slice=occupancy.of_slice(node, self.base),
            total=occupancy.total(node),
            capacity=occupancy.capacity(node),
        )


def _of_each_kind(crowds: Iterable[Crowd], *, least: bool) -> list[Crowd]:
    """Return of each kind of node the least loaded, or the most loaded; first by name of equals."""
    best: dict[tuple[int, int], tuple[float, NodeId, Crowd]] = {}
    for crowd in crowds:
        load = (
            burden(crowd.total, crowd.capacity) if least else -relief(crowd.total, crowd.capacity)
        )
        kind, entry = (crowd.in_zone, crowd.of_slice), (load, crowd.node, crowd)
        if kind not in best or entry[:2] < best[kind][:2]:
            best[kind] = entry
    return [best[kind][2] for kind in sorted(best)]


def _move(view: ClusterView, occupancy: Occupancy, best: Relocation, asked: Question) -> Wish:
    victim = (best.source.node, best.instance)
    target = view.targets[best.instance.base]
    new = occupancy.next_instance(Artifact.of(best.instance.base, target.version))
    source, goal = best.source, best.goal
    sentence = (
        f"LOAD {new} on {goal.node} in place of {best.instance} on {source.node}: "
        f"{_difference(best)}"
    )
    rejected = {
        relocation.text(other): "it evens the cluster less"
        for other in asked.moves
        if other != best
    }
    because = Reason("", "balance", sentence, write(asked, relocation.text(best)), rejected)
    return replacement(victim, view.wanted[victim], target, (goal.node, new), because)


def _difference(move: Relocation) -> str:
    zones, nodes, _ = gain(move)
    source, goal, base = move.source, move.goal, move.instance.base
    if zones > 0:
        return f"its zone has {source.in_zone} of {base}, that of {goal.node} {goal.in_zone}"
    if nodes > 0:
        return f"{source.node} has {source.of_slice} of {base}, {goal.node} {goal.of_slice}"
    return (
        f"{source.node} hosts {source.total} of at most {source.capacity}, "
        f"{goal.node} {goal.total} of {goal.capacity}"
    )


def _evaluate(inputs: Mapping[str, str]) -> str:
    return LESSON(inputs) if LESSON_INPUT in inputs else relocation.EVALUATE(inputs)


RULES: Mapping[str, Evaluate] = {"balance": _evaluate}
