"""`aether threshold …`: when a value is bad."""

import json
from collections.abc import Mapping
from typing import Any

import click

from aether.cli.client import path_to
from aether.cli.framework import DurationType, Invocation, LazyGroup
from aether.cli.tables import render_table, table_of

_JSON = {"content-type": "application/json"}
_COLUMNS: Mapping[str, str] = {
    "METRIC": "metric",
    "SUBJECT": "subject",
    "BAD": "direction",
    "WARNING": "warning",
    "CRITICAL": "critical",
    "UNIT": "unit",
    "HYSTERESIS": "hysteresis",
    "FOR_S": "for_s",
    "CLEAR_S": "clear_s",
    "ORIGIN": "origin",
}


@click.group(cls=LazyGroup)
def group() -> None:
    """Say when a value is bad."""


@group.command("list")
@click.pass_obj
def list_thresholds(this: Invocation) -> None:
    """List every built-in threshold and every one that was set."""
    found = this.client.get(path_to("thresholds"))["items"]
    this.output.show(found, render_table(table_of(found, _COLUMNS)))


@group.command("set")
@click.argument("metric")
@click.argument("subject", default="*")
@click.option("--warning", type=float, help="Bound of a warning.")
@click.option("--critical", type=float, help="Bound of a critical alert.")
@click.option("--hysteresis", type=float, help="Share of the bound to fall back by, 0 to 1.")
@click.option(
    "--for", "for_s", type=DurationType(), help="Time beyond the bound before it is raised."
)
@click.option(
    "--clear", "clear_s", type=DurationType(), help="Time within it before it is lowered."
)
@click.option("--off", is_flag=True, help="No alert of it.")
@click.pass_obj
def set_threshold(this: Invocation, /, metric: str, subject: str, **asked: Any) -> None:  # noqa: ANN401 - click hands each option as it is
    """Compare METRIC of SUBJECT (default `*`: of all; `-`: of the cluster) with other bounds.

    Bounds that are named replace both; what else is left out stays as built in.
    """
    said = {name: value for name, value in asked.items() if name != "off" and value is not None}
    if not said and not asked["off"]:
        raise click.UsageError("say a bound, a time, or --off")
    body = json.dumps({**said, "enabled": not asked["off"]}).encode()
    path = path_to("thresholds", metric, subject)
    _, answer = this.client.request("PUT", path, body, _JSON)
    this.output.show(answer, [answer["summary"]])


@group.command("unset")
@click.argument("metric")
@click.argument("subject", default="*")
@click.pass_obj
def unset(this: Invocation, metric: str, subject: str) -> None:
    """Take the threshold of METRIC of SUBJECT back: the next farther one counts again."""
    _, answer = this.client.request("DELETE", path_to("thresholds", metric, subject))
    this.output.show(answer, [answer["summary"]])
