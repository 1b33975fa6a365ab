"""What the scaling rules are shown of a slice: its load, its instances, its bounds, and what holds it.

Utilisation is the larger of two shares of the ready instances: requests being answered at a time of
those an instance takes (`max_in_flight`, or the threads of a WSGI application), and processor time of
the one core an interpreter can use. Worked example: 3 instances with max_in_flight = 10 answer 18
requests at a time and use 0.4 of a core each: max(18 / 30, 0.4) = 0.6.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aether.config.scaling_settings import is_enabled, scaling_settings
from aether.core.control.liveness import may_host
from aether.core.control.placement import Occupancy
from aether.core.control.scaling import instances_of, version_of, why_held, why_kept
from aether.core.control.updates import has_labels
from aether.core.metrics.aggregate import SliceLoad
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.records import TargetRecord
from aether.core.model.slice_view import SliceView
from aether.core.model.view import ClusterView
from aether.core.scaling.bounds import Bounds
from aether.core.scaling.observation import Observation
from aether.core.scaling.settings import ScalingSettings

OLDEST_S = 3.5
"""Age from which figures say nothing: two reports that did not come, and half a second."""
PARTIAL = "a node tells nothing of its requests: there may be more load"
_SHORTEST_S = 0.5
"""Two looks that are closer say nothing about what came between them."""
CORES = 1.0
"""Cores one instance can use: slices are interpreters, and run one thread at a time."""
WSGI_THREADS = 8
"""Threads of a WSGI application that names none; a test holds it to what hosts do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One slice as the rules are shown it."""

    seen: Observation
    bounds: Bounds
    settings: ScalingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the loop knows of a slice that neither the store nor the metrics tell."""

    startup_s: float | None = None
    paused: str = ""
    """Why a person's word counts now; empty when it does not."""
    advised: int = 0
    """Instances an advisor asked for, which are kept for a while."""
    before: tuple[float, int] | None = None
    """When the slice was looked at last, and how many requests were in flight then."""


class Rooms:
    """How many instances the nodes on duty can take, counted once for all slices."""

    def __init__(self, view: ClusterView) -> None:
        occupancy = Occupancy(view)
        self._view = view
        self._free = {
            node: max(0, view.nodes[node].capacity - occupancy.total(node))
            for node in sorted(view.nodes)
            if may_host(view, node)
        }
        self._by_labels: dict[tuple[tuple[str, str], ...], int] = {}

    @property
    def free(self) -> Mapping[NodeId, int]:
        """Instances each node on duty can still take."""
        return self._free

    def for_more(self, target: TargetRecord) -> int:
        """Return how many more instances of a slice the nodes with its labels can take."""
        labels = tuple(sorted(target.placement.require.items()))
        if labels not in self._by_labels:
            self._by_labels[labels] = sum(
                free
                for node, free in self._free.items()
                if has_labels(self._view.nodes[node], target)
            )
        return self._by_labels[labels]


def look_at(
    view: ClusterView,
    one: SliceView,
    load: SliceLoad | None,
    rooms: Rooms,
    standing: Standing,
    at: float,
) -> Looked:
    """Return what the rules are shown of a slice that has a target with room to be scaled."""
    target = one.target
    if target is None or target.scaling is None:
        raise ValueError(f"{one.base} is not scaled by load")
    ready, starting = instances_of(one)
    minimum = min(max(target.scaling.least, standing.advised), target.scaling.most)
    return Looked(
        seen=observe(view, target, one, load, standing, at),
        bounds=Bounds(
            minimum=minimum,
            maximum=target.scaling.most,
            room=ready + starting + rooms.for_more(target),
            held=why_let_be(view, one.base) or standing.paused,
            keep=why_kept(view, one.base) or (PARTIAL if load is not None and load.partial else ""),
        ),
        settings=scaling_settings(view, one.base),
    )


def why_let_be(view: ClusterView, base: SliceBase) -> str:
    """Return why load must not change the slice now, settings included; empty when it may."""
    if not is_enabled(view, base):
        return "scaling is off: setting scaling.enabled"
    return why_held(view, base)


def observe(
    view: ClusterView,
    target: TargetRecord,
    one: SliceView,
    load: SliceLoad | None,
    standing: Standing,
    at: float,
) -> Observation:
    """Return what is seen of a slice now; figures that are missing or old are None."""
    ready, starting = instances_of(one)
    scaling = target.scaling
    fresh = load if load is not None and load.age_s <= OLDEST_S else None
    places = places_of(view, target, one.base)
    return Observation(
        at=at,
        version=version_of(one),
        ready=ready,
        starting=starting,
        target=target.instances,
        rate=arrivals(fresh, standing.before, at),
        in_flight=float(fresh.in_flight) if fresh else None,
        queue=queue_of(fresh, ready, places),
        utilisation=utilisation_of(fresh, ready, places),
        p95_s=fresh.p95_s if fresh else None,
        error_share=fresh.error_share if fresh else None,
        capacity_rps=scaling.capacity_rps if scaling else None,
        startup_s=standing.startup_s,
    )


def arrivals(load: SliceLoad | None, before: tuple[float, int] | None, at: float) -> float | None:
    """Return the requests a second that came: those that were answered, and those that came on top.

    Routers count a request when it ends, so overloaded instances hide what is asked of them: 2 that
    answer 80 a second and have 112 more to do each second are asked for 192.
    """
    if load is None or load.rate is None:
        return None
    if before is None or not _SHORTEST_S <= at - before[0] <= OLDEST_S:
        return load.rate
    return max(0.0, load.rate + (load.in_flight - before[1]) / (at - before[0]))


def places_of(view: ClusterView, target: TargetRecord, base: SliceBase) -> int:
    """Return how many requests one instance takes at a time; 0 where nothing limits that."""
    if target.concurrency:
        return target.concurrency
    artifact = view.artifacts.get(Artifact.of(base, target.version))
    if artifact is None or artifact.manifest.kind != "wsgi":
        return 0
    return artifact.manifest.threads or WSGI_THREADS


def utilisation_of(load: SliceLoad | None, ready: int, places: int) -> float | None:
    """Return the share of the ready instances in use, 0..1; None where nothing tells."""
    if load is None or ready <= 0:
        return None
    shares = [load.concurrency / (ready * places)] if places else []
    if load.cpu is not None:
        shares.append(load.cpu / CORES)
    return min(1.0, max(shares)) if shares else None


def queue_of(load: SliceLoad | None, ready: int, places: int) -> float:
    """Return the requests that are there beyond what the ready instances take at a time."""
    if load is None or not places:
        return 0.0
    return max(0.0, load.in_flight - float(ready * places))
