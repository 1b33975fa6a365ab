"""`aether metric`: what is measured, now and over two hours, calls by method, slow calls."""

from collections.abc import Iterable, Mapping
from typing import Any

import click

from aether.cli.client import path_to
from aether.cli.framework import Command, DurationType, Invocation, LazyGroup
from aether.cli.sparkline import sparkline
from aether.cli.tables import render_table, table_of

LONGEST_RANGE_S = 7200.0
LONGEST_WINDOW_S = 120.0
MOST_SUBJECTS = 4
"""Subjects whose values `list` shows; all stand in its JSON."""
WIDTH = 60
"""Characters of a course."""

_SLOW: Mapping[str, str] = {
    "AT": "at",
    "SLICE": "slice",
    "VERSION": "version",
    "ROUTE": "route",
    "STATUS": "status",
    "MS": "ms",
    "SLOW_AFTER_MS": "slow_after_ms",
    "TRACE": "trace",
    "INSTANCE": "instance",
}
_CALLS: Mapping[str, str] = {
    "SLICE": "slice",
    "VERSION": "version",
    "ROUTE": "route",
    "METHOD": "method",
    "REQUESTS": "requests",
    "REQ/S": "rate",
    "ERRORS_%": "errors",
    "P50_MS": "p50_ms",
    "P95_MS": "p95_ms",
    "P99_MS": "p99_ms",
    "RETRIES": "retries",
}


def _seconds(most_s: float) -> Any:  # noqa: ANN401 - click's callback
    def check(_: click.Context, __: click.Parameter, seconds: float) -> int:
        if not 1 <= seconds <= most_s:
            raise click.BadParameter(f"{seconds:g} s is not from 1s to {most_s:g}s")
        return round(seconds)

    return check


@click.group("metric", cls=LazyGroup)
def group() -> None:
    """Look at what is measured of nodes, slices and instances."""


@group.command("list", cls=Command)
@click.argument("metric", required=False)
@click.pass_obj
def list_metrics(this: Invocation, metric: str | None) -> None:
    """List metrics with unit and meaning, and their values now; with METRIC, of every subject."""
    found = this.client.get(path_to("metrics", "catalogue", metric=metric))
    rows = _values(found["items"]) if metric else _catalogue(found["items"])
    columns = (
        {"SUBJECT": "subject", "VALUE": "value", "UNIT": "unit"}
        if metric
        else {"METRIC": "name", "KIND": "kind", "UNIT": "unit", "NOW": "now", "MEANING": "help"}
    )
    this.output.show(found, render_table(table_of(rows, columns)))


def _catalogue(items: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, object]]:
    for item in items:
        values = [f"{one['subject'] or 'cluster'}={one['value']:g}" for one in item["values"]]
        more = len(values) - MOST_SUBJECTS
        now = [*values[:MOST_SUBJECTS], *([f"and {more} more"] if more > 0 else [])]
        yield {**item, "now": ", ".join(now)}


def _values(items: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, object]]:
    for item in items:
        for one in item["values"]:
            yield {**one, "value": f"{one['value']:g}", "unit": item["unit"]}


@group.command("history", cls=Command)
@click.argument("metric")
@click.argument("subject", required=False)
@click.option(
    "--range", "range_s", metavar="DURATION", type=DurationType(), default="10m",
    callback=_seconds(LONGEST_RANGE_S), show_default=True, help="How far to look back, 1s to 2h.",
)  # fmt: skip
@click.option(
    "--step",
    type=click.Choice(["1", "10", "60"]),
    help="Seconds a point stands for (default: by range).",
)
@click.pass_obj
def history(
    this: Invocation, metric: str, subject: str | None, range_s: int, step: str | None
) -> None:
    """Show the course of METRIC, of SUBJECT or of all there are: lowest, mean, highest, last."""
    found = this.client.get(
        path_to("metrics", "history", metric=metric, subject=subject, range=range_s, step=step)
    )
    rows = [_course(item) for item in found["items"]]
    columns = {"SUBJECT": "subject", "LOW": "low", "MEAN": "mean", "HIGH": "high", "LAST": "last", "COURSE": "course"}  # fmt: skip
    this.output.show(found, render_table(table_of(rows, columns)))


def _course(item: Mapping[str, Any]) -> Mapping[str, object]:
    values = [float(point["value"]) for point in item["points"]]
    if not values:
        return {"subject": item["subject"]}
    return {
        "subject": item["subject"] or "cluster",
        "low": f"{min(values):g}",
        "mean": f"{sum(values) / len(values):.6g}",
        "high": f"{max(values):g}",
        "last": f"{values[-1]:g}",
        "course": sparkline(values, WIDTH),
    }


@group.command("calls", cls=Command)
@click.option(
    "--window", metavar="DURATION", type=DurationType(), default="1m",
    callback=_seconds(LONGEST_WINDOW_S), show_default=True, help="How far to look back, 1s to 2m.",
)  # fmt: skip
@click.option("--slice", "base", metavar="GROUP:NAME", help="Only this slice.")
@click.pass_obj
def calls(this: Invocation, window: int, base: str | None) -> None:
    """Show each method of each version of each slice that was called, over all nodes."""
    found = this.client.get(path_to("invocations", window=window, slice=base))
    _say_silent(this, found)
    rows = [{**item, "errors": f"{100 * item['errors']:.2f}"} for item in found["items"]]
    this.output.show(found, render_table(table_of(rows, _CALLS)))


@group.command("slow", cls=Command)
@click.option("--slice", "base", metavar="GROUP:NAME", help="Only this slice.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.pass_obj
def slow(this: Invocation, base: str | None, limit: int) -> None:
    """Show the last slow calls, the newest first, with their traces.

    Which calls are slow is a setting: `aether config list` shows those that begin with invocations.
    """
    found = this.client.get(path_to("invocations", "slow", slice=base, limit=limit))
    _say_silent(this, found)
    this.output.show(found, render_table(table_of(found["items"], _SLOW)))


def _say_silent(this: Invocation, found: Mapping[str, Any]) -> None:
    for silent in found["silent"]:
        this.output.say(f"{silent['node']} is left out: {silent['problem']}")
