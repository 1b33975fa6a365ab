"""`aether forecast …`: how forecasts of traffic stand, what they would have saved, and their data."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from aether.cli.client import path_to
from aether.cli.framework import Invocation, LazyGroup
from aether.cli.tables import render_table, table_of
from aether.cli.training_folder import add_series

_STATUS: Mapping[str, str] = {
    "SLICE": "slice",
    "STEPS": "steps_known",
    "ERROR": "error_ratio",
    "P90_HOLDS": "coverage",
    "WIDTH": "width",
    "NEXT_P50": "p50",
    "NEXT_P90": "p90",
    "STATE": "text",
}
_SCORES: Mapping[str, str] = {
    "SLICE": "slice",
    "TRUSTED": "trusted",
    "ERROR": "error_ratio",
    "P90_HOLDS": "coverage",
    "MINUTES": "minutes",
    "BAD_REACTIVE": "bad_reactive",
    "BAD_FORECAST": "bad_forecast",
    "HOURS_REACTIVE": "hours_reactive",
    "HOURS_FORECAST": "hours_forecast",
}


@click.group(cls=LazyGroup)
def group() -> None:
    """Look at forecasts of traffic, and take data to train them on."""


@group.command("status")
@click.pass_obj
def status(this: Invocation) -> None:
    """Show the model and each slice's next step: ERROR is relative to the last value's."""
    found: dict[str, Any] = this.client.get(path_to("forecast", "status"))
    if found["problem"]:
        this.output.say(found["problem"])
    model = found["model"]
    if model is not None:
        this.output.say(f"model {model['name']}, steps of {found['step_s']:g} s")
    rows = [{**row, **_next(row)} for row in found["slices"]]
    this.output.show(found, render_table(table_of(rows, _STATUS)))


def _next(row: Mapping[str, Any]) -> Mapping[str, Any]:
    forecast = row["forecast"]
    return forecast["steps"][0] if forecast else {}


@group.command("scorecard")
@click.pass_obj
def scorecard(this: Invocation) -> None:
    """Show what forecasts would have saved and cost, against the reactive rules alone.

    Both rules live through the same load; a minute is BAD when more than 1 % of its requests met full
    instances.
    """
    found: dict[str, Any] = this.client.get(path_to("forecast", "scorecard"))
    if found["problem"]:
        this.output.say(found["problem"])
    if not found["slices"]:
        this.output.say("nothing is scored yet: the leader has made no forecast")
    this.output.show(found, render_table(table_of(_scores(found["slices"]), _SCORES)))


def _scores(rows: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    for row in rows:
        compared = row["compared"]
        if compared is None:
            yield row
            continue
        bad, hours = compared["bad_minutes"], compared["instance_hours"]
        yield {
            **row,
            "minutes": compared["minutes"],
            "bad_reactive": bad["reactive"],
            "bad_forecast": bad["forecast"],
            "hours_reactive": hours["reactive"],
            "hours_forecast": hours["forecast"],
        }


@group.command("training-data")
@click.option("--slice", "base", metavar="GROUP:NAME", help="Only this slice.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True,
    help="Folder of series; what is there is carried on, so a run a day keeps it complete.",
)  # fmt: skip
@click.pass_obj
def training_data(this: Invocation, base: str | None, out: Path) -> None:
    """Write the cluster's own histories as series to train on: `aether-forge train --data FOLDER`."""
    found = this.client.get(path_to("forecast", "training-data", slice=base))["items"]
    if not found:
        this.output.say("no slice has 180 steps of history yet")
    written = add_series(out, found)
    this.output.show(written, [f"{row['file']}: {row['rows']} rows" for row in written])
