"""What the routers counted: one call, for this node or for all of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from aether.api.asking_all import ask_others, told_silent
from aether.api.call import Answer, Call, Context
from aether.api.endpoint import Endpoint, v1
from aether.core.dataplane.traffic import WINDOW_S
from aether.core.dataplane.traffic_stats import SeriesStats, TrafficStats, combine
from aether.core.model.ids import NodeId
from aether.errors import Unavailable

DEFAULT_WINDOW_S = 10
CLASSES = ("unanswered", "1xx", "2xx", "3xx", "4xx", "5xx")
"""Statuses by their first digit, as they are named in answers."""
_QUANTILES = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99}


async def get_stats(context: Context, call: Call) -> Answer:
    """Answer with what was counted in the last seconds; a node that is silent is named."""
    window_s = call.count("window", DEFAULT_WINDOW_S, 1, int(WINDOW_S))
    of_nodes, silent = await stats_of_nodes(context, window_s, cluster=call.flag("cluster"))
    shown = _Shown(
        slice=call.query.get("slice", ""), idle=call.flag("idle"), buckets=call.flag("buckets")
    )
    told = [of_nodes[node] for node in sorted(of_nodes)]
    return Answer(
        value={
            "nodes": sorted(of_nodes),
            "silent": told_silent(silent),
            **await asyncio.to_thread(_answer, told, shown),
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What of the stats the caller wants to see."""

    slice: str
    idle: bool
    buckets: bool


def _answer(told: Sequence[TrafficStats], shown: _Shown) -> dict[str, Any]:
    """Return the stats of all nodes in one; it takes a while for thousands of series."""
    stats = combine(told)
    return {
        "window_s": round(stats.window_s, 3),
        "overflowed": stats.overflowed,
        "in_flight": [
            msgspec.to_builtins(row) for row in stats.in_flight if shown.slice in ("", row.slice)
        ],
        "series": [
            _series(series, with_buckets=shown.buckets)
            for series in stats.series
            if shown.slice in ("", series.slice) and (shown.idle or series.requests)
        ],
    }


async def stats_of_nodes(
    context: Context, window_s: int, *, cluster: bool
) -> tuple[dict[NodeId, TrafficStats], dict[NodeId, str]]:
    """Return what was counted by this node, or by every one, and why silent nodes say nothing."""
    if context.traffic is None:
        raise Unavailable("this node does not count traffic")
    mine = {context.node: await context.traffic.stats_aside(window_s)}
    if not cluster:
        return mine, {}
    path = v1(f"routes/stats?window={window_s}&idle=true&buckets=true")
    theirs, silent = await ask_others(context, path, _read)
    return {**mine, **theirs}, silent


def _read(answer: Any) -> TrafficStats:  # noqa: ANN401 - a node's JSON
    """Read what a peer answers; raise ValueError when it is something else."""
    if isinstance(answer, dict) and isinstance(answer.get("series"), list):
        series = [_classes_in_order(one) for one in answer["series"]]
        stats = msgspec.convert({**answer, "series": series}, TrafficStats)
        return combine([stats])  # reads every histogram, so that a broken one is found here
    raise ValueError("its answer has no series")


def _classes_in_order(series: Any) -> object:  # noqa: ANN401 - as above
    if not isinstance(series, dict) or not isinstance(series.get("statuses"), dict):
        return series
    statuses: Mapping[str, object] = series["statuses"]
    return {**series, "statuses": [statuses.get(name, 0) for name in CLASSES]}


def _series(series: SeriesStats, *, with_buckets: bool) -> dict[str, Any]:
    latencies = series.latencies()
    plain: dict[str, Any] = msgspec.to_builtins(series)
    plain["rate"] = round(series.rate, 3)
    plain["requests"] = series.requests
    plain["errors"] = round(series.error_share, 6)
    plain["statuses"] = {
        name: count for name, count in zip(CLASSES, series.statuses, strict=True) if count
    }
    for name, share in _QUANTILES.items():
        seconds = latencies.quantile(share)
        plain[name] = None if seconds is None else round(seconds * 1000, 3)
    if not with_buckets:
        del plain["buckets"], plain["ticks"]
    return plain


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("routes/stats"), name="route.stats", handler=get_stats,
        answers="`series` of requests by route, slice, version and method: rate, errors, latencies; "
        "`in_flight` by route; `nodes` that counted, and `silent` ones",
        query={
            "window": "seconds to look back, 1 to 120; 10 when left out",
            "cluster": "`true`: of all nodes; else of the one that answers",
            "slice": "`group:name`: only this slice",
            "idle": "`true`: also what nothing was counted under in the window",
            "buckets": "`true`: with the histograms of latencies",
        },
    ),
)  # fmt: skip
