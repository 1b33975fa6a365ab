"""The series of the cluster as its leader sees it, and of this node's share of it."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

from aether.core.control.status import BlueprintState, blueprint_statuses, slice_statuses
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Phase
from aether.core.model.plan import Plan
from aether.core.model.records import Verdict
from aether.core.model.view import ClusterView
from aether.ports import Store
from aether.telemetry.exposition.series import MOST_SLICES, Sample, Series, Source, Tell

SOURCE = "cluster"

_LEADER: dict[str, Any] = {"whose": "leader"}
_BY_SLICE: dict[str, Any] = {"whose": "leader", "labels": ("slice",), "most": MOST_SLICES}
_row = partial(Series, source=SOURCE)

ROWS: tuple[Series, ...] = (
    _row(
        kind="info",
        name="aether_node",
        help="The node that answers, and its cluster.",
        labels=("id", "version", "role", "cluster"),
    ),
    _row(kind="gauge", name="aether_node_ready", help="Whether the node may be sent work."),
    _row(
        kind="gauge",
        name="aether_node_instances",
        help="Instances on this node, by what they are.",
        labels=("phase",),
        most=8,
    ),
    _row(
        kind="gauge",
        name="aether_cluster_nodes",
        help="Nodes by the leader's verdict.",
        labels=("verdict",),
        most=8,
        **_LEADER,
    ),
    _row(
        kind="gauge",
        name="aether_cluster_blueprints",
        help="Blueprints by state.",
        labels=("state",),
        most=8,
        **_LEADER,
    ),
    _row(kind="gauge", name="aether_cluster_routes", help="HTTP routes that are served.", **_LEADER
    ),
    _row(
        kind="gauge",
        name="aether_cluster_artifacts",
        help="Artifacts in the repository.",
        **_LEADER,
    ),
    _row(
        kind="gauge",
        name="aether_cluster_unreadable_records",
        help="Records of the store nobody can read; what they are about stays as it is.",
        calm="every record can be read",
        **_LEADER,
    ),
    _row(
        kind="gauge",
        name="aether_slice_wanted_instances",
        help="Instances wanted of a slice.",
        **_BY_SLICE,
    ),
    _row(
        kind="gauge",
        name="aether_slice_active_instances",
        help="Instances of the wanted version that serve, on nodes nobody doubts.",
        **_BY_SLICE,
    ),
    _row(
        kind="gauge",
        name="aether_slice_least_instances",
        help="Instances that stay active whatever an operator does.",
        **_BY_SLICE,
    ),
    _row(
        kind="gauge",
        name="aether_controller_waiting",
        help="What the leader wants done and could not do yet.",
        calm="nothing waits",
        **_LEADER,
    ),
    _row(
        kind="gauge",
        name="aether_controller_epoch",
        help="Number of the present reign of a leader.",
        **_LEADER,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSeen:
    """What the source asks."""

    node: NodeId
    version: str
    store: Store
    view: Callable[[], ClusterView]
    last_plan: Callable[[], Plan]
    """What this node decided last, while it leads."""
    is_ready: Callable[[], bool]


def cluster_source(seen: ClusterSeen) -> Source:
    """Return the source; of a node that does not lead, it tells of the node alone."""

    async def look() -> Tell:
        view, is_ready = seen.view(), seen.is_ready()
        plan = seen.last_plan() if seen.store.leader == seen.node else None

        def tell() -> Iterator[Sample]:
            yield from _own(seen, view, is_ready=is_ready)
            if plan is not None:
                yield from _whole(view)
                yield Sample("aether_controller_waiting", (), len(plan.waiting))

        return tell

    return Source(SOURCE, look)


def _own(seen: ClusterSeen, view: ClusterView, *, is_ready: bool) -> Iterator[Sample]:
    record = view.nodes.get(seen.node)
    role = "" if record is None else record.role
    cluster = "" if view.cluster is None else view.cluster.cluster_id
    yield Sample("aether_node", (seen.node, seen.version, role, cluster), 1)
    yield Sample("aether_node_ready", (), is_ready)
    phases = Counter(fact.state for (node, _), fact in view.phases.items() if node == seen.node)
    for phase in Phase:
        yield Sample("aether_node_instances", (phase.value,), phases[phase])


def _whole(view: ClusterView) -> Iterator[Sample]:
    verdicts = Counter(
        record.verdict if (record := view.verdicts.get(node)) is not None else Verdict.JOINING
        for node in view.nodes
    )
    for verdict in Verdict:
        yield Sample("aether_cluster_nodes", (verdict.value,), verdicts[verdict])
    states = Counter(status.state for status in blueprint_statuses(view))
    for state in get_args(BlueprintState):
        yield Sample("aether_cluster_blueprints", (state,), states[state])
    for one in slice_statuses(view):
        labels = (str(one.base),)
        yield Sample("aether_slice_wanted_instances", labels, one.wanted)
        yield Sample("aether_slice_active_instances", labels, one.active)
        yield Sample("aether_slice_least_instances", labels, one.min_available)
    yield Sample("aether_cluster_routes", (), len(view.routes))
    yield Sample("aether_cluster_artifacts", (), len(view.artifacts))
    yield Sample("aether_cluster_unreadable_records", (), len(view.unreadable))
    if view.epoch is not None:
        yield Sample("aether_controller_epoch", (), view.epoch.epoch)
