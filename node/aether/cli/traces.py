"""`aether trace`: requests that were traced, and one of them as a tree with its timings."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from aether.cli.client import path_to
from aether.cli.framework import DurationType, Invocation, LazyGroup
from aether.cli.tables import render_table, table_of

_COLUMNS: Mapping[str, str] = {
    "BEGAN": "began",
    "TRACE": "trace",
    "REQUEST": "name",
    "SLICE": "slice",
    "STATUS": "status",
    "MS": "ms",
    "RETRIES": "retries",
    "SPANS": "spans",
    "NODE": "node",
    "PROBLEM": "problem",
}
_TREE: Mapping[str, str] = {
    "SPAN": "span",
    "AT_MS": "offset_ms",
    "MS": "ms",
    "OWN_MS": "own_ms",
    "WAITED_MS": "waited_ms",
    "STATUS": "status",
    "NODE": "node",
    "PROCESS": "process",
    "PROBLEM": "problem",
}
_BRANCH, _LAST, _PASSING, _NOTHING = "├─ ", "└─ ", "│  ", "   "


@click.group(cls=LazyGroup)
def group() -> None:
    """Look at traces: what a request went through, where, and who was waited for."""


@group.command("list")
@click.option("--slice", "base", metavar="GROUP:NAME", help="Only requests to this slice.")
@click.option(
    "--route", metavar="ROUTE", help="Only requests of this route, as `GET /orders/{id}`."
)
@click.option("--errors", is_flag=True, help="Only those that failed or broke off.")
@click.option(
    "--slower-than", metavar="DURATION", type=DurationType(), help="Only those that took so long."
)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.pass_obj
def list_traces(
    this: Invocation,
    base: str | None,
    route: str | None,
    slower_than: float | None,
    limit: int,
    *,
    errors: bool,
) -> None:
    """List the requests traced last, of all nodes, the newest first."""
    found: dict[str, Any] = this.client.get(
        path_to(
            "traces",
            slice=base,
            route=route,
            errors="true" if errors else None,
            slower_than=slower_than,
            limit=limit,
        )
    )
    _name_silent(this, found)
    rows = [
        {**row, "began": _moment(row["began"]), "ms": f"{1000 * row['seconds']:.1f}"}
        for row in found["items"]
    ]
    this.output.show(found, render_table(table_of(rows, _COLUMNS)))


@group.command("show")
@click.argument("trace_id", metavar="ID")
@click.pass_obj
def show_trace(this: Invocation, trace_id: str) -> None:
    """Show one trace as a tree.

    OWN_MS is the time in which a piece of work waited for nothing below it; WAITED_MS is its part of
    the time the client waited: those parts add up to the whole.
    """
    found: dict[str, Any] = this.client.get(path_to("traces", trace_id))
    _name_silent(this, found)
    if found["lost"]:
        this.output.say(f"{found['lost']} spans name a parent that is not there")
    if found["left_out"]:
        this.output.say(f"{found['left_out']} more spans are left out")
    this.output.show(found, render_table(table_of(list(tree_rows(found["spans"])), _TREE)))


def _name_silent(this: Invocation, found: Mapping[str, Any]) -> None:
    for silent in found["silent"]:
        this.output.say(f"{silent['node']} is left out: {silent['problem']}")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def tree_rows(spans: list[dict[str, Any]]) -> Iterable[Mapping[str, object]]:
    """Return the rows of a tree, with branches drawn before the names."""
    open_branches: list[bool] = []
    for place, span in enumerate(spans):
        depth = span["depth"]
        del open_branches[depth:]
        more = _has_sibling_below(spans, place)
        drawn = "".join(_PASSING if is_open else _NOTHING for is_open in open_branches[1:])
        branch = "" if depth == 0 else (_BRANCH if more else _LAST)
        open_branches.append(more)
        yield {
            **span,
            "span": f"{drawn}{branch}{_title(span)}",
            "status": span["status"] or "",
        }


def _has_sibling_below(spans: list[dict[str, Any]], place: int) -> bool:
    """Whether another span with the same parent follows."""
    depth = spans[place]["depth"]
    for later in spans[place + 1 :]:
        if later["depth"] <= depth:
            return bool(later["depth"] == depth)
    return False


def _title(span: Mapping[str, Any]) -> str:
    """Return what a span is called: its kind, and what it was about."""
    lost = " (its parent is not there)" if span["lost"] else ""
    return f"{span['kind']} {span['name']}{lost}"
