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
from aether.core.control.moves import LESSON, LESSON_INPUT, replacement, victim_of
from aether.core.control.placement import Occupancy
from aether.core.control.relocation import Crowd, Question, Relocation, burden, gain, relief
from aether.core.control.removal import is_leaving
from aether.core.control.targets import is_retired
from aether.core.control.updates import fits
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Wish
from aether.core.model.reason import Reason
from aether.core.model.records import TargetRecord, Verdict
from aether.core.model.view import ClusterView, Placed

MOST_CANDIDATES = 5
"""Moves a reason shows, the one made included."""

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
    occupancy = Occupancy(view)
    found = [
        move
        for base, held in sorted(slices.items())
        if (move := _best_of_slice(view, occupancy, base, held)) is not None
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
    for placed, wish in view.wanted.items():
        phase = view.phases.get(placed)
        settled = phase is not None and phase.state in _SETTLED and view.is_current(placed)
        if not settled or is_leaving(wish) or victim_of(view, placed) is not None:
            return None
        held = slices.setdefault(placed[1].base, _Held())
        held.staying += 1
        held.tried.update(wish.tried)
        if wish.desired is Desired.ACTIVATE and view.is_active(placed):
            held.movable.setdefault(placed[0], []).append(placed)
    return slices


def _best_of_slice(
    view: ClusterView, occupancy: Occupancy, base: SliceBase, held: _Held
) -> Relocation | None:
    """Return the slice's best move, when it gains anything and the slice may have one more."""
    target = view.targets.get(base)
    if target is None or held.staying + 1 > target.instances + max_surge(target):
        return None
    slice_ = _Slice(occupancy, base, target, held)
    moves = [move for move in slice_.moves() if gain(move) > relocation.NOTHING]
    best = min(moves, key=relocation.order, default=None)
    if best is None or is_retired(view, base):
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
        self, occupancy: Occupancy, base: SliceBase, target: TargetRecord, held: _Held
    ) -> None:
        self._occupancy = occupancy
        self._base = base
        self._held = held
        self._by_zone = target.placement.spread == "zone"
        self._room = occupancy.room(target.placement.require)

    def moves(self) -> Iterator[Relocation]:
        """Yield the moves to choose from."""
        sources = self._extremes(self._sources(), least=False)
        goals = self._extremes(self._goals(), least=True)
        for zone, there in sorted(sources.items()):
            yield from self._pairs(there, goals.get(zone, []))
        if self._by_zone:
            across = [crowd for zone in sorted(sources) for crowd in sources[zone]]
            beyond = [crowd for zone in sorted(goals) for crowd in goals[zone]]
            yield from self._pairs(_of_each_kind(across, least=False), _of_each_kind(beyond))

    def _pairs(self, sources: Sequence[Crowd], goals: Sequence[Crowd]) -> Iterator[Relocation]:
        for source in sources:
            for goal in goals:
                if source.node != goal.node:
                    same = not self._by_zone or self._zone(source) == self._zone(goal)
                    instance = min(self._held.movable[source.node])[1]
                    yield Relocation(instance=instance, source=source, goal=goal, same_zone=same)

    def _sources(self) -> Iterator[Crowd]:
        on_duty = (node for node in sorted(self._held.movable) if self._occupancy.hosts(node))
        return (self._crowd(node) for node in on_duty)

    def _goals(self) -> Iterator[Crowd]:
        """Yield nodes with room: all that have some of the slice, of others the emptiest per zone."""
        tried, hosting = self._held.tried, self._occupancy.hosting(self._base)
        for node, count in sorted(hosting.items()):
            if count and self._room.has(node) and node not in tried:
                yield self._crowd(node)
        groups = self._room.by_zone.values() if self._by_zone else [self._room.everywhere]
        for entries in groups:
            others = (node for _, _, node in entries if not hosting.get(node) and node not in tried)
            first = next(others, None)
            if first is not None:
                yield self._crowd(first)

    def _extremes(self, crowds: Iterable[Crowd], *, least: bool) -> dict[str, list[Crowd]]:
        by_zone: dict[str, list[Crowd]] = {}
        for crowd in crowds:
            by_zone.setdefault(self._zone(crowd) if self._by_zone else "", []).append(crowd)
        return {zone: _of_each_kind(there, least=least) for zone, there in by_zone.items()}

    def _zone(self, crowd: Crowd) -> str:
        return self._occupancy.zone(crowd.node)

    def _crowd(self, node: NodeId) -> Crowd:
        occupancy, zone = self._occupancy, self._occupancy.zone(node)
        return Crowd(
            node=node,
            in_zone=occupancy.in_zone(zone, self._base) if self._by_zone else 0,
            of_slice=occupancy.of_slice(node, self._base),
            total=occupancy.total(node),
            capacity=occupancy.capacity(node),
        )


def _of_each_kind(crowds: Iterable[Crowd], *, least: bool = True) -> list[Crowd]:
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
