"""Calls about requests and calls between slices: how each method does, and which calls were slow."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from aether.api.asking_all import ask_others, told_silent
from aether.api.call import Answer, Call, Context
from aether.api.endpoint import Endpoint, v1
from aether.api.route_stats import stats_of_nodes
from aether.core.dataplane.route_counts import split_key
from aether.core.dataplane.slow_calls import SlowCall
from aether.core.dataplane.traffic import WINDOW_S
from aether.core.dataplane.traffic_stats import SeriesStats, TrafficStats, combine
from aether.errors import Unavailable

DEFAULT_WINDOW_S = 60
_QUANTILES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


async def get_invocations(context: Context, call: Call) -> Answer:
    """Answer how each method of each version of each slice does, over all nodes."""
    window_s = call.count("window", DEFAULT_WINDOW_S, 1, int(WINDOW_S))
    cluster = not call.flag("this_node")
    of_nodes, silent = await stats_of_nodes(context, window_s, cluster=cluster)
    wanted = call.query.get("slice", "")
    rows = await asyncio.to_thread(_rows, list(of_nodes.values()), wanted)
    return Answer(
        value={
            "nodes": sorted(of_nodes),
            "silent": told_silent(silent),
            "window_s": window_s,
            "items": rows,
        }
    )


def _rows(told: Sequence[TrafficStats], wanted: str) -> list[dict[str, Any]]:
    return [
        _row(series)
        for series in combine(told).series
        if series.slice and wanted in ("", series.slice) and series.requests
    ]


def _row(series: SeriesStats) -> dict[str, Any]:
    latencies = series.latencies()
    count = latencies.count
    row: dict[str, Any] = {
        "slice": series.slice,
        "version": series.version,
        "route": series.route,
        "method": series.method,
        "requests": series.requests,
        "rate": round(series.rate, 3),
        "errors": round(series.error_share, 6),
        "retries": series.retries,
        "mean_ms": round(1000 * latencies.sum_s / count, 3) if count else None,
    }
    for name, share in _QUANTILES.items():
        seconds = latencies.quantile(share)
        row[name] = None if seconds is None else round(1000 * seconds, 3)
    return row


async def get_slow(context: Context, call: Call) -> Answer:
    """Answer with the last slow calls of each method, the newest first, over all nodes."""
    if context.traffic is None:
        raise Unavailable("this node does not count traffic")
    found = [_told(slow, context.node) for slow in context.traffic.slow_calls()]
    asked = [context.node]
    silent: list[dict[str, str]] = []
    if not call.flag("this_node"):
        path = v1("invocations/slow?this_node=true&limit=1000")
        theirs, problems = await ask_others(context, path, _items)
        asked += theirs
        silent = told_silent(problems)
        found += [item for items in theirs.values() for item in items]
    wanted = call.query.get("slice", "")
    kept = [item for item in found if wanted in ("", item.get("slice"))]
    kept.sort(key=lambda item: str(item.get("at")), reverse=True)
    return Answer(value={"nodes": sorted(asked), "silent": silent, "items": kept[: call.limit]})


def _told(slow: SlowCall, node: str) -> dict[str, Any]:
    route, base = split_key(slow.route)
    ended = datetime.fromtimestamp(slow.at_ms / 1000, UTC)
    return {
        "at": ended.isoformat(timespec="milliseconds"),
        "slice": base,
        "version": slow.version,
        "route": route,
        "method": slow.method,
        "status": slow.status,
        "ms": round(1000 * slow.seconds, 3),
        "slow_after_ms": round(1000 * slow.slow_after_s, 3),
        "trace": slow.trace,
        "instance": slow.instance,
        "node": node,
    }


class _Items(msgspec.Struct, frozen=True):
    """What a peer answers; an item travels on as it is."""

    items: list[dict[str, Any]]


def _items(answer: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a node's JSON
    """Read what a peer answers; raise ValueError when it is something else."""
    return msgspec.convert(answer, _Items).items


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("invocations"), name="invocation.list", handler=get_invocations,
        answers="`items`: each route and method of each version of each slice that was called: rate, "
        "errors, retries, latencies; `nodes` that counted, and `silent` ones",
        query={
            "window": "seconds to look back, 1 to 120; 60 when left out",
            "slice": "`group:name`: only this slice",
            "this_node": "`true`: only what the routers of the answering node counted",
        },
    ),
    Endpoint(
        method="GET", path=v1("invocations/slow"), name="invocation.slow", handler=get_slow,
        answers="`items`: the last ten slow calls of each route, version and method, the newest first, "
        "with their trace, their instance and the time from which on they were slow",
        query={
            "slice": "`group:name`: only this slice",
            "limit": "most items, 1 to 1000; 100 when left out",
            "this_node": "`true`: only what the routers of the answering node told",
        },
    ),
)  # fmt: skip
