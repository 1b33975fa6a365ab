"""`aether route stats`: what routers counted, as a table."""

from collections.abc import Iterable, Mapping
from typing import Any

import click

from aether.cli.client import path_to
from aether.cli.framework import Command, DurationType, Invocation
from aether.cli.tables import render_table, table_of

LONGEST_WINDOW_S = 120.0

_COLUMNS: Mapping[str, str] = {
    "ROUTE": "route",
    "SLICE": "slice",
    "VERSION": "version",
    "METHOD": "method",
    "REQ/S": "rate",
    "ERRORS_%": "errors",
    "P50_MS": "p50_ms",
    "P90_MS": "p90_ms",
    "P99_MS": "p99_ms",
    "IN_FLIGHT": "in_flight",
    "RETRIES": "retries",
}
_NO_ROUTE = "(no route)"


def _window(_: click.Context, __: click.Parameter, seconds: float) -> int:
    if not 1 <= seconds <= LONGEST_WINDOW_S:
        raise click.BadParameter(f"{seconds:g} s is not from 1s to {LONGEST_WINDOW_S:g}s")
    return round(seconds)


@click.command("stats", cls=Command)
@click.option(
    "--window", metavar="DURATION", type=DurationType(), default="10s", callback=_window,
    show_default=True, help="How far to look back, 1s to 2m.",
)  # fmt: skip
@click.option("--slice", "base", metavar="GROUP:NAME", help="Only this slice.")
@click.option(
    "--this-node", is_flag=True, help="Only what the routers of the answering node counted."
)
@click.option("--idle", is_flag=True, help="Also what got no request in that time.")
@click.pass_obj
def show_stats(
    this: Invocation, window: int, base: str | None, *, this_node: bool, idle: bool
) -> None:
    """Show rate, errors, latencies and retries by route, slice, version and method.

    A request counts at the router it came to first. IN_FLIGHT is of the route, all versions and
    methods together; ERRORS_% are answers 5xx and those cut short.
    """
    found: dict[str, Any] = this.client.get(
        path_to(
            "routes",
            "stats",
            window=window,
            slice=base,
            cluster=None if this_node else "true",
            idle="true" if idle else None,
        )
    )
    for silent in found["silent"]:
        this.output.say(f"{silent['node']} is left out: {silent['problem']}")
    if found["overflowed"]:
        this.output.say(f"{found['overflowed']} requests are counted under no name of their own")
    this.output.show(found, render_table(table_of(_rows(found), _COLUMNS)))


def _rows(found: Mapping[str, Any]) -> Iterable[Mapping[str, object]]:
    """Return the lines of the table: each series, then routes with nothing but requests in flight."""
    waiting = {(row["route"], row["slice"]): row["requests"] for row in found["in_flight"]}
    shown = set[tuple[str, str]]()
    for series in found["series"]:
        names = series["route"], series["slice"]
        shown.add(names)
        yield {
            **series,
            "route": series["route"] or _NO_ROUTE,
            "rate": f"{series['rate']:.1f}",
            "errors": f"{100 * series['errors']:.2f}",
            "in_flight": waiting.get(names, 0),
        }
    for row in found["in_flight"]:
        if (row["route"], row["slice"]) not in shown:
            yield {"route": row["route"], "slice": row["slice"], "in_flight": row["requests"]}
