"""Nodes as a rehearsal takes them: they do what they are asked, at their pace, and nothing fails."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import PhaseRecord, Route, RouteRecord, Verdict, WantedRecord
from aether.core.model.route_policy import route_record
from aether.core.model.view import ClusterView, Placed

_SILENT = frozenset({Verdict.SUSPECT, Verdict.LOST})
_DURING = {
    Desired.LOAD: Phase.LOADING,
    Desired.ACTIVATE: Phase.ACTIVATING,
    Desired.DEACTIVATE: Phase.DEACTIVATING,
    Desired.UNLOAD: Phase.UNLOADING,
}
_AFTER = {
    Desired.LOAD: Phase.LOADED,
    Desired.ACTIVATE: Phase.ACTIVE,
    Desired.DEACTIVATE: Phase.LOADED,
}
_HAS_HOST = frozenset({Phase.LOADED, Phase.ACTIVATING, Phase.ACTIVE, Phase.DEACTIVATING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds each step takes, and how often the leader looks.

    The defaults were measured for slices of the examples, on nodes that hold their artifacts (three nodes on two busy
    cores). Loading takes longer by what importing the slice takes.
    """

    load_s: float = 0.25
    activate_s: float = 0.1
    drain_s: float = 0.0
    """Until the requests in flight are answered; 10 s at most, then they are cut off."""
    deactivate_s: float = 0.1
    unload_s: float = 0.1
    look_s: float = 1.0
    """Period of the leader's loop."""

    def of_step(self, desired: Desired, state: Phase | None) -> float:
        """Return how long a node takes for `desired` when the instance is in `state`."""
        match desired:
            case Desired.LOAD:
                return self.load_s
            case Desired.ACTIVATE:
                return self.activate_s + (0.0 if state in _HAS_HOST else self.load_s)
            case Desired.DEACTIVATE:
                return self.deactivate_s + (self.drain_s if state in _HAS_HOST else 0.0)
            case Desired.UNLOAD:
                return self.unload_s


def is_silent(view: ClusterView, node: NodeId) -> bool:
    """Whether the node is taken not to report or answer: SUSPECT and LOST nodes stay as they are."""
    verdict = view.verdicts.get(node)
    return node not in view.nodes or (verdict is not None and verdict.verdict in _SILENT)


class ObedientNodes:
    """Every node of the cluster, and what each is busy with."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._busy: list[tuple[float, int, Placed, int]] = []
        self._begun = 0

    @property
    def next_at(self) -> float | None:
        """When the next step under way is done; None while there is none."""
        return self._busy[0][0] if self._busy else None

    def begin(self, view: ClusterView, asked: Iterable[Placed], now: float) -> ClusterView:
        """Return the view with the steps of `asked` begun; what is done already is said at once."""
        phases = dict(view.phases)
        for placed in asked:
            wish = view.wanted.get(placed)
            if wish is None or is_silent(view, placed[0]):
                continue
            state = phases[placed].state if view.is_current(placed) else None
            if wish.desired is Desired.UNLOAD and placed not in phases:
                continue
            is_done = state is not None and state is _AFTER.get(wish.desired)
            if state is not None and is_done and wish.desired is not Desired.LOAD:
                phases[placed] = _fact(view, placed, wish, state)
            else:
                phases[placed] = _fact(view, placed, wish, _DURING[wish.desired])
                self._begun += 1
                done_at = now + self._pace.of_step(wish.desired, state)
                heappush(self._busy, (done_at, self._begun, placed, wish.generation))
        return replace(view, phases=phases)

    def finish(self, view: ClusterView, now: float) -> tuple[ClusterView, list[Placed]]:
        """Return the view with every step done that ends by `now`, and the instances of those."""
        phases, routes = dict(view.phases), dict(view.routes)
        done: list[Placed] = []
        while self._busy and self._busy[0][0] <= now:
            _, _, placed, generation = heappop(self._busy)
            wish = view.wanted.get(placed)
            if wish is None or wish.generation != generation or is_silent(view, placed[0]):
                continue  # the leader wants something else by now
            done.append(placed)
            state = _AFTER.get(wish.desired)
            if state is None:
                phases.pop(placed, None)
                continue
            phases[placed] = _fact(view, placed, wish, state)
            if state is Phase.ACTIVE:
                routes.update(_claimed(placed, wish, phases[placed].routes))
        return replace(view, phases=phases, routes=routes), done


def unanswered(view: ClusterView) -> list[Placed]:
    """Return the instances whose node has yet to act on its wish, sorted."""
    return sorted(placed for placed in view.wanted if not _has_answered(view, placed))


def _has_answered(view: ClusterView, placed: Placed) -> bool:
    wish, phase = view.wanted[placed], view.phases.get(placed)
    if phase is None or not view.is_current(placed):
        return phase is None and wish.desired is Desired.UNLOAD
    if phase.observed_generation < wish.generation:
        return False
    return phase.state is Phase.FAILED or phase.state is _AFTER.get(wish.desired)


def _fact(view: ClusterView, placed: Placed, wish: WantedRecord, state: Phase) -> PhaseRecord:
    artifact = view.artifacts.get(placed[1].artifact)
    known = view.phases.get(placed)
    routes: tuple[Route, ...] = known.routes if known is not None else ()
    return PhaseRecord(
        state=state,
        observed_generation=wish.generation,
        incarnation=view.nodes[placed[0]].incarnation,
        routes=routes or (artifact.manifest.routes if artifact is not None else ()),
    )


def _claimed(
    placed: Placed, wish: WantedRecord, routes: tuple[Route, ...]
) -> dict[tuple[str, str], RouteRecord]:
    return {
        (route.method, route.place): route_record(placed[1].base, route, wish) for route in routes
    }
