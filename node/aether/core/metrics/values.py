"""The metrics of the catalogue, read out of an aggregate."""

from collections.abc import Callable, Iterator, Mapping

from aether.core.metrics.aggregate import Aggregate, NodeFigures, SliceLoad, instances_of
from aether.core.metrics.aggregation import FRESH_S

Value = tuple[str, str, float]
"""Metric, subject, value."""


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

_OF_SLICE: Mapping[str, Callable[[SliceLoad], float | None]] = {
    "slice.rate": lambda one: one.rate,
    "slice.error_share": lambda one: one.error_share,
    "slice.p50": lambda one: one.p50_s,
    "slice.p95": lambda one: one.p95_s,
    "slice.p99": lambda one: one.p99_s,
    "slice.in_flight": lambda one: one.in_flight,
    "slice.concurrency": lambda one: one.concurrency,
    "slice.cpu": lambda one: one.cpu,
    "slice.rss": lambda one: one.rss,
    "slice.instances": lambda one: one.instances,
    "slice.retries": lambda one: one.retries,
}


def values_of(aggregate: Aggregate) -> Iterator[Value]:
    """Yield what is known of nodes, slices and the cluster, but not of single instances.

    What is not known is left out. A node that was not measured for 3 s has an age, and else nothing.
    """
    for figures in aggregate.nodes:
        yield from _values_of_node(figures)
    for load in aggregate.slices:
        for name, read in _OF_SLICE.items():
            value = read(load)
            if value is not None:
                yield name, load.base, value
    fresh = sum(figures.age_s <= FRESH_S for figures in aggregate.nodes)
    yield "cluster.nodes", "", float(fresh)
    rates = [load.rate for load in aggregate.slices if load.rate is not None]
    if rates:
        yield "cluster.rate", "", sum(rates)


def _values_of_node(figures: NodeFigures) -> Iterator[Value]:
    node = figures.sample.node
    if figures.age_s > FRESH_S:
        yield "node.age", node, figures.age_s
        return
    for name, read in _OF_NODE.items():
        value = read(figures)
        if value is not None:
            yield name, node, value


def instance_values(aggregate: Aggregate) -> Iterator[Value]:
    """Yield what is known of every instance."""
    for one in instances_of(aggregate):
        yield "instance.cpu", one.instance, one.cpu
        yield "instance.rss", one.instance, float(one.rss)
        yield "instance.in_flight", one.instance, float(one.in_flight)
        yield "instance.threads", one.instance, float(one.threads)
        yield "instance.fds", one.instance, float(one.fds)
