"""What the routers counted: one call, for this node or for all of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from aether.api.asking import ask
from aether.api.call import Answer, Call, Context
from aether.api.endpoint import Endpoint, v1
from aether.api.views import read_view
from aether.core.dataplane.traffic import WINDOW_S
from aether.core.dataplane.traffic_stats import SeriesStats, TrafficStats, combine
from aether.core.model.ids import NodeId
from aether.core.model.records import Verdict
from aether.core.store.commands import Consistency
from aether.errors import AetherError, Unavailable

DEFAULT_WINDOW_S = 10
CLASSES = ("unanswered", "1xx", "2xx", "3xx", "4xx", "5xx")
"""Statuses by their first digit, as they are named in answers."""
MOST_ASKED = 16
"""Nodes asked at the same time."""

_QUANTILES = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99}
_GONE = frozenset({Verdict.LOST, Verdict.DECOMMISSIONED})


async def get_stats(context: Context, call: Call) -> Answer:
    """Answer with what was counted in the last seconds; a node that is silent is named."""
    if context.traffic is None:
        raise Unavailable("this node does not count traffic")
    window_s = call.count("window", DEFAULT_WINDOW_S, 1, int(WINDOW_S))
    of_nodes = {context.node: await context.traffic.stats_aside(window_s)}
    silent: dict[NodeId, str] = {}
    if call.flag("cluster"):
        await _ask_others(context, window_s, of_nodes, silent)
    shown = _Shown(
        slice=call.query.get("slice", ""), idle=call.flag("idle"), buckets=call.flag("buckets")
    )
    told = [of_nodes[node] for node in sorted(of_nodes)]
    return Answer(
        value={
            "nodes": sorted(of_nodes),
            "silent": [{"node": node, "problem": silent[node]} for node in sorted(silent)],
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


async def _ask_others(
    context: Context,
    window_s: int,
    of_nodes: dict[NodeId, TrafficStats],
    silent: dict[NodeId, str],
) -> None:
    """Add what every other live node says, and why the silent ones say nothing."""
    view = await read_view(context.store, Consistency.STALE)
    places = asyncio.Semaphore(MOST_ASKED)
    path = v1(f"routes/stats?window={window_s}&idle=true&buckets=true")

    async def add(node: NodeId) -> None:
        async with places:
            try:
                answer = await ask(context, node, path)
                of_nodes[node] = await asyncio.to_thread(_read, answer)
            except (AetherError, ValueError) as problem:
                silent[node] = str(problem)

    async with asyncio.TaskGroup() as group:
        for node in sorted(view.nodes):
            verdict = view.verdicts.get(node)
            if node != context.node and (verdict is None or verdict.verdict not in _GONE):
                group.create_task(add(node), name=f"ask {node} for its counts")


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
