"""What the leader hears and sees, gathered for `reconcile`; never stored, rebuilt by each leader."""

from aether.core.control.signals import Heard, Restless, Signals
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import PhaseRecord, ProvisionRecord, WantedRecord
from aether.core.model.view import ClusterView, Placed

_State = tuple[Desired | None, int, tuple[NodeId, ...], Phase | None, int]
"""Wish, its generation and what it has learned, phase of the present life and the generation it answers."""

_Seen = tuple[WantedRecord | None, PhaseRecord | None, bool]
"""The records of an instance, and whether the fact is of the present life of its node."""

STEADY_S = 30.0
"""Time an instance has to be as wished before a new life of its node is the first one again."""


class SignalBoard:
    """Reports of nodes, and how long each instance has been as it is.

    Bounded by the nodes and instances of the cluster: what leaves the view leaves the board.
    """

    def __init__(self, leader: NodeId | None = None) -> None:
        """`leader`: the node that listens."""
        self._leader = leader
        self._began = 0.0
        self._heard: dict[NodeId, Heard] = {}
        self._lives: dict[NodeId, Heard] = {}
        self._seen: dict[Placed, _Seen] = {}
        self._since: dict[Placed, float] = {}
        self._restless: dict[Placed, tuple[Restless, int]] = {}
        self._looked_at: ClusterView | None = None
        self._provisions: dict[NodeId, tuple[ProvisionRecord, float]] = {}
        self._down: dict[SliceBase, float] = {}
        self._calm_since = float("inf")

    def begin_reign(self, now: float) -> None:
        """Forget what an earlier reign saw: each wait begins anew, so nobody acts too early."""
        self._began = now
        self._lives.clear()
        self._seen = {}
        self._since = {}
        self._restless = {}
        self._looked_at = None
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
        self._note_instances(view, now)
        self._down = {base: self._down.get(base, now) for base in _slices_down(view)}
        self._provisions = {node: self._asked(view, node, now) for node in view.provisions}
        return Signals(
            reign_began=self._began,
            leader=self._leader,
            heard=dict(self._heard),
            registered={node: life.at for node, life in self._lives.items()},
            since=self._since,
            restless={placed: restless for placed, (restless, _) in self._restless.items()},
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

    def _note_instances(self, view: ClusterView, now: float) -> None:
        """Note since when each instance has been as it is.

        What was handed out before stays as it was: both tables are made anew when one has changed.
        """
        was, self._looked_at = self._looked_at, view
        if was is not None and _same_instances(was, view):
            return
        self._note_lives(was, view, now)
        seen: dict[Placed, _Seen] = {}
        since: dict[Placed, float] = {}
        before, phases = self._seen, view.phases
        lives = {node: record.incarnation for node, record in view.nodes.items()}
        wanted = view.wanted
        for placed in (*wanted, *(placed for placed in phases if placed not in wanted)):
            wish, phase = wanted.get(placed), phases.get(placed)
            current = phase is not None and lives.get(placed[0]) == phase.incarnation
            known = before.get(placed)
            if known is not None and _is_same(known, wish, phase, current=current):
                seen[placed], since[placed] = known, self._since[placed]
                continue
            seen[placed] = (wish, phase, current)
            as_before = known is not None and _state(known) == _state(seen[placed])
            since[placed] = self._since[placed] if as_before else now
        self._seen, self._since = seen, since

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
            if placed[0] in reborn and placed in self._seen:
                known = kept.get(placed)
                steady = now - self._since[placed] >= STEADY_S and _is_done(self._seen[placed])
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


def _is_done(seen: _Seen) -> bool:
    """Whether the instance was as wished."""
    wish, phase, current = seen
    if wish is None or phase is None or not current:
        return False
    return (
        phase.state in (Phase.LOADED, Phase.ACTIVE) and phase.observed_generation >= wish.generation
    )


def _same_instances(one: ClusterView, other: ClusterView) -> bool:
    """Whether nothing that is said about instances has changed, which a `Projector` shows."""
    return one.wanted is other.wanted and one.phases is other.phases and one.nodes is other.nodes


def _is_same(
    known: _Seen, wish: WantedRecord | None, phase: PhaseRecord | None, *, current: bool
) -> bool:
    """Whether these are the very records that were seen before: by far the most frequent case."""
    return known[0] is wish and known[1] is phase and known[2] is current


def _state(seen: _Seen) -> _State:
    wish, phase, is_current = seen
    current = phase if is_current else None
    return (
        wish.desired if wish else None,
        wish.generation if wish else -1,
        wish.tried if wish else (),
        current.state if current else None,
        current.observed_generation if current else -1,
    )


def _slices_down(view: ClusterView) -> list[SliceBase]:
    """Return the slices wanted or required of which no instance is ACTIVE."""
    serving = view.active_by_slice()
    known = dict.fromkeys(view.targets)
    for target in view.targets.values():
        known.update((need.slice, None) for need in target.dependencies if need.required)
    return [base for base in known if base not in serving]
