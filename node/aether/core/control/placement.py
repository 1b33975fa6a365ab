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
from aether.core.control.liveness import has_left, is_gone, may_host
from aether.core.control.ranking import Entry, Load, Ranking, Room, fullness, zone_of
from aether.core.control.removal import is_leaving
from aether.core.model.ids import Artifact, InstanceId, NodeId, SliceBase
from aether.core.model.records import NodeRecord, Placement, Verdict, VerdictRecord
from aether.core.model.slice_view import SliceView
from aether.core.model.view import ClusterView, Placed

__all__ = ["RULES", "Choice", "NoRoom", "Occupancy"]

NOWHERE_SPECIAL = Placement()
"""Spread over nodes, no labels required."""


class Occupancy:
    """How many instances each node holds, in all and of each slice, as a plan is being made.

    `outgoing` are to be replaced soon: they take room, and make their node no fuller than it will be
    without them. Otherwise what replaces them would crowd on the nodes they leave first.
    """

    def __init__(self, view: ClusterView, outgoing: Iterable[Placed] = ()) -> None:
        self._view = view
        self._nodes = [node for node in sorted(view.nodes) if may_host(view, node)]
        self._capacity = {node: view.nodes[node].capacity for node in self._nodes}
        self._zone = {node: zone_of(record) for node, record in view.nodes.items()}
        self._slices = view.slices()
        self._total: Counter[NodeId] = Counter()
        self._changed: dict[SliceBase, Counter[NodeId]] = {}
        self._in_zones: dict[SliceBase, Counter[str]] = {}
        self._taken: dict[Artifact, set[int]] = {}
        self._rooms: dict[tuple[tuple[str, str], ...], Room] = {}
        self._rankings: dict[SliceBase, tuple[Placement, Ranking]] = {}
        self._stays = {node: _stays(view, node) for node in view.nodes if not is_gone(view, node)}
        for one in self._slices.values():
            for node, number in one.once(_hosted)[0].items():
                self._total[node] += number
        self._lasting = self._total.copy()
        self._lasting.subtract(node for node, _ in outgoing if node in self._stays)
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
        changed = self._changed.get(base)
        if changed is not None:
            return changed
        one = self._slices.get(base)
        return one.once(_hosted)[1] if one is not None else {}

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
        return self._zones(base)[zone]

    def _zones(self, base: SliceBase) -> Counter[str]:
        """Return how many of the slice are to stay in each zone, counted when somebody asks."""
        zones = self._in_zones.get(base)
        if zones is None:
            zones = self._in_zones[base] = Counter()
            for node, number in self.hosting(base).items():
                zones[self.zone(node)] += number
        return zones

    def add(self, node: NodeId, instance: InstanceId) -> None:
        """Count one instance more."""
        before = Load(self._total[node], self._lasting[node], self._capacity.get(node, 0))
        self._total[node] += 1
        self._lasting[node] += 1
        self._count(node, instance.base, 1)
        for room in self._rooms.values():
            room.fill(node, before)
        self._taken_of(instance.artifact).add(instance.ordinal)

    def remove(self, node: NodeId, instance: InstanceId) -> None:
        """Count one instance as leaving: it takes room until it is gone, and keeps its ordinal."""
        if not self._stays.get(node, False):
            return  # nothing there was counted as staying
        self._count(node, instance.base, -1)
        self._rankings.pop(instance.base, None)  # a ranking stands only while numbers grow

    def _count(self, node: NodeId, base: SliceBase, number: int) -> None:
        self._own(base)[node] += number
        if base in self._in_zones:
            self._in_zones[base][self.zone(node)] += number

    def _own(self, base: SliceBase) -> Counter[NodeId]:
        """Return the counts of a slice for change: those of the view stay as they are."""
        if base not in self._changed:
            self._changed[base] = Counter(self.hosting(base))
        return self._changed[base]

    def next_instance(self, artifact: Artifact) -> InstanceId:
        """Return the artifact's instance with the lowest ordinal that is free in the cluster."""
        taken = self._taken_of(artifact)
        ordinal = next(number for number in range(len(taken) + 1) if number not in taken)
        return InstanceId.of(artifact, ordinal)

    def _taken_of(self, artifact: Artifact) -> set[int]:
        """Return the ordinals of an artifact that are not free."""
        taken = self._taken.get(artifact)
        if taken is None:
            one = self._slices.get(artifact.base)
            own = one.once(_names)[0].get(artifact, ()) if one is not None else ()
            elsewhere = self._view.once(_named_elsewhere).get(artifact, ())
            taken = self._taken[artifact] = {*own, *elsewhere}
        return taken

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
            return self.in_zone(zone, base) if placement.spread == "zone" else 0

        best = ranking.best(MOST_CANDIDATES + len(avoid), crowding)
        candidates = sorted(
            (self._candidate(entry[2], base, placement, avoid) for entry in best), key=rank
        )
        if not candidates:
            return self._no_room(placement, room)
        asked = Question(
            slice=base, spread=placement.spread, candidates=tuple(candidates[:MOST_CANDIDATES])
        )
        return Choice(candidates[0].node, asked, self._unfit(room))

    def room(self, require: Mapping[str, str]) -> Room:
        """Return the nodes with room that have the labels."""
        labels = tuple(sorted(require.items()))
        if labels not in self._rooms:
            lacking = {n: _lacks(self._view.nodes[n], labels) for n in self._nodes}
            self._rooms[labels] = Room(
                (
                    (
                        node,
                        self._zone[node],
                        Load(self._total[node], self._lasting[node], self._capacity[node]),
                    )
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

        here = self._own(base)

        def now(node: NodeId) -> Entry | None:
            total, capacity = self._total[node], self._capacity[node]
            if total >= capacity:
                return None
            return (here[node], fullness(self._lasting[node], capacity), node)

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
            in_zone=self.in_zone(self._zone[node], base) if by_zone else 0,
            of_slice=self.of_slice(node, base),
            total=self._total[node],
            capacity=self._capacity[node],
            soon_gone=self._total[node] - self._lasting[node],
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
                self.in_zone(self.zone(node), base) if by_zone else 0,
                self.of_slice(node, base),
                fullness(self._lasting[node], max(1, self.capacity(node))),
                node,
                placed[1].ordinal,
            )

        return max(among, key=crowding)


def _hosted(one: SliceView) -> tuple[Mapping[NodeId, int], Mapping[NodeId, int]]:
    """Return how many instances of the slice take room on each node, and how many are to stay."""
    there, staying = dict[NodeId, int](), dict[NodeId, int]()
    for copy in one.copies:
        if copy.wish is None or copy.node is None:
            continue
        if copy.verdict is not None and has_left(copy.verdict):
            continue
        node = copy.placed[0]
        there[node] = there.get(node, 0) + 1
        if not is_leaving(copy.wish) and (copy.verdict is None or not _empties(copy.verdict)):
            staying[node] = staying.get(node, 0) + 1
    return there, staying


def _names(one: SliceView) -> tuple[Mapping[str, set[int]], Mapping[str, set[int]]]:
    """Return the ordinals that wishes of the slice hold, by artifact: of the slice, and of others.

    A name that a wish still refers to must not come back as another instance, or that would be taken
    for the one to replace.
    """
    own, others, prefix = dict[str, set[int]](), dict[str, set[int]](), f"{one.base}:"
    for copy in one.copies:
        if copy.wish is None:
            continue
        instance = copy.placed[1]
        own.setdefault(instance.artifact, set()).add(instance.ordinal)
        if copy.wish.replaces:
            artifact, _, ordinal = copy.wish.replaces.partition("/")[2].rpartition("/")
            if ordinal.isdecimal():
                names = own if artifact.startswith(prefix) else others
                names.setdefault(artifact, set()).add(int(ordinal))
    return own, others


def _named_elsewhere(view: ClusterView) -> Mapping[str, set[int]]:
    """Return the ordinals of a slice that wishes of other slices hold: nobody writes such wishes."""
    found: dict[str, set[int]] = {}
    for one in view.slices().values():
        for artifact, ordinals in one.once(_names)[1].items():
            found.setdefault(artifact, set()).update(ordinals)
    return found


def _stays(view: ClusterView, node: NodeId) -> bool:
    """Whether what is on the node may stay there: it is neither gone nor being emptied."""
    verdict = view.verdicts.get(node)
    return verdict is None or not _empties(verdict)


def _empties(verdict: VerdictRecord) -> bool:
    return verdict.drain is not None or verdict.verdict is Verdict.DRAINING


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
