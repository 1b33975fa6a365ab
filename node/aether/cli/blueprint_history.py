"""`aether blueprint history|show|diff|reapply`: what a blueprint was before."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from aether.cli.blueprint_waiting import WAIT_OPTION, show_applied
from aether.cli.client import path_to
from aether.cli.framework import Command, Invocation
from aether.cli.moments import at_option
from aether.cli.names import BLUEPRINT
from aether.cli.plans import DIGEST_OPTION
from aether.cli.tables import cell, render_table, table_of

GENERATION = click.IntRange(1, 999_999_999)

_COLUMNS: Mapping[str, str] = {
    "GENERATION": "generation",
    "BLUEPRINT": "id",
    "SLICES": "slices",
    "ADDED": "added",
    "INSTANCES": "instances",
    "APPLIED": "applied",
    "BY": "applied_by",
    "NOW": "now",
}


@click.command("history", cls=Command)
@click.argument("blueprint", type=BLUEPRINT)
@click.pass_obj
def history(this: Invocation, blueprint: str) -> None:
    """List the generations of the blueprint that are kept, the latest first; deleted ones too."""
    answer = this.client.get(path_to("blueprints", blueprint, "history"))
    rows = [
        {**row, "applied": _time(row["applied_at_ms"]), "now": "*" if row["current"] else ""}
        for row in answer["items"]
    ]
    this.output.show(answer["items"], render_table(table_of(rows, _COLUMNS)))


def _time(at_ms: int) -> str:
    if not at_ms:
        return ""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")


@click.command("show", cls=Command)
@click.argument("blueprint", type=BLUEPRINT)
@click.option(
    "--generation", type=GENERATION, help="An old generation; the present one if not said."
)
@at_option
@click.pass_obj
def show(this: Invocation, blueprint: str, generation: int | None, at: str | None) -> None:
    """Print the text of the blueprint, as it is or as it was."""
    if generation and at:
        raise click.UsageError("--generation and --at each say which text: use one of them")
    past = ("history", str(generation)) if generation else ()
    answer = this.client.get(path_to("blueprints", blueprint, *past, at=at))
    this.output.show(answer, str(answer["source"]).splitlines())


@click.command("diff", cls=Command)
@click.argument("blueprint", type=BLUEPRINT)
@click.argument("before", type=GENERATION)
@click.argument("after", type=GENERATION)
@click.pass_obj
def diff(this: Invocation, blueprint: str, before: int, after: int) -> None:
    """Show what differs between two generations: slices and values."""
    path = path_to("blueprints", blueprint, "diff", **{"from": str(before), "to": str(after)})
    answer = this.client.get(path)
    this.output.show(answer, diff_lines(answer))


def diff_lines(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs, a line each."""
    told = bool(answer["added"] or answer["removed"] or answer["changed"])
    for artifact in answer["removed"]:
        yield f"- {artifact}"
    for artifact in answer["added"]:
        yield f"+ {artifact}"
    for change in answer["changed"]:
        before, after = cell(_value(change["before"])), cell(_value(change["after"]))
        yield f"~ {change['slice']} {change['name']}: {before} → {after}"
    if answer["more"]:
        yield f"and {answer['more']} more values"
    if not told:
        yield f"generations {answer['from']} and {answer['to']} want the same"


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@click.command("reapply", cls=Command)
@click.argument("blueprint", type=BLUEPRINT)
@click.argument("generation", type=GENERATION)
@DIGEST_OPTION
@WAIT_OPTION
@click.pass_obj
def reapply(
    this: Invocation, blueprint: str, generation: int, *, plan: str | None, waits: bool
) -> None:
    """Have the cluster run an old generation again, as a new one, and wait until it does.

    Refused with exit code 4 or 2 when an artifact of it is gone, or belongs to another blueprint now.
    """
    path = path_to("blueprints", blueprint, "history", str(generation), "apply", plan=plan)
    _, change = this.client.request("POST", path)
    show_applied(this, change, waits=waits)
