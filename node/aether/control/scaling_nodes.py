"""What load asks of the number of nodes, as the leader has watched it.

Nothing is stored: nodes beyond the operator's number that a new leader finds count as asked for by load,
and a node that was being started is known by its provision record.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from aether.config.scaling_settings import node_idle_s, scales_nodes
from aether.core.control.signals import NodeWish
from aether.core.model.ids import NodeId, SliceBase, numbered
from aether.core.model.records import TopologyRecord, Verdict
from aether.core.model.view import ClusterView
from aether.core.scaling.cluster_size import (
    Crowding,
    SizeDecision,
    SizeSettings,
    SizeState,
    sized,
)
from aether.core.scaling.decision import Decision
from aether.core.scaling.need import needed

NOBODY = "load asks for no nodes: no topology is set, or scaling.nodes is off"
_SETTINGS = SizeSettings()


class Places(Protocol):
    """How many instances nodes can still take; `scaling_look.Rooms` is one."""

    @property
    def free(self) -> Mapping[NodeId, int]:
        """Instances each node on duty can still take."""
        ...


class Decided(Protocol):
    """A slice and what was decided about it; `scaling.Judged` is one."""

    @property
    def decision(self) -> Decision:
        """What was decided."""
        ...


class NodeScaling:
    """The number of nodes load asks for, through one reign."""

    def __init__(self) -> None:
        self._state = SizeState()
        self._more: int | None = None
        self.seen: Crowding | None = None
        """What was looked at last; None where load asks for no nodes."""
        self.decision = SizeDecision(0, "same", NOBODY)
        self.give_back: NodeId | None = None
        """The node that is to be emptied, stopped and removed, until it has left the cluster."""

    def step(
        self,
        view: ClusterView,
        places: Places,
        judged: Mapping[SliceBase, Decided],
        now: float,
    ) -> NodeWish:
        """Look at the nodes once more; return how many load asks for beyond the operator's."""
        topology = view.topology
        if self.give_back is not None and self.give_back not in view.nodes:
            self.give_back = None
        if topology is None or not scales_nodes(view):
            self._state, self._more, self.seen = SizeState(), None, None
            self.decision = SizeDecision(0, "same", NOBODY)
            return NodeWish()
        present = nodes_on_duty(view)
        if self._more is None:
            self._more = max(0, len(present) - topology.nodes)
        self.seen = crowding(view, topology, places, short_of(judged), self._more, now)
        state, decision = sized(
            self._state, self.seen, replace(_SETTINGS, idle_s=node_idle_s(view))
        )
        return self._take(view, present, topology, state, decision)

    def _take(
        self,
        view: ClusterView,
        present: list[NodeId],
        topology: TopologyRecord,
        state: SizeState,
        decision: SizeDecision,
    ) -> NodeWish:
        if decision.wish == "less":
            surplus = surplus_of(view, present, topology.nodes)
            if self.give_back is not None or _coming_or_going(view):
                return NodeWish(more=self._more or 0)  # one at a time
            self.give_back = surplus
        self._state, self.decision = state, decision
        self._more = max(0, decision.wanted - topology.nodes)
        return NodeWish(more=self._more, because=decision.text if decision.wish == "more" else "")


def crowding(
    view: ClusterView,
    topology: TopologyRecord,
    places: Places,
    short: int,
    more: int,
    now: float,
) -> Crowding:
    """Return how full the nodes on duty are, `short` instances having found no room."""
    present = nodes_on_duty(view)
    return Crowding(
        at=now,
        nodes=len(present),
        wanted_nodes=min(topology.nodes + more, topology.max_nodes),
        least=topology.nodes,
        most=topology.max_nodes,
        unplaced=short,
        used=_used(view, places, present),
    )


def _used(view: ClusterView, places: Places, present: list[NodeId]) -> float:
    """Return the share of places taken, as if every node were like those left without the last one.

    Nodes of equal size give the plain share. Where the last to come is larger, what it hosts has to
    fit on the smaller ones: 3 nodes of 10 places and one of 100 with 12 instances in all are 30 % full.
    """
    last = surplus_of(view, present, 1)
    others = sum(view.nodes[node].capacity for node in present if node != last)
    taken = sum(view.nodes[node].capacity - places.free.get(node, 0) for node in present)
    if last is None or not others:
        capacity = sum(view.nodes[node].capacity for node in present)
        return taken / capacity if capacity else 1.0
    return taken * (len(present) - 1) / (others * len(present))


def short_of(judged: Mapping[SliceBase, Decided]) -> int:
    """Return how many instances load calls for, within bounds, that find no room on the nodes."""
    short = 0
    for found in judged.values():
        asked = found.decision.asked
        if asked.bounds.held or asked.demand is None:
            continue
        need = min(needed(asked), asked.bounds.maximum)
        short += max(0, need - max(asked.bounds.room, asked.bounds.minimum))
    return short


def surplus_of(view: ClusterView, present: list[NodeId], least: int) -> NodeId | None:
    """Return the node that goes first: the last one to come, never the leader; None if none is over."""
    leader = view.epoch.leader if view.epoch is not None else None
    candidates = [node for node in present if node != leader]
    return max(candidates, key=_order, default=None) if len(present) > least else None


def nodes_on_duty(view: ClusterView) -> list[NodeId]:
    """Return the nodes that may be given instances, sorted."""
    return [node for node in sorted(view.nodes) if _verdict(view, node) is Verdict.ON_DUTY]


def _order(node: NodeId) -> tuple[bool, int, NodeId]:
    """Return what is larger for nodes that came later: providers are given rising numbers."""
    known = numbered(node)
    return (known is not None, known[1] if known is not None else 0, node)


def _coming_or_going(view: ClusterView) -> bool:
    """Whether a node is being started, or empties."""
    changing = {Verdict.JOINING, Verdict.DRAINING}
    return bool(view.provisions) or any(_verdict(view, node) in changing for node in view.nodes)


def _verdict(view: ClusterView, node: NodeId) -> Verdict:
    record = view.verdicts.get(node)
    return record.verdict if record is not None else Verdict.JOINING
