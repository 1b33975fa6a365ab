"""The series of what is measured each second: this node and its instances; every slice, by the leader."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from aether.core.metrics.aggregate import InstanceFigures, NodeFigures, SliceLoad
from aether.core.metrics.aggregation import FRESH_S
from aether.core.model.ids import NodeId, SliceBase
from aether.ports import Store
from aether.telemetry.cluster_metrics import ClusterMetrics
from aether.telemetry.exposition.series import MOST_SLICES, Sample, Series, Source, Tell

SOURCE = "measured"
MOST_INSTANCES = 1000

_row = partial(Series, source=SOURCE, kind="gauge")
_INSTANCE: dict[str, Any] = {"labels": ("slice", "slice_instance"), "most": MOST_INSTANCES}
_LOAD: dict[str, Any] = {"labels": ("slice",), "most": MOST_SLICES, "whose": "leader"}

ROWS: tuple[Series, ...] = (
    _row(name="aether_node_processor_ratio", unit="ratio", help="Cores of the machine in use, 0 to 1."),
    _row(name="aether_node_processor_cores", help="Cores of the machine."),
    _row(name="aether_node_memory_used_bytes", unit="bytes", help="Memory of the machine in use."),
    _row(name="aether_node_memory_size_bytes", unit="bytes", help="Memory of the machine."),
    _row(
        name="aether_node_disk_used_bytes", unit="bytes",
        help="The file system of the data directory, in use.",
    ),
    _row(
        name="aether_node_disk_size_bytes", unit="bytes",
        help="The file system of the data directory.",
    ),
    _row(
        name="aether_node_open_files_limit", help="Files and sockets the node process may have open.",
    ),
    _row(
        name="aether_node_loop_lag_seconds", unit="seconds",
        help="Longest time a timer of the node's event loop was late in the last second.",
    ),
    _row(
        name="aether_node_network_received_bytes_per_second",
        help="Bytes that come in over all interfaces but the loopback.",
        calm="all traffic is of this machine",
    ),
    _row(
        name="aether_node_network_sent_bytes_per_second",
        help="Bytes that go out over all interfaces but the loopback.",
        calm="all traffic is of this machine",
    ),
    _row(
        name="aether_node_garbage_collection_ratio", unit="ratio",
        help="Share of the last second in which garbage collection held the node process up.",
        calm="there is nothing to collect in most seconds",
    ),
    _row(
        name="aether_instance_processor_cores",
        help="Cores an instance on this node uses.", calm="an idle instance uses none", **_INSTANCE,
    ),
    _row(
        name="aether_instance_resident_memory_bytes", unit="bytes",
        help="Memory an instance on this node has in use.", **_INSTANCE,
    ),
    _row(
        name="aether_instance_requests_in_flight",
        help="Requests an instance on this node is answering.",
        calm="it is zero between requests", **_INSTANCE,
    ),
    _row(name="aether_instance_threads", help="Threads of an instance on this node.", **_INSTANCE),
    _row(
        name="aether_instance_open_files",
        help="Files and sockets an instance on this node has open.", **_INSTANCE,
    ),
    _row(
        name="aether_cluster_measurement_age_seconds", unit="seconds",
        help="Time since this node heard the measurements of the whole cluster.",
    ),
    _row(
        name="aether_history_refused_values", kind="counter",
        help="Values not kept in the history of this node because there were too many series.",
        calm="there is room",
    ),
    _row(
        name="aether_cluster_measured_nodes", whose="leader",
        help="Nodes measured in the last three seconds.",
    ),
    _row(name="aether_slice_requests_per_second", help="Requests of a slice in the last second.", **_LOAD),
    _row(
        name="aether_slice_requests_in_flight", help="Requests of a slice being answered.",
        calm="it is zero between requests", **_LOAD,
    ),
    _row(
        name="aether_slice_concurrency",
        help="Mean number of requests of a slice being answered at a time, in the last second.", **_LOAD,
    ),
    _row(
        name="aether_slice_error_ratio", unit="ratio",
        help="Requests of ten seconds answered 5xx or cut short, 0 to 1; absent of fewer than ten requests.",
        calm="nothing failed", **_LOAD,
    ),
    _row(
        name="aether_slice_latency_seconds", unit="seconds",
        help="Latency that this share of the requests of ten seconds stayed below, within 3.2 %; absent "
        "without requests.",
        whose="leader", labels=("slice", "share"), most=3 * MOST_SLICES,
    ),
    _row(
        name="aether_slice_retries_per_second", help="Attempts made again, in the last second.",
        calm="no attempt failed", **_LOAD,
    ),
    _row(
        name="aether_slice_processor_cores",
        help="Cores an instance of a slice uses, mean of those measured.",
        calm="idle instances use none", **_LOAD,
    ),
    _row(
        name="aether_slice_resident_memory_bytes", unit="bytes",
        help="Memory an instance of a slice has in use, mean of those measured.", **_LOAD,
    ),
    _row(name="aether_slice_measured_instances", help="Instances of a slice that were measured.", **_LOAD),
)  # fmt: skip


def measured_source(node: NodeId, store: Store, metrics: ClusterMetrics) -> Source:
    """Return the source."""

    async def look() -> Tell:
        nodes, age_s, refused = metrics.nodes(), metrics.age_s, metrics.refused
        mine = metrics.instances(node)  # of this moment, whenever they are read
        loads = metrics.loads() if store.leader == node else None

        def tell() -> Iterator[Sample]:
            if node in nodes:
                yield from _machine(nodes[node])
            yield from _instances(mine)
            yield Sample("aether_cluster_measurement_age_seconds", (), age_s)
            yield Sample("aether_history_refused_values", (), refused)
            if loads is not None:
                fresh = sum(1 for one in nodes.values() if one.age_s <= FRESH_S)
                yield Sample("aether_cluster_measured_nodes", (), fresh)
                yield from _loads(loads)

        return tell

    return Source(SOURCE, look)


def _machine(figures: NodeFigures) -> Iterator[Sample]:
    sample = figures.sample
    values = {
        "aether_node_processor_ratio": sample.cpu,
        "aether_node_processor_cores": sample.cores,
        "aether_node_memory_used_bytes": sample.memory_used,
        "aether_node_memory_size_bytes": sample.memory_total,
        "aether_node_disk_used_bytes": sample.disk_used,
        "aether_node_disk_size_bytes": sample.disk_total,
        "aether_node_open_files_limit": sample.fds_most,
        "aether_node_loop_lag_seconds": sample.loop_lag_s,
        "aether_node_network_received_bytes_per_second": sample.net_in,
        "aether_node_network_sent_bytes_per_second": sample.net_out,
        "aether_node_garbage_collection_ratio": sample.gc_pause_s,
    }
    for name, value in values.items():
        yield Sample(name, (), value)


def _instances(mine: Iterable[InstanceFigures]) -> Iterator[Sample]:
    for one in mine:
        labels = (_slice_of(one.instance), one.instance)
        yield Sample("aether_instance_processor_cores", labels, one.cpu)
        yield Sample("aether_instance_resident_memory_bytes", labels, one.rss)
        yield Sample("aether_instance_requests_in_flight", labels, one.in_flight)
        yield Sample("aether_instance_threads", labels, one.threads)
        yield Sample("aether_instance_open_files", labels, one.fds)


def _slice_of(instance: str) -> str:
    """Return `group:name` of `group:name:version/ordinal`."""
    return instance.rpartition("/")[0].rpartition(":")[0]


def _loads(loads: Mapping[SliceBase, SliceLoad]) -> Iterator[Sample]:
    for base, load in loads.items():
        values = {
            "aether_slice_requests_per_second": load.rate,
            "aether_slice_requests_in_flight": load.in_flight,
            "aether_slice_concurrency": load.concurrency,
            "aether_slice_error_ratio": load.error_share,
            "aether_slice_retries_per_second": load.retries,
            "aether_slice_processor_cores": load.cpu,
            "aether_slice_resident_memory_bytes": load.rss,
            "aether_slice_measured_instances": load.instances,
        }
        for name, value in values.items():
            if value is not None:
                yield Sample(name, (str(base),), value)
        for quantile, latency in (("0.5", load.p50_s), ("0.95", load.p95_s), ("0.99", load.p99_s)):
            if latency is not None:
                yield Sample("aether_slice_latency_seconds", (str(base), quantile), latency)
