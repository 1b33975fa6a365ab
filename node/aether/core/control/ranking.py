"""Nodes in order of room, kept in order while a plan fills them: what placement chooses from.

A `Room` holds the nodes that satisfy one set of labels, all of them and by zone. A `Ranking` ranks
them for one slice. Neither looks at every node for every instance: 1,000 nodes and 10,000
instances are placed by a few look-ups each.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush, heapreplace

from aether.core.model.ids import NodeId
from aether.core.model.records import NodeRecord

ZONE_LABEL = "zone"
"""Label that names the zone of a node; nodes without it are one zone."""

Entry = tuple[int, float, NodeId]
"""Instances of the slice on the node, fullness of the node, its name: the lowest is best."""


def zone_of(record: NodeRecord) -> str:
    """Return the zone of a node, empty when it has none."""
    return record.labels.get(ZONE_LABEL, "")


def fullness(total: int, capacity: int) -> float:
    """Return the share of its capacity a node uses, the next instance counted half.

    So the choice between nodes of different size is that which keeps Σ total²/capacity least, and
    `balance`, which lowers that sum, never undoes a placement. Of 1 of 2 and 40 of 100 the larger
    node is taken: 3/4 against 81/200.
    """
    return (2 * total + 1) / (2 * capacity)


@dataclass(frozen=True, slots=True)
class Load:
    """Instances on a node, those of them that are to last, and how many it takes at most."""

    total: int
    lasting: int
    capacity: int


class Room:
    """Nodes with room for one more, fewest instances for their capacity first; in all, and by zone."""

    def __init__(
        self,
        nodes: Iterable[tuple[NodeId, str, Load]],
        lacking: Sequence[tuple[NodeId, str]] = (),
    ) -> None:
        """Take name, zone and load of every node with the labels, and who lacks which."""
        self.lacking = lacking
        self.everywhere: list[Entry] = []
        self.by_zone: dict[str, list[Entry]] = {}
        self._closed: set[NodeId] = set()
        self._zone: dict[NodeId, str] = {}
        for node, zone, load in nodes:
            self._zone[node] = zone
            if load.total >= load.capacity:
                self._closed.add(node)
                continue
            entry = (0, fullness(load.lasting, load.capacity), node)
            self.everywhere.append(entry)
            self.by_zone.setdefault(zone, []).append(entry)
        self.everywhere.sort()
        for entries in self.by_zone.values():
            entries.sort()

    @property
    def full(self) -> list[NodeId]:
        """Nodes with the labels and without room, sorted."""
        return sorted(self._closed)

    @property
    def least_burden(self) -> float:
        """What one instance more adds to total²/capacity where it adds least; needs a node with room."""
        return 2 * self.everywhere[0][1]

    def has(self, node: NodeId) -> bool:
        """Whether the node has the labels, and room for one more."""
        return node in self._zone and node not in self._closed

    def fill(self, node: NodeId, before: Load) -> None:
        """Count one instance more on a node that had `before`; a node not kept here is left alone."""
        zone, capacity = self._zone.get(node), before.capacity
        if zone is None or before.total >= capacity:
            return
        old = (0, fullness(before.lasting, capacity), node)
        new = (0, fullness(before.lasting + 1, capacity), node)
        for entries in (self.everywhere, self.by_zone[zone]):
            del entries[bisect_left(entries, old)]
            if before.total + 1 < capacity:
                insort(entries, new)
        if before.total + 1 >= capacity:
            self._closed.add(node)


class Ranking:
    """The nodes of a `Room` ranked for one slice; what is counted may grow between two questions.

    The heaps begin as copies of lists that are in order already. An entry may be older, and then
    better, than the truth; it is put right when it comes to the top.
    """

    def __init__(
        self, groups: Mapping[str, list[Entry]], now: Callable[[NodeId], Entry | None]
    ) -> None:
        """Rank within each group (zone); `now` says a node's present entry, None when it is full."""
        self._heaps = {name: list(entries) for name, entries in sorted(groups.items())}
        self._now = now

    def best(self, count: int, crowding: Callable[[str], int]) -> list[Entry]:
        """Return the best `count` nodes: of the least crowded group first, then by entry."""
        if len(self._heaps) == 1:
            return self._best_of_all(count, *self._heaps.values())
        taken: list[tuple[str, Entry]] = []
        for _ in range(count):
            tops = [
                (crowding(name), heap[0], name)
                for name, heap in self._heaps.items()
                if self._settle(heap)
            ]
            if not tops:
                break
            _, _, name = min(tops)
            taken.append((name, heappop(self._heaps[name])))
        for name, entry in taken:
            heappush(self._heaps[name], entry)
        return [entry for _, entry in taken]

    def _best_of_all(self, count: int, heap: list[Entry]) -> list[Entry]:
        """Return the best `count` nodes where groups make no difference, for there is one."""
        taken: list[Entry] = []
        while len(taken) < count and self._settle(heap):
            taken.append(heappop(heap))
        for entry in taken:
            heappush(heap, entry)
        return taken

    def _settle(self, heap: list[Entry]) -> bool:
        """Bring the truth to the top; False when the heap is empty."""
        while heap:
            truth = self._now(heap[0][2])
            if truth == heap[0]:
                return True
            if truth is None:
                heappop(heap)
            else:
                heapreplace(heap, truth)
        return False
