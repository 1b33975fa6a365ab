"""`aether route …`."""

from collections.abc import Mapping

import click

from aether.cli.framework import Invocation, LazyGroup
from aether.cli.moments import at_option
from aether.cli.route_stats import show_stats
from aether.cli.tables import render_table, table_of

_COLUMNS: Mapping[str, str] = {
    "METHOD": "method",
    "PATTERN": "pattern",
    "SLICE": "slice",
    "ACTIVE": "active",
    "TIMEOUT_S": "timeout_s",
    "BODY_LIMIT": "body_limit",
    "HOST": "host",
}


@click.group(cls=LazyGroup)
def group() -> None:
    """Look at the HTTP routes."""


@group.command("list")
@at_option
@click.pass_obj
def list_routes(this: Invocation, at: str | None) -> None:
    """List every route, the slice that answers it and how many instances serve."""
    routes = list(this.client.items("routes", at=at))
    this.output.show(routes, render_table(table_of(routes, _COLUMNS)))


group.add_command(show_stats)
