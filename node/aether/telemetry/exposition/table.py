"""The table of series: exposition, reference, checks and dashboards are made from it.

`most` bounds the label sets one node tells of a series; those that grow with routes are bounded by
`metrics.most_routes` besides.
"""

from typing import Any

from aether.config.monitoring import MOST_ROUTES
from aether.telemetry.exposition import cluster, processes, routers, store, traffic
from aether.telemetry.exposition.series import Kind, Series

MOST_SLICES = 1000
MOST_MEMBERS = 128
MOST_ROUTERS = 64

_NO_FAULT = "nothing failed"
_OFTEN_ZERO = "it is zero between requests"


def _row(kind: Kind, name: str, source: str, text: str, **more: Any) -> Series:  # noqa: ANN401 - fields of a row
    return Series(name=name, kind=kind, source=source, help=text, **more)


_ROUTE = ("slice", "route", "version")
_PROCESS: dict[str, Any] = {"labels": ("process",), "most": MOST_ROUTERS + 3}
_ROUTER: dict[str, Any] = {"labels": ("router",), "most": MOST_ROUTERS}
_BY_ROUTE: dict[str, Any] = {"labels": _ROUTE, "most": MOST_ROUTES + 1}
_BY_SLICE: dict[str, Any] = {"labels": ("slice",), "most": MOST_SLICES, "whose": "leader"}
_LEADER: dict[str, Any] = {"whose": "leader"}

_TRAFFIC = (
    _row(
        "counter",
        "aether_router_requests",
        traffic.SOURCE,
        "Requests that ended, each counted by the router it came to first; status is the first digit "
        "of the answer's, or unanswered when there was no whole answer.",
        labels=(*_ROUTE, "status"),
        most=6 * (MOST_ROUTES + 1),
    ),
    _row(
        "histogram",
        "aether_router_request_duration_seconds",
        traffic.SOURCE,
        "Time from the head of a request to the end of its answer, of requests that were forwarded.",
        unit="seconds",
        **_BY_ROUTE,
    ),
    _row(
        "counter",
        "aether_router_retries",
        traffic.SOURCE,
        "Attempts after the first.",
        calm="no attempt failed",
        **_BY_ROUTE,
    ),
    _row(
        "counter",
        "aether_router_request_body_bytes",
        traffic.SOURCE,
        "Bytes of the bodies of requests.",
        unit="bytes",
        **_BY_ROUTE,
    ),
    _row(
        "counter",
        "aether_router_response_body_bytes",
        traffic.SOURCE,
        "Bytes of the bodies of answers.",
        unit="bytes",
        **_BY_ROUTE,
    ),
    _row(
        "gauge",
        "aether_router_requests_in_flight",
        traffic.SOURCE,
        "Requests being answered; absent for routes without any.",
        labels=("slice", "route"),
        most=MOST_ROUTES,
        calm=_OFTEN_ZERO,
    ),
    _row(
        "counter",
        "aether_router_overflowed_requests",
        traffic.SOURCE,
        "Requests the routers counted under route overflow, for want of a series of their own.",
        calm="there were fewer series than the routers keep",
    ),
)

_ROUTERS = (
    _row(
        "gauge",
        "aether_router_up",
        routers.SOURCE,
        "Whether the router process answers.",
        **_ROUTER,
    ),
    _row(
        "gauge",
        "aether_router_clients",
        routers.SOURCE,
        "Open connections of clients.",
        calm="it is zero between connections",
        **_ROUTER,
    ),
    _row(
        "counter",
        "aether_router_refused_connections",
        routers.SOURCE,
        "Connections refused at a limit since the process began.",
        calm="no limit was reached",
        **_ROUTER,
    ),
    _row(
        "gauge",
        "aether_router_table_revision",
        routers.SOURCE,
        "Revision of the store the routing table in use was made of.",
        **_ROUTER,
    ),
)

_STORE = (
    _row("gauge", "aether_store_term", store.SOURCE, "Term of consensus this member is in."),
    _row(
        "gauge",
        "aether_store_commit_index",
        store.SOURCE,
        "Highest log index known to be committed.",
    ),
    _row(
        "gauge",
        "aether_store_applied_index",
        store.SOURCE,
        "Highest log index applied to the keys.",
    ),
    _row("gauge", "aether_store_last_index", store.SOURCE, "Highest log index this member has."),
    _row(
        "gauge",
        "aether_store_snapshot_index",
        store.SOURCE,
        "Log index of the newest snapshot.",
        calm="no snapshot was due yet",
    ),
    _row("gauge", "aether_store_log_entries", store.SOURCE, "Entries of the log that are kept."),
    _row(
        "gauge",
        "aether_store_revision",
        store.SOURCE,
        "Revision of the keys this node has applied.",
    ),
    _row("gauge", "aether_store_voters", store.SOURCE, "Members that vote."),
    _row("gauge", "aether_store_has_leader", store.SOURCE, "Whether this member knows a leader."),
    _row(
        "gauge",
        "aether_store_is_leader",
        store.SOURCE,
        "Whether this member leads.",
        calm="another node leads",
    ),
    _row(
        "gauge",
        "aether_store_condition",
        store.SOURCE,
        "1 for the condition this member is in, 0 for the others.",
        labels=("condition",),
        most=8,
    ),
    _row(
        "gauge",
        "aether_store_voters_answering",
        store.SOURCE,
        "Voters that answer the leader, itself included.",
        **_LEADER,
    ),
    _row(
        "gauge",
        "aether_store_quorum_margin",
        store.SOURCE,
        "Voters that may still fail before nothing can be written; negative without a quorum.",
        calm="a cluster of one or two voters has none to spare",
        **_LEADER,
    ),
    _row(
        "gauge",
        "aether_store_member_lag_entries",
        store.SOURCE,
        "Entries of the log a member is behind the leader.",
        labels=("member",),
        most=MOST_MEMBERS,
        calm="members have everything",
        **_LEADER,
    ),
    _row(
        "gauge",
        "aether_store_member_silence_seconds",
        store.SOURCE,
        "Time since a member answered the leader.",
        unit="seconds",
        labels=("member",),
        most=MOST_MEMBERS,
        **_LEADER,
    ),
)

_CLUSTER = (
    _row(
        "info",
        "aether_node",
        cluster.SOURCE,
        "The node that answers, and its cluster.",
        labels=("node", "version", "role", "cluster"),
    ),
    _row("gauge", "aether_node_ready", cluster.SOURCE, "Whether the node may be sent work."),
    _row(
        "gauge",
        "aether_node_instances",
        cluster.SOURCE,
        "Instances on this node, by what they are.",
        labels=("phase",),
        most=8,
    ),
    _row(
        "gauge",
        "aether_cluster_nodes",
        cluster.SOURCE,
        "Nodes by the leader's verdict.",
        labels=("verdict",),
        most=8,
        **_LEADER,
    ),
    _row(
        "gauge",
        "aether_cluster_blueprints",
        cluster.SOURCE,
        "Blueprints by state.",
        labels=("state",),
        most=8,
        **_LEADER,
    ),
    _row(
        "gauge", "aether_cluster_routes", cluster.SOURCE, "HTTP routes that are served.", **_LEADER
    ),
    _row(
        "gauge",
        "aether_cluster_artifacts",
        cluster.SOURCE,
        "Artifacts in the repository.",
        **_LEADER,
    ),
    _row(
        "gauge",
        "aether_cluster_unreadable_records",
        cluster.SOURCE,
        "Records of the store nobody can read; what they are about stays as it is.",
        calm="every record can be read",
        **_LEADER,
    ),
    _row(
        "gauge",
        "aether_slice_wanted_instances",
        cluster.SOURCE,
        "Instances wanted of a slice.",
        **_BY_SLICE,
    ),
    _row(
        "gauge",
        "aether_slice_active_instances",
        cluster.SOURCE,
        "Instances of the wanted version that serve, on nodes nobody doubts.",
        **_BY_SLICE,
    ),
    _row(
        "gauge",
        "aether_slice_least_instances",
        cluster.SOURCE,
        "Instances that stay active whatever an operator does.",
        **_BY_SLICE,
    ),
    _row(
        "gauge",
        "aether_controller_waiting",
        cluster.SOURCE,
        "What the leader wants done and could not do yet.",
        calm="nothing waits",
        **_LEADER,
    ),
    _row(
        "gauge",
        "aether_controller_epoch",
        cluster.SOURCE,
        "Number of the present reign of a leader.",
        **_LEADER,
    ),
)

_PROCESSES = (
    _row(
        "counter",
        "aether_process_cpu_seconds",
        processes.SOURCE,
        "Processor time used by a process of the node.",
        unit="seconds",
        **_PROCESS,
    ),
    _row(
        "gauge",
        "aether_process_resident_memory_bytes",
        processes.SOURCE,
        "Memory a process of the node has in use.",
        unit="bytes",
        **_PROCESS,
    ),
    _row(
        "gauge",
        "aether_process_open_files",
        processes.SOURCE,
        "Files and sockets a process of the node has open.",
        **_PROCESS,
    ),
    _row(
        "gauge",
        "aether_process_threads",
        processes.SOURCE,
        "Threads of a process of the node.",
        **_PROCESS,
    ),
    _row(
        "gauge",
        "aether_process_start_time_seconds",
        processes.SOURCE,
        "When a process of the node began, in seconds since 1970.",
        unit="seconds",
        **_PROCESS,
    ),
)

_OWN = "exposition"
_EXPOSITION = (
    _row("gauge", "aether_exposition_samples", _OWN, "Values told in this answer."),
    _row("counter", "aether_exposition_looks", _OWN, "Times the values were gathered."),
    _row(
        "counter",
        "aether_exposition_cpu_seconds",
        _OWN,
        "Processor time spent on gathering and writing values.",
        unit="seconds",
    ),
    _row(
        "counter",
        "aether_exposition_failures",
        _OWN,
        "Looks in which a source told nothing, so that its series are absent.",
        labels=("source",),
        most=32,
        calm=_NO_FAULT,
    ),
    _row(
        "gauge",
        "aether_exposition_dropped_label_sets",
        _OWN,
        "Label sets of a series left out of this answer, for there were more than its most.",
        labels=("series",),
        most=256,
        calm="every series has fewer than its most",
    ),
)

SERIES: tuple[Series, ...] = (
    *_CLUSTER,
    *_TRAFFIC,
    *_ROUTERS,
    *_STORE,
    *_PROCESSES,
    *_EXPOSITION,
)
# fmt: skip
