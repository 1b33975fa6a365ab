"""What is measured becomes series: this node's by every node, slices' by the leader."""

from collections.abc import Iterator, Mapping
from typing import cast

from aether.core.metrics.aggregate import InstanceFigures, NodeFigures, SliceLoad
from aether.core.metrics.samples import NodeSample
from aether.core.model.ids import NodeId, SliceBase
from aether.ports import Store
from aether.telemetry.cluster_metrics import ClusterMetrics
from aether.telemetry.exposition.measured import measured_source
from aether.telemetry.exposition.table import SERIES
from tests.exposition_world import told

NODE, OTHER = NodeId("n-1"), NodeId("n-2")


def sample(node: NodeId) -> NodeSample:
    return NodeSample(
        node, "life", 0, 0.5, 2, 100, 400, 50, 0.003, 30, 1024, 10, 1000, 1.0, 2.0, 0.01, 1, 1.0
    )


def load(base: str, p50_s: float | None) -> SliceLoad:
    return SliceLoad(
        base=base, age_s=0.1, rate=12.5, in_flight=3, concurrency=1.5, error_share=0.25,
        p50_s=p50_s, p95_s=p50_s, p99_s=p50_s, cpu=0.2, rss=1e6, instances=2, retries=0.5,
    )  # fmt: skip


class Measured:
    """What a node knows of two nodes, two slices and two instances."""

    age_s = 0.25
    refused = 7

    def nodes(self) -> Mapping[NodeId, NodeFigures]:
        return {NODE: NodeFigures(0.2, 1, sample(NODE)), OTHER: NodeFigures(9.0, 1, sample(OTHER))}

    def instances(self, node: NodeId) -> Iterator[InstanceFigures]:
        found = (
            InstanceFigures("a:b:1.0.0/0", NODE, 0.1, 1000, 2, 4, 9),
            InstanceFigures("a:b:1.0.0/1", OTHER, 0.1, 1000, 2),
        )
        return (one for one in found if one.node == node)

    def loads(self) -> Mapping[SliceBase, SliceLoad]:
        return {SliceBase("a:b"): load("a:b", 0.01), SliceBase("a:c"): load("a:c", None)}


class Led:
    """A store that knows a leader."""

    def __init__(self, leader: NodeId) -> None:
        self.leader = leader


async def told_when(leader: NodeId) -> dict[str, dict[tuple[str, ...], object]]:
    metrics = cast("ClusterMetrics", Measured())
    source = measured_source(NODE, cast("Store", Led(leader)), metrics)
    return cast("dict[str, dict[tuple[str, ...], object]]", await told(source))


async def test_a_node_tells_of_itself_and_of_its_instances() -> None:
    values = await told_when(OTHER)
    assert values["aether_node_processor_ratio"] == {(): 0.5}
    assert values["aether_node_memory_size_bytes"] == {(): 400}
    assert values["aether_node_loop_lag_seconds"] == {(): 0.003}
    assert values["aether_instance_resident_memory_bytes"] == {("a:b", "a:b:1.0.0/0"): 1000}
    assert values["aether_instance_threads"] == {("a:b", "a:b:1.0.0/0"): 4}
    assert values["aether_instance_open_files"] == {("a:b", "a:b:1.0.0/0"): 9}
    assert values["aether_cluster_measurement_age_seconds"] == {(): 0.25}
    assert values["aether_history_refused_values"] == {(): 7}
    assert not [name for name in values if name.startswith("aether_slice_")]


async def test_the_leader_tells_of_every_slice() -> None:
    values = await told_when(NODE)
    assert values["aether_cluster_measured_nodes"] == {(): 1}
    assert values["aether_slice_requests_per_second"] == {("a:b",): 12.5, ("a:c",): 12.5}
    assert values["aether_slice_error_ratio"]["a:b",] == 0.25
    assert values["aether_slice_latency_seconds"] == {
        ("a:b", quantile): 0.01 for quantile in ("0.5", "0.95", "0.99")
    }


async def test_every_row_of_the_source_is_told() -> None:
    rows = {series.name for series in SERIES if series.source == "measured"}
    assert set(await told_when(NODE)) == rows
