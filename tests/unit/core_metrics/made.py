"""Samples for tests."""

from typing import Any

from msgspec.structs import replace

from aether.core.metrics.histogram import Histogram, to_sparse
from aether.core.metrics.samples import InstanceSample, NodeSample, SliceSample

_PLAIN = NodeSample(
    node="n-1", incarnation="life-1", at_ms=1_000, cpu=0.25, cores=4, memory_used=6, memory_total=8,
    rss=90_000_000, loop_lag_s=0.002, fds=50, fds_most=1000, disk_used=1, disk_total=4, net_in=10.0,
    net_out=20.0, gc_pause_s=0.001, gc_count=1, covered_s=1.0,
)  # fmt: skip


def node_sample(node: str, **changes: Any) -> NodeSample:
    return replace(_PLAIN, node=node, **changes)


def slice_sample(
    base: str, latencies: tuple[float, ...] = (), *, errors: int = 0, retries: int = 0
) -> SliceSample:
    """Return what routers count of these requests."""
    found = Histogram()
    for seconds in latencies:
        found.record(seconds)
    return SliceSample(
        base, len(latencies), errors, retries, found.ticks, tuple(to_sparse(found.counts)), 2
    )


def instance(base: str, ordinal: int, cpu: float = 0.5, rss: int = 1000) -> InstanceSample:
    return InstanceSample(f"{base}:1.0.0/{ordinal}", cpu, rss, 4, 9, 1)
