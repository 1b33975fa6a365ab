"""`aether controller …`: how slices are scaled by load, and why."""

from collections.abc import Iterable, Mapping
from typing import Any

import click

from aether.cli.client import path_to
from aether.cli.framework import Invocation, LazyGroup
from aether.cli.names import SLICE
from aether.cli.tables import render_pairs, render_table, table_of

MOST_DECISIONS = 1000
_STATUS: Mapping[str, str] = {
    "SLICE": "slice",
    "WANTED": "instances",
    "READY": "ready",
    "BOUNDS": "bounds",
    "REQ/S": "rate",
    "USE_%": "use",
    "RULE": "rule",
    "WHY": "text",
}
_CONFIG: Mapping[str, str] = {
    "SLICE": "slice",
    "SETTING": "name",
    "VALUE": "value",
    "ORIGIN": "origin",
}
_DECISIONS: Mapping[str, str] = {
    "NUMBER": "number",
    "SLICE": "slice",
    "BY": "actor",
    "FROM": "before",
    "TO": "wanted",
    "RULE": "rule",
    "REPLAYED": "replayed",
    "WHY": "text",
}


@click.group(cls=LazyGroup)
def group() -> None:
    """Look at how the leader scales slices by their load."""


@group.command("status")
@click.pass_obj
def status(this: Invocation) -> None:
    """Show each slice's load, bounds, and what was decided last and why."""
    answer = this.client.get(path_to("controller", "status"))
    rows = [_status_row(row) for row in answer["slices"]]
    this.output.show(
        answer, [*render_table(table_of(rows, _STATUS)), "", f"nodes: {answer['nodes']['text']}"]
    )


def _status_row(row: Mapping[str, Any]) -> dict[str, Any]:
    bounds, use, rate = row.get("bounds"), row.get("utilisation"), row.get("rate")
    return {
        **row,
        "ready": row.get("ready", ""),
        "rule": row.get("rule", ""),
        "bounds": f"{bounds['least']}-{bounds['most']}" if bounds else "",
        "use": "" if use is None else f"{100 * use:.0f}",
        "rate": "" if rate is None else f"{rate:.1f}",
    }


@group.command("config")
@click.option("--slice", "base", type=SLICE, help="Only of this slice.")
@click.pass_obj
def config(this: Invocation, base: str | None) -> None:
    """Show the settings of scaling in force; `aether config set … --slice` changes them."""
    answer = this.client.get(path_to("controller", "config", slice=base))
    rows = [
        {"slice": one["slice"], **setting}
        for one in answer["slices"]
        if one["scaling"] is not None or base is not None
        for setting in one["settings"]
    ]
    this.output.show(answer, render_table(table_of(rows, _CONFIG)))


@group.command("evaluate")
@click.option("--slice", "base", type=SLICE, help="Only this slice.")
@click.pass_obj
def evaluate(this: Invocation, base: str | None) -> None:
    """Show what would be decided now about each slice, and from what; nothing is done."""
    answer = this.client.get(path_to("controller", "evaluate"))["scaling"]
    found = [one for one in answer["slices"] if base is None or one["slice"] == base]
    this.output.show({**answer, "slices": found}, list(_evaluated(found)))


def _evaluated(found: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for number, one in enumerate(found):
        if number:
            yield ""
        yield f"{one['slice']}: {one['kind']} by {one['rule']}: {one['text']}"
        yield from (f"  not {what}: {why}" for what, why in sorted(one["rejected"].items()))
        yield from (f"  {line}" for line in render_pairs(sorted(one["inputs"].items())))


@group.command("decisions")
@click.option("--slice", "base", type=SLICE, help="Only about this slice.")
@click.option(
    "--limit", type=click.IntRange(1, MOST_DECISIONS), default=30, show_default=True,
    help="Most decisions shown, the newest first.",
)  # fmt: skip
@click.pass_obj
def decisions(this: Invocation, base: str | None, limit: int) -> None:
    """Show the last decisions of this leader, each made again from its inputs."""
    answer = this.client.get(path_to("controller", "decisions", slice=base, limit=limit))
    this.output.show(answer["items"], render_table(table_of(answer["items"], _DECISIONS)))
