"""What nobody owns any more: instances of nodes that are gone, facts without a wish, routes nobody answers.

A fact of an earlier life of a node counts as no fact: what it says may have died with that life.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from aether.core.control.evidence import Evaluate, read, write
from aether.core.control.liveness import is_gone
from aether.core.control.recovery import STUCK_FACTOR
from aether.core.control.signals import Signals
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import STEP_TIMEOUT_S, Desired
from aether.core.model.plan import DropRoute, Forget
from aether.core.model.reason import Reason
from aether.core.model.slice_view import SliceView
from aether.core.model.view import ClusterView, Placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """What forgetting an instance, wish and fact, depends on."""

    node_known: bool
    """Whether the node is registered."""
    verdict: str
    """Of the node; empty when it has none."""
    gone: bool
    """Whether what ran on the node must be taken for dead."""
    wanted: bool
    fact: bool
    waited_s: float
    limit_s: float
    """Time a node has to take away what nobody wants, in seconds."""


def decide(asked: Orphan) -> str:
    """Return `forget` or `keep`."""
    if asked.gone:
        return "forget"
    left_over = asked.fact and not asked.wanted
    return "forget" if left_over and asked.waited_s > asked.limit_s else "keep"


def forget_lost(view: ClusterView) -> Iterator[Forget]:
    """Yield the instances of nodes that are gone: placement then sees them missing."""
    hosts = frozenset[NodeId]().union(*(one.once(_hosts) for one in view.slices().values()))
    gone = {node for node in hosts if is_gone(view, node)}
    if not gone:
        return
    lost = {placed for table in (view.wanted, view.phases) for placed in table if placed[0] in gone}
    for placed in sorted(lost):
        asked = _orphan(view, placed, 0.0)
        verdict = f"is {asked.verdict}" if asked.node_known else "is no node of the cluster"
        text = f"{placed[1]} was on {placed[0]}, which {verdict}"
        yield Forget(*placed, Reason("", "forget", text, write(asked, decide(asked))))


def forget_left_over(view: ClusterView, signals: Signals, now: float) -> Iterator[Forget]:
    """Yield facts without a wish that their living node has not taken away in time."""
    left_over = [placed for one in view.slices().values() for placed in one.once(_unwanted)]
    for placed in sorted(left_over):
        asked = _orphan(view, placed, signals.in_state_for(placed, now))
        if not asked.gone and decide(asked) == "forget":
            text = f"{placed[0]} has not taken away {placed[1]}, which nobody wants"
            yield Forget(*placed, Reason("", "forget", text, write(asked, "forget")))


def _hosts(one: SliceView) -> frozenset[NodeId]:
    return frozenset([copy.placed[0] for copy in one.copies])


def _unwanted(one: SliceView) -> tuple[Placed, ...]:
    return tuple([copy.placed for copy in one.copies if copy.wish is None])


def _orphan(view: ClusterView, placed: Placed, waited_s: float) -> Orphan:
    verdict = view.verdicts.get(placed[0])
    return Orphan(
        node_known=placed[0] in view.nodes,
        verdict=verdict.verdict if verdict else "",
        gone=is_gone(view, placed[0]),
        wanted=placed in view.wanted,
        fact=placed in view.phases,
        waited_s=round(waited_s, 3),
        limit_s=STUCK_FACTOR * STEP_TIMEOUT_S[Desired.UNLOAD],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What dropping a route depends on."""

    instances: int
    """Instances of the slice, whatever their state."""
    settled_without: int
    """Those that serve and do not answer the route."""


def decide_route(asked: Claims) -> str:
    """Return `drop` when nobody answers the route or may be about to claim it, else `keep`."""
    return "drop" if asked.settled_without == asked.instances else "keep"


def drop_routes(view: ClusterView) -> Iterator[DropRoute]:
    """Yield routes of which no instance is left that could answer them.

    A route stays while any instance of its slice is under way: it may be about to claim it.
    """
    for (method, place), route in sorted(view.routes.items(), key=itemgetter(0)):
        placed_here = view.wanted_by_slice().get(route.slice, ())
        without = _settled_without(view, placed_here, method, place)
        asked = Claims(instances=len(placed_here), settled_without=without)
        if decide_route(asked) == "drop":
            text = f"no instance of {route.slice} answers {method} {place}"
            yield DropRoute(method, place, Reason("", "route", text, write(asked, "drop")))


def _settled_without(view: ClusterView, here: Sequence[Placed], method: str, place: str) -> int:
    """Count until one keeps the route: most often the first."""
    for number, placed in enumerate(here):
        if not _has_settled_without(view, placed, method, place):
            return number
    return len(here)


def _has_settled_without(view: ClusterView, placed: Placed, method: str, place: str) -> bool:
    if not view.is_active(placed):
        return False
    claimed = view.phases[placed].routes
    return all((route.method, route.place) != (method, place) for route in claimed)


RULES: Mapping[str, Evaluate] = {
    "forget": lambda inputs: decide(read(inputs, Orphan)),
    "route": lambda inputs: decide_route(read(inputs, Claims)),
}
