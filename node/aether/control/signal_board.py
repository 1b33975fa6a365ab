"""What the leader hears and sees, gathered for `reconcile`; never stored, rebuilt by each leader."""

from collections.abc import Mapping

from aether.core.control.signals import Heard, Signals
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import ProvisionRecord
from aether.core.model.view import ClusterView, Placed

_State = tuple[Desired | None, int, Phase | None, int]
"""Wish and its generation, phase of the present life and the generation it answers."""


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
        self._down: dict[SliceBase, float] = {}
        self._calm_since = float("inf")

    def begin_reign(self, now: float) -> None:
        """Forget what an earlier reign saw: each wait begins anew, so nobody acts too early."""
        self._began = now
        self._lives.clear()
        self._states.clear()
        self._down.clear()
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
        known = [*view.wanted, *(placed for placed in view.phases if placed not in view.wanted)]
        self._states = {placed: self._noted(view, placed, now) for placed in known}
        self._down = {base: self._down.get(base, now) for base in _slices_down(view)}
        self._provisions = {node: self._asked(view, node, now) for node in view.provisions}
        since: Mapping[Placed, float] = {placed: at for placed, (_, at) in self._states.items()}
        return Signals(
            reign_began=self._began,
            heard=dict(self._heard),
            registered={node: life.at for node, life in self._lives.items()},
            since=since,
            slice_down_since=dict(self._down),
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
        wish, phase = view.wanted.get(placed), view.phases.get(placed)
        current = phase if view.is_current(placed) else None
        state: _State = (
            wish.desired if wish else None,
            wish.generation if wish else -1,
            current.state if current else None,
            current.observed_generation if current else -1,
        )
        known = self._states.get(placed)
        return known if known is not None and known[0] == state else (state, now)


def _slices_down(view: ClusterView) -> list[SliceBase]:
    """Return the slices wanted or required of which no instance is ACTIVE."""
    serving = {placed[1].base for placed in view.phases if view.is_active(placed)}
    known = dict.fromkeys(view.targets)
    for target in view.targets.values():
        known.update((need.slice, None) for need in target.dependencies if need.required)
    return [base for base in known if base not in serving]
