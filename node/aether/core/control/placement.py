"""Which node gets an instance: spread first, then room. Deterministic: equal inputs, equal node.

Worked example: slice A has instances on n1 and n2; n1 hosts 5 instances in all, n2 2, n3 9. The
next A goes to n3 (0 of A there), the one after that to n2 (1 of A, fewest in all).
"""

from collections import Counter
from collections.abc import Collection, Iterable

from aether.core.control.liveness import is_gone, may_host
from aether.core.model.ids import Artifact, InstanceId, NodeId, SliceBase
from aether.core.model.view import ClusterView, Placed


class Occupancy:
    """How many instances each node holds, in all and of each slice, as a plan is being made."""

    def __init__(self, view: ClusterView) -> None:
        self._nodes = [node for node in sorted(view.nodes) if may_host(view, node)]
        self._capacity = {node: view.nodes[node].capacity for node in self._nodes}
        self._total: Counter[NodeId] = Counter()
        self._of_slice: Counter[tuple[NodeId, SliceBase]] = Counter()
        self._ordinals: dict[Artifact, set[int]] = {}
        for (node, instance), wish in view.wanted.items():
            if not is_gone(view, node):
                self.add(node, instance)
            if wish.replaces:
                # A name that a wish still refers to must not come back as another instance, or
                # that would be taken for the one to replace.
                self._take(InstanceId(wish.replaces.partition("/")[2]))

    @property
    def nodes(self) -> list[NodeId]:
        """Nodes that may be given instances, sorted."""
        return self._nodes

    def total(self, node: NodeId) -> int:
        """Instances on the node."""
        return self._total[node]

    def of_slice(self, node: NodeId, base: SliceBase) -> int:
        """Instances of one slice on the node."""
        return self._of_slice[node, base]

    def add(self, node: NodeId, instance: InstanceId) -> None:
        """Count one instance more."""
        self._total[node] += 1
        self._of_slice[node, instance.base] += 1
        self._take(instance)

    def _take(self, instance: InstanceId) -> None:
        self._ordinals.setdefault(instance.artifact, set()).add(instance.ordinal)

    def next_instance(self, artifact: Artifact) -> InstanceId:
        """Return the artifact's instance with the lowest ordinal that is free in the cluster."""
        taken = self._ordinals.get(artifact, set())
        ordinal = next(number for number in range(len(taken) + 1) if number not in taken)
        return InstanceId.of(artifact, ordinal)

    def choose(self, base: SliceBase, avoid: Collection[NodeId] = ()) -> NodeId | None:
        """Return the best node for one more instance of the slice, or None when all are full."""
        candidates = [node for node in self._nodes if self._total[node] < self._capacity[node]]
        fresh = [node for node in candidates if node not in avoid]
        return min(fresh or candidates, key=lambda node: self._crowding(node, base), default=None)

    def most_crowded(self, base: SliceBase, among: Iterable[Placed]) -> Placed:
        """Return the instance whose removal spreads the rest best; `among` is not empty."""
        return max(among, key=lambda placed: (self._crowding(placed[0], base), placed[1].ordinal))

    def remove(self, node: NodeId, instance: InstanceId) -> None:
        """Count one instance less; its ordinal stays taken while its wish exists."""
        self._total[node] -= 1
        self._of_slice[node, instance.base] -= 1

    def _crowding(self, node: NodeId, base: SliceBase) -> tuple[int, int, NodeId]:
        return (self._of_slice[node, base], self._total[node], node)
