"""Every metric by name: what it is about, its unit, what it says, and what kind of number it is.

Rules for this file. A metric stands here or does not exist. `gauge` is a value as it is now, `rate` a
count divided by the time it took, both may be averaged; a `counter` only grows, so it is never kept in
a window or averaged: whoever wants its course takes its rate. `over` says what becomes of a second's
values when they are kept for longer: their mean, or the worst of them where the worst is the news.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "rate", "counter"]
About = Literal["node", "slice", "instance", "cluster"]
Over = Literal["mean", "worst"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric. The subject of its values is a node id, `group:name`, an instance, or nothing."""

    name: str
    about: About
    kind: Kind
    unit: str
    """`s`, `bytes`, `1/s`, `share` (0 to 1), `cores`, or what is counted."""
    help: str
    """What it says, in a phrase."""
    over: Over = "mean"


def _rows(about: About, *rows: tuple[str, Kind, str, str, Over], family: str = "") -> list[Metric]:
    return [
        Metric(
            name=f"{family or about}.{name}",
            about=about,
            kind=kind,
            unit=unit,
            help=text,
            over=over,
        )
        for name, kind, unit, text, over in rows
    ]


_TABLE = (
    *_rows(
        "node",
        ("cpu", "gauge", "share", "cores of the machine in use", "mean"),
        ("memory", "gauge", "share", "memory of the machine in use", "mean"),
        ("memory_used", "gauge", "bytes", "memory of the machine in use", "mean"),
        ("rss", "gauge", "bytes", "resident memory of the node process", "mean"),
        ("loop_lag", "gauge", "s", "longest time a timer of the node's loop was late", "worst"),
        ("fds", "gauge", "share", "file descriptors of the node process in use", "worst"),
        ("disk", "gauge", "share", "file system of the data directory in use", "mean"),
        ("disk_used", "gauge", "bytes", "file system of the data directory in use", "mean"),
        ("net_in", "rate", "bytes/s", "bytes that came in over the network", "mean"),
        ("net_out", "rate", "bytes/s", "bytes that went out over the network", "mean"),
        ("gc_pause", "rate", "s/s", "time garbage collection held the node process up", "mean"),
        ("gc_count", "rate", "1/s", "garbage collections of the node process", "mean"),
        ("instances", "gauge", "instances", "instances the node hosts", "mean"),
        ("age", "gauge", "s", "time since the node was measured", "worst"),
    ),
    *_rows(
        "slice",
        ("rate", "rate", "1/s", "requests that ended, calls between slices included", "mean"),
        ("error_share", "gauge", "share", "requests of 10 s answered 5xx or cut short", "mean"),
        ("p50", "gauge", "s", "latency half the requests of 10 s stayed below", "mean"),
        ("p95", "gauge", "s", "latency 95 % of the requests of 10 s stayed below", "mean"),
        ("p99", "gauge", "s", "latency 99 % of the requests of 10 s stayed below", "mean"),
        ("in_flight", "gauge", "requests", "requests being answered", "mean"),
        ("concurrency", "gauge", "requests", "mean of requests being answered at a time", "mean"),
        ("cpu", "gauge", "cores", "cores used, mean of its instances", "mean"),
        ("rss", "gauge", "bytes", "resident memory, mean of its instances", "mean"),
        ("instances", "gauge", "instances", "instances measured", "mean"),
        ("retries", "rate", "1/s", "attempts made again by routers", "mean"),
    ),
    *_rows(
        "instance",
        ("cpu", "gauge", "cores", "cores used by the host process", "mean"),
        ("rss", "gauge", "bytes", "resident memory of the host process", "mean"),
        ("in_flight", "gauge", "requests", "requests the host is answering", "mean"),
        ("threads", "gauge", "threads", "threads of the host process", "mean"),
        ("fds", "gauge", "files", "files and sockets the host process has open", "mean"),
    ),
    *_rows(
        "cluster",
        ("nodes", "gauge", "nodes", "nodes that were measured in the last 3 s", "mean"),
        ("quorum_margin", "gauge", "voters", "voters that may fail before writing ends", "mean"),
        ("rate", "rate", "1/s", "requests that ended, of all slices", "mean"),
    ),
    *_rows(
        "slice",
        ("error", "gauge", "ratio", "error of forecasts, in errors of the last value", "mean"),
        ("coverage", "gauge", "share", "steps at or below the p90 forecast for them", "mean"),
        ("width", "gauge", "ratio", "distance kept above p50, in distances to p90", "mean"),
        ("age", "gauge", "s", "time since the last step the slice's forecast knows", "worst"),
        family="forecast",
    ),
    *_rows(
        "cluster",
        ("slices", "gauge", "slices", "slices with a forecast", "mean"),
        ("trusted", "gauge", "slices", "slices whose forecasts are trusted", "mean"),
        ("time", "gauge", "s", "time the last batch of forecasts took in its thread", "worst"),
        ("cpu", "gauge", "s", "CPU time the last batch of forecasts took", "worst"),
        family="forecast",
    ),
)

CATALOGUE: Mapping[str, Metric] = {metric.name: metric for metric in _TABLE}
"""Every metric by name, in the order of the table."""
