"""What the leader hears and sees, gathered for `reconcile`; never stored, rebuilt by each leader."""

from collections.abc import Callable, Iterable, Mapping

from aether.core.control.dependencies import required
from aether.core.control.signals import Heard, NodeWish, Restless, ScaleWish, Signals
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.provision_records import ProvisionRecord
from aether.core.model.records import TargetRecord
from aether.core.model.slice_view import Copy, Slices
from aether.core.model.view import ClusterView, Placed

_State = tuple[Desired | None, int, tuple[NodeId, ...], Phase | None, int]
"""Wish, its generation and what it has learned, phase of the present life and the generation it answers."""

STEADY_S = 30.0
"""Time an instance has to be as wished before a new life of its node is the first one again."""


class SignalBoard:
    """Reports of nodes, and how long each instance has been as it is.

    Bounded by the nodes and instances of the cluster: what leaves the view leaves the board.
    """

    def __init__(
        self, leader: NodeId | None = None, voters: Callable[[], frozenset[NodeId]] = frozenset
    ) -> None:
        """`leader`: the node that listens; `voters` says who votes, nobody where that is not known."""
        self._leader = leader
        self._voters = voters
        self._began = 0.0
        self._heard: dict[NodeId, Heard] = {}
        self._lives: dict[NodeId, Heard] = {}
        self._since: dict[Placed, float] = {}
        self._restless: dict[Placed, tuple[Restless, int]] = {}
        self._looked_at: ClusterView | None = None
        self._provisions: dict[NodeId, tuple[ProvisionRecord, float]] = {}
        self._down: dict[SliceBase, float] = {}
        self._asked_for: tuple[Mapping[SliceBase, TargetRecord], tuple[SliceBase, ...]] = ({}, ())
        self._calm_since = float("inf")
        self._scale: Mapping[SliceBase, ScaleWish] = {}
        self._nodes_wish = NodeWish()

    def begin_reign(self, now: float) -> None:
        """Forget what an earlier reign saw: each wait begins anew, so nobody acts too early."""
        self._began = now
        self._lives.clear()
        self._since = {}
        self._restless = {}
        self._looked_at = None
        self._down.clear()
        self._provisions.clear()
        self._calm_since = float("inf")
        self.note_scaling({}, NodeWish())

    def note_scaling(self, scale: Mapping[SliceBase, ScaleWish], nodes_wish: NodeWish) -> None:
        """Take what load calls for, in the place of what it called for before."""
        self._scale, self._nodes_wish = scale, nodes_wish

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
        self._note_instances(view, now)
        self._down = {base: self._down.get(base, now) for base in self._slices_down(view)}
        self._provisions = {node: self._asked(view, node, now) for node in view.provisions}
        return Signals(
            reign_began=self._began,
            leader=self._leader,
            voters=self._voters() or None,
            heard=dict(self._heard),
            registered={node: life.at for node, life in self._lives.items()},
            since=self._since,
            restless={placed: restless for placed, (restless, _) in self._restless.items()},
            slice_down_since=dict(self._down),
            provision_since={node: at for node, (_, at) in self._provisions.items()},
            calm_since=self._calm_since,
            scale=self._scale,
            nodes_wish=self._nodes_wish,
        )

    def _life(self, view: ClusterView, node: NodeId, now: float) -> Heard:
        """Return the node's present life and when the board first saw it."""
        known, incarnation = self._lives.get(node), view.nodes[node].incarnation
        return known if known and known.incarnation == incarnation else Heard(incarnation, now)

    def _asked(self, view: ClusterView, node: NodeId, now: float) -> tuple[ProvisionRecord, float]:
        """Return the record of a node that is asked for, and when the board first saw it."""
        known, record = self._provisions.get(node), view.provisions[node]
        return known if known is not None and known[0] == record else (record, now)

    def _slices_down(self, view: ClusterView) -> list[SliceBase]:
        """Return the slices wanted or required of which no instance is ACTIVE."""
        if self._asked_for[0] is not view.targets:
            self._asked_for = (view.targets, _needed(view.targets))
        serving = view.active_by_slice()
        return [base for base in self._asked_for[1] if base not in serving]

    def _note_instances(self, view: ClusterView, now: float) -> None:
        """Note since when each instance has been as it is.

        What was handed out before stays as it was: the table is made anew when it has changed.
        """
        was, self._looked_at = self._looked_at, view
        slices = view.slices()
        if was is not None and _same_instances(was, view):
            return
        self._note_lives(was, view, now)
        since = dict(self._since)
        before: Slices = was.slices() if was is not None else {}
        for base, one in before.items():
            if base not in slices:
                _follow(since, one.copies, (), now)
        for base, one in slices.items():
            known = before.get(base)
            if known is not one:
                _follow(since, known.copies if known is not None else (), one.copies, now)
        self._since = since

    def _note_lives(self, was: ClusterView | None, view: ClusterView, now: float) -> None:
        """Count the lives that nodes begin before what they host is steady.

        The count begins anew with each try the leader decides, which the wish tells by its attempt.
        """
        kept: dict[Placed, tuple[Restless, int]] = {}
        for placed, (restless, attempt) in self._restless.items():
            wish = view.wanted.get(placed)
            if wish is not None and wish.attempt == attempt:
                kept[placed] = (restless, attempt)
        reborn = _reborn(was, view)
        for placed, wish in view.wanted.items() if reborn else ():
            if placed[0] in reborn and placed in self._since:
                known = kept.get(placed)
                steady = now - self._since[placed] >= STEADY_S and _was_done(was, placed)
                if known is None or steady:
                    kept[placed] = (Restless(1, now), wish.attempt)
                else:
                    kept[placed] = (Restless(known[0].lives + 1, known[0].since), wish.attempt)
        self._restless = kept


def _reborn(was: ClusterView | None, view: ClusterView) -> set[NodeId]:
    """Return the nodes that have begun another life since the last look."""
    if was is None or was.nodes is view.nodes:
        return set()
    return {
        node
        for node, record in view.nodes.items()
        if node in was.nodes and was.nodes[node].incarnation != record.incarnation
    }


def _was_done(view: ClusterView | None, placed: Placed) -> bool:
    """Whether the instance was as wished."""
    if view is None:
        return False
    wish, phase = view.wanted.get(placed), view.phases.get(placed)
    if wish is None or phase is None or not view.is_current(placed):
        return False
    return (
        phase.state in (Phase.LOADED, Phase.ACTIVE) and phase.observed_generation >= wish.generation
    )


def _follow(
    since: dict[Placed, float], before: Iterable[Copy], after: Iterable[Copy], now: float
) -> None:
    """Note in `since` what has become of the instances of one slice."""
    known = {copy.placed: copy for copy in before}
    for copy in after:
        was = known.pop(copy.placed, None)
        if was is None or (was is not copy and _state(was) != _state(copy)):
            since[copy.placed] = now
    for placed in known:
        since.pop(placed, None)


def _same_instances(one: ClusterView, other: ClusterView) -> bool:
    """Whether nothing that is said about instances has changed, which a `Projector` shows."""
    return one.wanted is other.wanted and one.phases is other.phases and one.nodes is other.nodes


def _state(copy: Copy) -> _State:
    wish, current = copy.wish, copy.phase if copy.is_current else None
    return (
        wish.desired if wish else None,
        wish.generation if wish else -1,
        wish.tried if wish else (),
        current.state if current else None,
        current.observed_generation if current else -1,
    )


def _needed(targets: Mapping[SliceBase, TargetRecord]) -> tuple[SliceBase, ...]:
    """Return the slices wanted or required."""
    known = dict.fromkeys(targets)
    for target in targets.values():
        known.update(dict.fromkeys(required(target)))
    return tuple(known)
