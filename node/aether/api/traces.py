"""Calls about traces: those there are, one as a tree, and what a node is asked to ship."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from aether.api.asking import ask
from aether.api.call import Answer, Call, Context
from aether.api.endpoint import Endpoint, v1
from aether.api.views import read_view
from aether.core.model.ids import NodeId
from aether.core.model.records import Verdict
from aether.core.store.commands import Consistency
from aether.core.tracing.span import KEPT, Span
from aether.core.tracing.tree import Leaf, tree_of
from aether.errors import AetherError, Invalid, NotFound, Unavailable
from aether.telemetry.traces import MOST_WANTED, NodeTraces

MOST_ASKED = 16
"""Nodes asked at the same time."""
MOST_SPANS = 4096
"""Spans of one trace shown; of one with more, those that began first."""
_GONE = frozenset({Verdict.LOST, Verdict.DECOMMISSIONED})
_TRACE_DIGITS = 32


class AskedFor(BaseModel):
    """Traces another node wants to know more of."""

    model_config = ConfigDict(extra="forbid", strict=True)

    traces: list[str] = Field(max_length=MOST_WANTED, description="ids, 32 hexadecimal digits each")


class _Row(msgspec.Struct, frozen=True):
    """One trace in a list, as nodes tell it each other."""

    trace: str
    began: float
    seconds: float
    name: str
    slice: str
    status: int
    problem: str
    node: str
    retries: int
    spans: int
    kept: bool


class _Page(msgspec.Struct, frozen=True):
    items: list[_Row]


class _Spans(msgspec.Struct, frozen=True):
    spans: list[Span]


async def list_traces(context: Context, call: Call) -> Answer:
    """Answer with the last requests traced, of all nodes unless only this one is meant."""
    traces, limit = _traces(context), call.limit
    found = [_row(traces, entry, spans) for entry, spans in _chosen(traces, call, limit)]
    silent: dict[NodeId, str] = {}
    if not call.flag("here"):
        path = v1(f"traces?here=true&limit={limit}{_rest(call)}")

        def read(answer: object) -> None:
            found.extend(msgspec.convert(answer, _Page).items)

        await _ask_others(context, path, read, silent)
    found.sort(key=lambda row: (-row.began, row.trace))
    return Answer(
        value={"items": [msgspec.to_builtins(row) for row in found[:limit]], **_silence(silent)}
    )


def _chosen(traces: NodeTraces, call: Call, limit: int) -> Sequence[tuple[Span, int]]:
    base, route = call.query.get("slice", ""), call.query.get("route", "")
    only_errors, slower_than = call.flag("errors"), _seconds(call, "slower_than")

    def wanted(entry: Span) -> bool:
        return (
            base in ("", entry.slice)
            and route in ("", entry.name)
            and (not only_errors or entry.failed)
            and entry.seconds >= slower_than
        )

    return traces.shelf.entries(wanted, limit)


def _rest(call: Call) -> str:
    """Return the conditions of a list as a query for another node."""
    names = ("slice", "route", "errors", "slower_than")
    given = {name: call.query[name] for name in names if name in call.query}
    return f"&{urlencode(given)}" if given else ""


def _row(traces: NodeTraces, entry: Span, spans: int) -> _Row:
    attempts = [
        span
        for span in traces.shelf.trace(entry.trace)
        if span.kind == "attempt" and span.parent == entry.id
    ]
    return _Row(
        trace=entry.trace,
        began=entry.began,
        seconds=entry.seconds,
        name=entry.name,
        slice=entry.slice,
        status=entry.status,
        problem=entry.problem,
        node=entry.node,
        retries=max(0, len(attempts) - 1),
        spans=spans,
        kept=bool(entry.marks & KEPT),
    )


async def get_trace(context: Context, call: Call) -> Answer:
    """Answer with one trace, joined from all nodes; with `here`, the spans of this one as they are."""
    trace_id = _trace_id(call.params["id"])
    spans = list(_traces(context).shelf.trace(trace_id))
    if call.flag("here"):
        return Answer(value={"spans": [msgspec.to_builtins(span) for span in spans]})
    silent: dict[NodeId, str] = {}

    def read(answer: object) -> None:
        spans.extend(msgspec.convert(answer, _Spans).spans)

    await _ask_others(context, v1(f"traces/{trace_id}?here=true"), read, silent)
    if not spans:
        raise NotFound(
            f"no node knows trace {trace_id}: it was not sampled and neither failed nor was slow, or it "
            "was forgotten since"
        )
    shown = await asyncio.to_thread(_tree, trace_id, spans)
    return Answer(value={**shown, **_silence(silent)})


def _tree(trace_id: str, spans: list[Span]) -> dict[str, Any]:
    """Return a trace as it is shown; some thousand spans take a while."""
    spans.sort(key=lambda span: (not span.is_entry, span.began, span.id))
    tree = tree_of(spans[:MOST_SPANS])
    root = tree.leaves[0].span
    return {
        "trace": trace_id,
        "began": root.began,
        "seconds": root.seconds,
        "name": root.name,
        "status": root.status,
        "linked": tree.is_linked,
        "roots": tree.roots,
        "lost": tree.lost,
        "left_out": max(0, len(spans) - MOST_SPANS),
        "nodes": sorted({leaf.span.node for leaf in tree.leaves}),
        "spans": [_leaf(leaf) for leaf in tree.leaves],
    }


def _leaf(leaf: Leaf) -> dict[str, Any]:
    span = leaf.span
    return {
        "id": span.id,
        "parent": span.parent,
        "depth": leaf.depth,
        "kind": span.kind,
        "name": span.name,
        "node": span.node,
        "process": span.process,
        "slice": span.slice,
        "to": span.to,
        "status": span.status,
        "problem": span.problem,
        "began": span.began,
        "offset_ms": round(leaf.offset_s * 1000, 3),
        "ms": round(span.seconds * 1000, 3),
        "own_ms": round(leaf.own_s * 1000, 3),
        "waited_ms": round(leaf.waited_s * 1000, 3),
        "lost": leaf.is_lost,
    }


async def ask_for(context: Context, call: Call) -> Answer:
    """Have the processes of this node ship what they remember of traces; nodes ask each other so."""
    asked = [_trace_id(trace) for trace in call.json(AskedFor).traces]
    _traces(context).ask(asked)
    return Answer(value={"asked": len(asked)}, status=202)


async def _ask_others(
    context: Context, path: str, read: Callable[[object], None], silent: dict[NodeId, str]
) -> None:
    """Read what every other live node answers, and note why the silent ones say nothing."""
    view = await read_view(context.store, Consistency.STALE)
    places = asyncio.Semaphore(MOST_ASKED)

    async def one(node: NodeId) -> None:
        async with places:
            try:
                read(await ask(context, node, path))
            except (AetherError, ValueError) as problem:
                silent[node] = str(problem)

    others: list[Awaitable[None]] = [
        one(node)
        for node in sorted(view.nodes)
        if node != context.node
        and ((verdict := view.verdicts.get(node)) is None or verdict.verdict not in _GONE)
    ]
    await asyncio.gather(*others)


def _silence(silent: dict[NodeId, str]) -> dict[str, Any]:
    return {"silent": [{"node": node, "problem": silent[node]} for node in sorted(silent)]}


def _traces(context: Context) -> NodeTraces:
    if context.traces is None:
        raise Unavailable("this node keeps no traces")
    return context.traces


def _trace_id(text: str) -> str:
    """Return the id of a trace; raise Invalid when it is none."""
    if len(text) != _TRACE_DIGITS or not all(digit in "0123456789abcdef" for digit in text):
        raise Invalid(
            f"trace {text[:80]!r} is not {_TRACE_DIGITS} hexadecimal digits in lower case"
        )
    return text


def _seconds(call: Call, name: str) -> float:
    """Return a number of seconds of the query, 0 when it is left out; raise Invalid for what is none."""
    text = call.query.get(name, "0")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= 86_400.0:
        raise Invalid(f"{name}={text[:40]!r} is not a number of seconds from 0 to 86400")
    return seconds


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("traces"), name="trace.list", handler=list_traces,
        answers="the last requests traced by the nodes they came to, newest first; `silent` nodes are left out",
        query={
            "slice": "`group:name`: only requests to this slice",
            "route": "`GET /orders/{id}`: only requests of this route",
            "errors": "`true`: only those that failed or broke off",
            "slower_than": "seconds: only those that took at least so long",
            "limit": "most traces, 1 to 1000; 100 when left out",
            "here": "`true`: only those that came to the node that answers",
        },
    ),
    Endpoint(
        method="GET", path=v1("traces/{id}"), name="trace.get", handler=get_trace,
        answers="one trace as a tree in the order it is read: `offset_ms` from its begin, `ms`, `own_ms` in which "
        "it waited for nobody, `waited_ms` of the whole that were spent in it",
        query={"here": "`true`: the spans the answering node has, as they are"},
    ),
    Endpoint(
        method="POST", path=v1("traces/ask"), name="trace.ask", handler=ask_for, role="operator",
        model=AskedFor, takes="ids of traces", status=202,
        answers="how many are asked for; nodes ask each other so for traces that were not sampled and failed",
    ),
)  # fmt: skip
