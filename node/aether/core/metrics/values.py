"""The metrics of the catalogue, read out of an aggregate: all of them by subject, or one at a time."""

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from aether.core.metrics.aggregate import (
    Aggregate,
    NodeFigures,
    SliceLoad,
    column_of_group,
    rows_of,
)
from aether.core.metrics.aggregation import FRESH_S
from aether.core.metrics.windows import Block

Value = tuple[str, str, float]
"""Metric, subject, value."""
Pair = tuple[str, float]
"""Subject and value."""


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


_OF_NODE: Mapping[str, Callable[[NodeFigures], float | None]] = {
    "node.cpu": lambda one: one.sample.cpu,
    "node.memory": lambda one: _share(one.sample.memory_used, one.sample.memory_total),
    "node.memory_used": lambda one: one.sample.memory_used,
    "node.rss": lambda one: one.sample.rss,
    "node.loop_lag": lambda one: one.sample.loop_lag_s,
    "node.fds": lambda one: _share(one.sample.fds, one.sample.fds_most),
    "node.disk": lambda one: _share(one.sample.disk_used, one.sample.disk_total),
    "node.disk_used": lambda one: one.sample.disk_used,
    "node.net_in": lambda one: one.sample.net_in,
    "node.net_out": lambda one: one.sample.net_out,
    "node.gc_pause": lambda one: one.sample.gc_pause_s,
    "node.gc_count": lambda one: one.sample.gc_count,
    "node.instances": lambda one: one.hosted,
    "node.age": lambda one: one.age_s,
}

_OF_SLICE: Mapping[str, str] = {
    "slice.rate": "rate",
    "slice.error_share": "error_share",
    "slice.p50": "p50_s",
    "slice.p95": "p95_s",
    "slice.p99": "p99_s",
    "slice.in_flight": "in_flight",
    "slice.concurrency": "concurrency",
    "slice.cpu": "cpu",
    "slice.rss": "rss",
    "slice.instances": "instances",
    "slice.retries": "retries",
}
"""By metric the field that holds it."""

_OF_INSTANCE = (
    "instance.cpu", "instance.rss", "instance.in_flight", "instance.threads", "instance.fds",
)  # fmt: skip
"""In the order an `InstanceGroup` has them, behind ordinal and node."""
_MILLI = 1000

_NODE_METRICS, _SLICE_METRICS = tuple(_OF_NODE), tuple(_OF_SLICE)
_figures_of_slice: Any = attrgetter(*_OF_SLICE.values())


def values_of(aggregate: Aggregate) -> Iterator[Value]:
    """Yield what is known of nodes, slices and the cluster, but not of single instances.

    What is not known is left out. A node that was not measured for 3 s has an age, and else nothing.
    """
    for metrics, subject, figures in blocks_of(aggregate):
        for metric, value in zip(metrics, figures, strict=True):
            if value is not None:
                yield metric, subject, value


def blocks_of(aggregate: Aggregate) -> Iterator[Block]:
    """Yield the same as `values_of`, all of a node or of a slice together."""
    for one in aggregate.nodes:
        yield _NODE_METRICS, one.sample.node, [_read_node(metric, one) for metric in _OF_NODE]
    for load in aggregate.slices:
        yield _SLICE_METRICS, load.base, _figures_of_slice(load)
    for metric, value in _of_cluster(aggregate).items():
        yield (metric,), "", (value,)


def instance_blocks(aggregate: Aggregate) -> Iterator[Block]:
    """Yield what is known of every instance, all of one together."""
    for group in aggregate.instances:
        for ordinal, _, cpu, *counts in rows_of(group):
            yield _OF_INSTANCE, f"{group.artifact}/{ordinal}", (cpu / _MILLI, *counts)


def column_of(aggregate: Aggregate, metric: str) -> Iterator[Pair]:
    """Yield every subject that has a value of this metric now, with it."""
    if metric in _OF_SLICE:
        read: Callable[[SliceLoad], float | None] = attrgetter(_OF_SLICE[metric])
        found = ((load.base, read(load)) for load in aggregate.slices)
    elif metric in _OF_NODE:
        found = ((one.sample.node, _read_node(metric, one)) for one in aggregate.nodes)
    elif metric in _OF_INSTANCE:
        return _of_instances(aggregate, metric)
    else:
        found = (("", value) for name, value in _of_cluster(aggregate).items() if name == metric)
    return ((subject, value) for subject, value in found if value is not None)


def _read_node(metric: str, figures: NodeFigures) -> float | None:
    if figures.age_s > FRESH_S and metric != "node.age":
        return None
    return _OF_NODE[metric](figures)


def _of_instances(aggregate: Aggregate, metric: str) -> Iterator[Pair]:
    """Yield a metric of every instance; there are many, and four times as many figures are let be."""
    at = 2 + _OF_INSTANCE.index(metric)
    unit = _MILLI if metric == "instance.cpu" else 1
    for group in aggregate.instances:
        for ordinal, number in column_of_group(group, at):
            yield f"{group.artifact}/{ordinal}", number / unit


def _of_cluster(aggregate: Aggregate) -> Mapping[str, float]:
    found = {"cluster.nodes": float(sum(one.age_s <= FRESH_S for one in aggregate.nodes))}
    rates = [load.rate for load in aggregate.slices if load.rate is not None]
    if rates:
        found["cluster.rate"] = sum(rates)
    return found
