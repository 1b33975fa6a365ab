"""Which node gets an instance: hard filters, then spread, then room. Equal inputs, equal node.

Filters: the node is on duty, has the labels the slice requires, and hosts fewer instances than its
capacity. Order: fewest of the slice in the zone when it is spread over zones, fewest of the slice
on the node, most room for its capacity, first by name.

Worked example: slice A has instances on n1 and n2; n1 hosts 5 instances in all, n2 2, n3 9, each
may host 200. The next A goes to n3 (0 of A there), the one after that to n2 (1 of A, most room).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from aether.core.control.candidates import (
    MOST_CANDIDATES,
    MOST_REJECTED,
    Candidate,
    Choice,
    NoRoom,
    Question,
    decide,
    rank,
)
from aether.core.control.evidence import Evaluate, read
from aether.core.control.liveness import is_gone, may_host
from aether.core.control.ranking import Entry, Ranking, Room, fullness, zone_of
from aether.core.control.removal import is_leaving
from aether.core.model.ids import Artifact, InstanceId, NodeId, SliceBase
from aether.core.model.records import NodeRecord, Placement, Verdict
from aether.core.model.view import ClusterView, Placed

__all__ = ["RULES", "Choice", "NoRoom", "Occupancy"]

NOWHERE_SPECIAL = Placement()
"""Spread over nodes, no labels required."""


class Occupancy:
    """How many instances each node holds, in all and of each slice, as a plan is being made."""

    def __init__(self, view: ClusterView) -> None:
        self._view = view
        self._nodes = [node for node in sorted(view.nodes) if may_host(view, node)]
        self._capacity = {node: view.nodes[node].capacity for node in self._nodes}
        self._zone = {node: zone_of(record) for node, record in view.nodes.items()}
        self._total: Counter[NodeId] = Counter()
        self._of_slice: dict[SliceBase, Counter[NodeId]] = {}
        self._in_zone: Counter[tuple[str, SliceBase]] = Counter()
        self._ordinals: dict[str, set[int]] | None = None
        self._rooms: dict[tuple[tuple[str, str], ...], Room] = {}
        self._rankings: dict[SliceBase, tuple[Placement, Ranking]] = {}
        self._stays = {node: _stays(view, node) for node in view.nodes if not is_gone(view, node)}
        for (node, instance), wish in view.wanted.items():
            if node not in self._stays:
                continue
            self._total[node] += 1
            if self._stays[node] and not is_leaving(wish):
                self._count(node, instance.base, 1)
        self._off_duty = [
            (node, _verdict_of(view, node))
            for node in sorted(view.nodes)
            if not may_host(view, node)
        ]

    @property
    def nodes(self) -> list[NodeId]:
        """Nodes that may be given instances, sorted."""
        return self._nodes

    def total(self, node: NodeId) -> int:
        """Instances on the node, those on their way out included: they still take room."""
        return self._total[node]

    def of_slice(self, node: NodeId, base: SliceBase) -> int:
        """Instances of one slice that are to stay on the node."""
        return self.hosting(base).get(node, 0)

    def hosting(self, base: SliceBase) -> Mapping[NodeId, int]:
        """Return how many instances of the slice are to stay on each node that has had any."""
        return self._of_slice.get(base, {})

    def hosts(self, node: NodeId) -> bool:
        """Whether the node may be given instances: it is on duty."""
        return node in self._capacity

    def capacity(self, node: NodeId) -> int:
        """Most instances the node will host; 0 when it is not on duty."""
        return self._capacity.get(node, 0)

    def zone(self, node: NodeId) -> str:
        """Return the zone of a node, empty when it has none."""
        return self._zone.get(node, "")

    def in_zone(self, zone: str, base: SliceBase) -> int:
        """Instances of one slice that are to stay in the zone."""
        return self._in_zone[zone, base]

    def add(self, node: NodeId, instance: InstanceId) -> None:
        """Count one instance more."""
        before = self._total[node]
        self._total[node] += 1
        self._count(node, instance.base, 1)
        for room in self._rooms.values():
            room.fill(node, before, self._capacity.get(node, 0))
        self._take(instance)

    def remove(self, node: NodeId, instance: InstanceId) -> None:
        """Count one instance as leaving: it takes room until it is gone, and keeps its ordinal."""
        if not self._stays.get(node, False):
            return  # nothing there was counted as staying
        self._count(node, instance.base, -1)
        self._rankings.pop(instance.base, None)  # a ranking stands only while numbers grow

    def _count(self, node: NodeId, base: SliceBase, number: int) -> None:
        here = self._of_slice.get(base)
        if here is None:
            here = self._of_slice[base] = Counter()
        here[node] += number
        self._in_zone[self._zone.get(node, ""), base] += number

    def next_instance(self, artifact: Artifact) -> InstanceId:
        """Return the artifact's instance with the lowest ordinal that is free in the cluster."""
        taken = self._taken.get(artifact, set())
        ordinal = next(number for number in range(len(taken) + 1) if number not in taken)
        return InstanceId.of(artifact, ordinal)

    @property
    def _taken(self) -> dict[str, set[int]]:
        if self._ordinals is None:
            self._ordinals = {}
            for (_, instance), wish in self._view.wanted.items():
                self._take(instance)
                if wish.replaces:
                    # A name that a wish still refers to must not come back as another instance,
                    # or that would be taken for the one to replace.
                    self._take(wish.replaces.partition("/")[2])
        return self._ordinals

    def _take(self, instance: str) -> None:
        artifact, _, ordinal = instance.rpartition("/")
        if ordinal.isdecimal():
            self._taken.setdefault(artifact, set()).add(int(ordinal))

    def choose(
        self,
        base: SliceBase,
        placement: Placement = NOWHERE_SPECIAL,
        avoid: Collection[NodeId] = (),
    ) -> Choice | NoRoom:
        """Return the best node for one more instance of the slice, or why there is none.

        A node of `avoid` is taken only when there is no other.
        """
        room = self.room(placement.require)
        ranking = self._ranking(base, placement, room)

        def crowding(zone: str) -> int:
            return self._in_zone[zone, base] if placement.spread == "zone" else 0

        best = ranking.best(MOST_CANDIDATES + len(avoid), crowding)
        candidates = sorted(
            (self._candidate(entry[2], base, placement, avoid) for entry in best), key=rank
        )
        if not candidates:
            return self._no_room(placement, room)
        asked = Question(
            slice=base, spread=placement.spread, candidates=tuple(candidates[:MOST_CANDIDATES])
        )
        return Choice(decide(asked), asked, self._unfit(room))

    def room(self, require: Mapping[str, str]) -> Room:
        """Return the nodes with room that have the labels."""
        labels = tuple(sorted(require.items()))
        if labels not in self._rooms:
            lacking = {n: _lacks(self._view.nodes[n], labels) for n in self._nodes}
            self._rooms[labels] = Room(
                (
                    (node, self._zone[node], self._total[node], self._capacity[node])
                    for node in self._nodes
                    if not lacking[node]
                ),
                [(node, missing) for node, missing in lacking.items() if missing],
            )
        return self._rooms[labels]

    def _ranking(self, base: SliceBase, placement: Placement, room: Room) -> Ranking:
        known = self._rankings.get(base)
        if known is not None and known[0] == placement:
            return known[1]

        here = self._of_slice.setdefault(base, Counter())

        def now(node: NodeId) -> Entry | None:
            total, capacity = self._total[node], self._capacity[node]
            if total >= capacity:
                return None
            return (here[node], fullness(total, capacity), node)

        groups = room.by_zone if placement.spread == "zone" else {"": room.everywhere}
        ranking = Ranking(groups, now)
        self._rankings[base] = (placement, ranking)
        return ranking

    def _candidate(
        self, node: NodeId, base: SliceBase, placement: Placement, avoid: Collection[NodeId]
    ) -> Candidate:
        by_zone = placement.spread == "zone"
        return Candidate(
            node=node,
            avoided=node in avoid,
            in_zone=self._in_zone[self._zone[node], base] if by_zone else 0,
            of_slice=self.of_slice(node, base),
            total=self._total[node],
            capacity=self._capacity[node],
        )

    def _unfit(self, room: Room) -> tuple[tuple[NodeId, str], ...]:
        off_duty = [(node, f"it is {verdict}") for node, verdict in self._off_duty[:MOST_REJECTED]]
        full = [(node, "it is full") for node in room.full[:MOST_REJECTED]]
        lacking = [(node, f"it lacks {labels}") for node, labels in room.lacking[:MOST_REJECTED]]
        return (*off_duty, *full, *lacking)

    def _no_room(self, placement: Placement, room: Room) -> NoRoom:
        return NoRoom(
            nodes=len(self._view.nodes),
            off_duty=len(self._off_duty),
            lacking=len(room.lacking),
            full=len(room.full),
            require=placement.require,
        )

    def most_crowded(
        self,
        base: SliceBase,
        among: Iterable[Placed],
        placement: Placement = NOWHERE_SPECIAL,
    ) -> Placed:
        """Return the instance whose removal spreads the rest best; `among` is not empty.

        One on a node that is not on duty goes before all others.
        """

        def crowding(placed: Placed) -> tuple[bool, int, int, float, NodeId, int]:
            node = placed[0]
            by_zone = placement.spread == "zone"
            return (
                node not in self._capacity,
                self._in_zone[self.zone(node), base] if by_zone else 0,
                self.of_slice(node, base),
                fullness(self._total[node], max(1, self.capacity(node))),
                node,
                placed[1].ordinal,
            )

        return max(among, key=crowding)


def _stays(view: ClusterView, node: NodeId) -> bool:
    """Whether what is on the node may stay there: it is neither gone nor being emptied."""
    verdict = view.verdicts.get(node)
    return verdict is None or (verdict.drain is None and verdict.verdict is not Verdict.DRAINING)


def _verdict_of(view: ClusterView, node: NodeId) -> str:
    verdict = view.verdicts.get(node)
    return verdict.verdict if verdict else Verdict.JOINING


def _lacks(record: NodeRecord, require: tuple[tuple[str, str], ...]) -> str:
    """Return the labels the node does not have, as text."""
    return ", ".join(
        f"{name}={value}" for name, value in require if record.labels.get(name) != value
    )


def _evaluate(inputs: Mapping[str, str]) -> str:
    return decide(read(inputs, Question))


RULES: Mapping[str, Evaluate] = {"place": _evaluate}
