"""What load asks of the number of nodes, as the leader has watched it.

Only nodes that were asked of the provider are given back; one that was joined by hand is its operator's. Where
none may be given back, a node that is not needed is wanted no more, so none is asked for in its place when it goes.

Nothing is stored: nodes beyond the operator's number that a new leader finds count as asked for by load,
a node that was being started is known by its provision record, and one that is given back by its order.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, Protocol, TypeAlias

import msgspec

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
NO_PROVIDER = "none is given back, because without a provider of nodes none would come again"
ACTOR = "controller"
"""Who orders a node to stop that load does not need, as its order and the chronicle say."""
_MOST_NAMED = 5
"""Nodes a sentence names; further ones are counted."""
_SETTINGS = SizeSettings()
_EMPTY = frozenset({Verdict.DECOMMISSIONED, Verdict.LOST})
"""Verdicts with which a node is removed once its process has stopped."""

Step: TypeAlias = Literal["stop", "wait", "remove"]
"""Order it to empty and stop; wait until it is empty; remove it."""


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

    def __init__(self, *, has_provider: bool = False) -> None:
        self._has_provider = has_provider
        self._state = SizeState()
        self._wanted: int | None = None
        """Nodes load wants in all; None until looked."""
        self.seen: Crowding | None = None
        """What was looked at last; None where load asks for no nodes."""
        self.decision = SizeDecision(0, "same", NOBODY)
        self.give_back: NodeId | None = None
        """The node that is to be emptied, stopped and removed, until it has left the cluster."""
        self.next_step: Step = "stop"
        """What is to be done with it next."""

    def step(
        self,
        view: ClusterView,
        places: Places,
        judged: Mapping[SliceBase, Decided],
        now: float,
    ) -> NodeWish:
        """Look at the nodes once more; return how many load asks for beyond the operator's."""
        topology = view.topology
        self._follow(view)
        if topology is None or not scales_nodes(view):
            self._withdraw()
            self.seen, self.decision = None, SizeDecision(0, "same", NOBODY)
            return NodeWish()
        present = nodes_on_duty(view)
        if self._wanted is None:
            self._wanted = _there(view)
        wanted = max(self._wanted, topology.nodes)
        if self.seen is not None and len(present) < self.seen.nodes:
            # That one node less would have held the load was seen of more nodes than there are now.
            self._state = msgspec.structs.replace(self._state, idle_since=None)
        at_hand = max(wanted, len(present))  # those joined by hand are used like the others
        self.seen = crowding(view, topology, places, short_of(judged), at_hand, now)
        state, decision = sized(
            self._state, self.seen, replace(_SETTINGS, idle_s=node_idle_s(view))
        )
        if self._withdraws(present, state, decision):
            self._withdraw()
            self.decision = SizeDecision(wanted, "same", decision.text)
            return self._wish(_there(view), topology)
        return self._take(view, present, topology, state, decision)

    def _follow(self, view: ClusterView) -> None:
        """Take up the node that was ordered to stop by whoever led; let go of one that was activated."""
        node, verdict = ordered_away(view)
        if node is not None:
            self.give_back = node
            self.next_step = "remove" if verdict in _EMPTY else "wait"
        elif self.give_back is not None and self.give_back not in view.nodes:
            self.give_back, self.next_step = None, "stop"
        elif self.next_step != "stop":  # the order was taken back
            self.next_step = "stop"
            self._withdraw()

    def _withdraws(self, present: list[NodeId], state: SizeState, decision: SizeDecision) -> bool:
        """Whether the node that was chosen is needed, or gone, before it was ordered to stop."""
        if self.give_back is None or self.next_step != "stop":
            return False
        is_needed = decision.wish != "less" and state.idle_since is None
        return is_needed or self.give_back not in present

    def _withdraw(self) -> None:
        """Watch anew, all nodes that are there taken for wanted; what was ordered to stop is finished."""
        self._state, self._wanted = SizeState(), None
        if self.next_step == "stop":
            self.give_back = None

    def _take(
        self,
        view: ClusterView,
        present: list[NodeId],
        topology: TopologyRecord,
        state: SizeState,
        decision: SizeDecision,
    ) -> NodeWish:
        wanted = max(self._wanted or 0, topology.nodes)
        if decision.wish == "less":
            if self.give_back is not None or _coming_or_going(view):
                return self._wish(wanted, topology)  # one at a time
            self.give_back = (
                surplus_of(view, present, topology.nodes) if self._has_provider else None
            )
            if self.give_back is None:
                kept = kept_text(view, present) if self._has_provider else NO_PROVIDER
                self._wanted = wanted = max(min(wanted, decision.wanted), topology.nodes)
                decision = SizeDecision(wanted, "same", f"{decision.text}; {kept}")
                # It stays idle: what keeps the nodes may end, and is told as long as it does not.
                before = self._state
                state = msgspec.structs.replace(
                    state, idle_since=before.idle_since, changed_at=before.changed_at
                )
            else:
                decision = replace(decision, wanted=max(wanted - 1, topology.nodes))
        if decision.wish == "more" and wanted > len(present):
            # Whoever provides nodes goes on trying: asking for more of them brings none sooner.
            text = f"{decision.text}; {wanted} nodes are asked for and {len(present)} there"
            decision = SizeDecision(wanted, "same", text)
            state = msgspec.structs.replace(state, changed_at=self._state.changed_at)
        if decision.wish != "same":
            self._wanted = decision.wanted
        self._state, self.decision = state, decision
        because = decision.text if decision.wish == "more" else ""
        return self._wish(max(self._wanted or 0, topology.nodes), topology, because)

    def _wish(self, wanted: int, topology: TopologyRecord, because: str = "") -> NodeWish:
        return NodeWish(more=max(0, wanted - topology.nodes), because=because)


def crowding(
    view: ClusterView,
    topology: TopologyRecord,
    places: Places,
    short: int,
    wanted: int,
    now: float,
) -> Crowding:
    """Return how full the nodes on duty are, `short` instances having found no room."""
    present = nodes_on_duty(view)
    return Crowding(
        at=now,
        nodes=len(present),
        wanted_nodes=min(wanted, topology.max_nodes),
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


def ordered_away(view: ClusterView) -> tuple[NodeId | None, Verdict | None]:
    """Return the first node a leader has ordered to stop because load does not need it, and its verdict."""
    for node in sorted(view.nodes):
        record = view.verdicts.get(node)
        order = record.drain if record is not None else None
        if record is not None and order is not None and order.by == ACTOR and order.shutdown:
            return node, record.verdict
    return None, None


def surplus_of(view: ClusterView, present: list[NodeId], least: int) -> NodeId | None:
    """Return the node that goes first: the last one the provider brought, but the leader only when no other is left.

    None if none is over, or if those that are over were joined by hand.
    """
    leader = _leader(view)
    candidates = [node for node in present if node in view.provisioned]
    if len(present) <= least:
        return None
    return max(candidates, key=lambda node: (node != leader, _order(node)), default=None)


def kept_text(view: ClusterView, present: list[NodeId]) -> str:
    """Return why none of the nodes on duty is given back."""
    by_hand = [node for node in present if node not in view.provisioned]
    further = f" and {len(by_hand) - _MOST_NAMED} more" if len(by_hand) > _MOST_NAMED else ""
    return f"none is given back: joined by hand: kept: {', '.join(by_hand[:_MOST_NAMED])}{further}"


def _leader(view: ClusterView) -> NodeId | None:
    return view.epoch.leader if view.epoch is not None else None


def nodes_on_duty(view: ClusterView) -> list[NodeId]:
    """Return the nodes that may be given instances, sorted."""
    return [node for node in sorted(view.nodes) if _verdict(view, node) is Verdict.ON_DUTY]


def _there(view: ClusterView) -> int:
    """Return how many nodes are on duty, or about to be."""
    return sum(_verdict(view, node) in {Verdict.ON_DUTY, Verdict.JOINING} for node in view.nodes)


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
