"""`aether blueprint …`: what is to run, and how it goes."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from aether.cli.blueprint_waiting import WAIT_OPTION, show_applied, wait_until_gone, watch_on
from aether.cli.client import path_to
from aether.cli.failures import CliError
from aether.cli.files import read_input
from aether.cli.framework import Invocation, LazyGroup
from aether.cli.moments import at_option
from aether.cli.names import BLUEPRINT
from aether.cli.plans import DIGEST_OPTION, DRY_RUN_OPTION, show_plan
from aether.cli.progress import degraded_lines
from aether.cli.tables import render_pairs, render_table, table_of

MAX_TEXT_BYTES = 256 * 1024
"""Longest blueprint the API takes."""

_COLUMNS: Mapping[str, str] = {
    "BLUEPRINT": "id",
    "GENERATION": "generation",
    "STATE": "state",
    "SLICES": "slices",
    "WANTED": "wanted",
    "ACTIVE": "active",
}
_SLICES: Mapping[str, str] = {
    "SLICE": "base",
    "VERSION": "version",
    "WANTED": "wanted",
    "ACTIVE": "active",
}
_INSTANCES: Mapping[str, str] = {
    "INSTANCE": "instance",
    "NODE": "node",
    "DESIRED": "desired",
    "PHASE": "phase",
    "FAILURE": "failure",
}
_LATER: Mapping[str, tuple[str, str]] = {
    "diff": ("aether.cli.blueprint_history:diff", "Show what differs between two generations."),
    "history": ("aether.cli.blueprint_history:history", "List the generations that are kept."),
    "reapply": ("aether.cli.blueprint_history:reapply", "Have an old generation run again."),
    "schema": ("aether.cli.blueprint_schema:schema", "Print the reference of the format."),
    "show": ("aether.cli.blueprint_history:show", "Print the text, as it is or as it was."),
}


@click.group(cls=LazyGroup, table=_LATER)
def group() -> None:
    """Say what is to run, and look how it goes."""


@group.command("list")
@at_option
@click.pass_obj
def list_blueprints(this: Invocation, at: str | None) -> None:
    """List the blueprints and how each is doing."""
    blueprints = list(this.client.items("blueprints", at=at))
    this.output.show(blueprints, render_table(table_of(blueprints, _COLUMNS)))


@group.command("get")
@click.argument("blueprint", type=BLUEPRINT)
@at_option
@click.pass_obj
def get_blueprint(this: Invocation, blueprint: str, at: str | None) -> None:
    """Print the blueprint as it was applied."""
    answer = this.client.get(path_to("blueprints", blueprint, at=at))
    this.output.show(answer, str(answer["source"]).splitlines())


@group.command("status")
@click.argument("blueprint", type=BLUEPRINT)
@at_option
@click.pass_obj
def show_status(this: Invocation, blueprint: str, at: str | None) -> None:
    """Show how the blueprint, its slices and their instances are doing, and why."""
    answer = this.client.get(path_to("blueprints", blueprint, "status", at=at))
    this.output.show(answer, status_lines(answer))


def status_lines(answer: Mapping[str, Any]) -> list[str]:
    """Return the screen of one blueprint."""
    slices = answer["slices"]
    instances = [instance for slice_ in slices for instance in slice_["instances"]]
    reasons = [f"  {reason}" for slice_ in slices for reason in slice_["reasons"]]
    pairs = [(name, answer[name]) for name in ("id", "generation", "state")]
    return [
        *render_pairs(pairs),
        "",
        *render_table(table_of(slices, _SLICES)),
        *(["", *render_table(table_of(instances, _INSTANCES))] if instances else []),
        *(["", "why:", *reasons] if reasons else []),
        *degraded_lines(slices),
    ]


@group.command("validate")
@click.argument("file", type=click.Path())
@click.pass_obj
def validate(this: Invocation, file: str) -> None:
    """Say whether FILE (`-`: standard input) could be applied; all problems at once."""
    _, answer = _post(this, file, "blueprints", "validate")
    this.output.show(answer, [f"{file} is valid: {answer['summary']}"])


@group.command("plan")
@click.argument("file", type=click.Path())
@click.pass_obj
def plan_blueprint(this: Invocation, file: str) -> None:
    """Show what would come of applying FILE (`-`: standard input), and the digest of that.

    Nothing is changed. `aether blueprint apply FILE --plan DIGEST` then does just that, or refuses.
    """
    _, answer = _post(this, file, "blueprints", "plan")
    show_plan(this, answer)


@group.command("apply")
@click.argument("file", type=click.Path())
@DIGEST_OPTION
@WAIT_OPTION
@click.pass_obj
def apply(this: Invocation, file: str, plan: str | None, waits: bool) -> None:  # noqa: FBT001 - click hands flags over so
    """Have the cluster run what FILE (`-`: standard input) says, and wait until it does.

    Exit code 1 when an artifact fails for good, 4 when the outcome would not be the planned one, 5 when
    time (--timeout, 120 s) runs out. Applying what is applied already changes nothing.
    """
    _, change = _post(this, file, "blueprints", plan=plan)
    show_applied(this, change, waits=waits)


@group.command("delete")
@click.argument("blueprint", type=BLUEPRINT)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--purge-data", is_flag=True, help="Remove what its slices keep in the store, too.")
@DIGEST_OPTION
@DRY_RUN_OPTION
@WAIT_OPTION
@click.pass_obj
def delete(  # noqa: PLR0913 - one for each option
    this: Invocation,
    blueprint: str,
    *,
    yes: bool,
    purge_data: bool,
    plan: str | None,
    dry_run: bool,
    waits: bool,
) -> None:
    """Remove the blueprint and all that runs for it, dependents first, and wait until it is gone."""
    purge = "true" if purge_data else None
    if dry_run:
        path = path_to("blueprints", blueprint, "delete", "plan", purge_data=purge)
        show_plan(this, this.client.request("POST", path)[1])
        return
    if not yes:
        _confirm(blueprint, purge_data)
    path = path_to("blueprints", blueprint, purge_data=purge, plan=plan)
    _, change = this.client.request("DELETE", path)
    this.output.say(change["summary"])
    if waits:
        wait_until_gone(this, blueprint)
    done = "deleted" if waits else f"is being deleted; {watch_on(blueprint)} shows how"
    this.output.show(change, [f"{blueprint} {done}"])


def _confirm(blueprint: str, purge_data: bool) -> None:  # noqa: FBT001 - as the option
    what = f"blueprint {blueprint} (`aether blueprint reapply` brings it back)"
    if purge_data:
        what = f"blueprint {blueprint} and its data, which nothing brings back"
    if not sys.stdin.isatty():
        raise click.UsageError(f"nobody can be asked whether to delete {what}: say --yes")
    if not click.confirm(f"Delete {what}?", err=True):
        raise CliError(f"{blueprint} is not deleted: not confirmed")


def _post(this: Invocation, file: str, *parts: str, plan: str | None = None) -> tuple[int, Any]:
    text = read_input(file, MAX_TEXT_BYTES, "a blueprint")
    source = "stdin" if file == "-" else file
    return this.client.request(
        "POST",
        path_to(*parts, source=source, plan=plan),
        text,
        {"content-type": "application/toml"},
    )
