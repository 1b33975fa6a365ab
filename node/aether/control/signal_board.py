"""What the leader hears and sees, gathered for `reconcile`; never stored, rebuilt by each leader."""

from collections.abc import Mapping

from aether.core.control.signals import Heard, Signals
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import ProvisionRecord
from aether.core.model.view import ClusterView, Placed

_State = tuple[Desired, int, Phase | None, int]


class SignalBoard:
    """Reports of nodes, and how long each instance has been as it is.

    Bounded by the nodes and instances of the cluster: what leaves the view leaves the board.
    """

    def __init__(self) -> None:
        self._began = 0.0
        self._heard: dict[NodeId, Heard] = {}
        self._lives: dict[NodeId, Heard] = {}
        self._states: dict[Placed, tuple[_State, float]] = {}
        self._provisions: dict[NodeId, tuple[ProvisionRecord, float]] = {}
        self._calm_since = float("inf")

    def begin_reign(self, now: float) -> None:
        """Forget what an earlier reign saw."""
        self._began = now
        self._lives.clear()
        self._states.clear()
        self._provisions.clear()
        self._calm_since = float("inf")

    def hear(self, node: NodeId, incarnation: str, now: float) -> bool:
        """Take a report; return whether it is the first of this life of the node."""
        before = self._heard.get(node)
        self._heard[node] = Heard(incarnation, now)
        return before is None or before.incarnation != incarnation

    def note_plan(self, now: float, *, empty: bool) -> None:
        """Remember whether the last plan had anything to do."""
        if not empty:
            self._calm_since = float("inf")
        elif self._calm_since == float("inf"):
            self._calm_since = now

    def look(self, view: ClusterView, now: float) -> Signals:
        """Note the states in the view and return all signals as one value."""
        self._heard = {node: heard for node, heard in self._heard.items() if node in view.nodes}
        self._lives = {node: self._life(view, node, now) for node in view.nodes}
        self._states = {placed: self._noted(view, placed, now) for placed in view.wanted}
        self._provisions = {node: self._asked(view, node, now) for node in view.provisions}
        since: Mapping[Placed, float] = {placed: at for placed, (_, at) in self._states.items()}
        return Signals(
            reign_began=self._began,
            heard=dict(self._heard),
            registered={node: life.at for node, life in self._lives.items()},
            since=since,
            provision_since={node: at for node, (_, at) in self._provisions.items()},
            calm_since=self._calm_since,
        )

    def _life(self, view: ClusterView, node: NodeId, now: float) -> Heard:
        """Return the node's present life and when the board first saw it."""
        known, incarnation = self._lives.get(node), view.nodes[node].incarnation
        return known if known and known.incarnation == incarnation else Heard(incarnation, now)

    def _asked(self, view: ClusterView, node: NodeId, now: float) -> tuple[ProvisionRecord, float]:
        """Return the record of a node that is asked for, and when the board first saw it."""
        known, record = self._provisions.get(node), view.provisions[node]
        return known if known is not None and known[0] == record else (record, now)

    def _noted(self, view: ClusterView, placed: Placed, now: float) -> tuple[_State, float]:
        wish, phase = view.wanted[placed], view.phases.get(placed)
        current = phase if view.is_current(placed) else None
        state: _State = (
            wish.desired,
            wish.generation,
            current.state if current else None,
            current.observed_generation if current else -1,
        )
        known = self._states.get(placed)
        return known if known is not None and known[0] == state else (state, now)
