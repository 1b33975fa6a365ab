"""`aether slice …`."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from aether.cli.artifacts import build
from aether.cli.client import REQUEST_TIMEOUT_S, path_to
from aether.cli.failures import Missing
from aether.cli.framework import Invocation, LazyGroup
from aether.cli.moments import at_option
from aether.cli.names import SLICE
from aether.cli.plans import DIGEST_OPTION, DRY_RUN_OPTION, show_plan
from aether.cli.progress import (
    Progress,
    SliceProgress,
    degraded_lines,
    read_blueprint,
    read_slice,
)
from aether.cli.slice_traffic import traffic
from aether.cli.tables import cell, render_pairs, render_table, table_of
from aether.cli.waiting import CHANGE_TIMEOUT_S, Wait, look_at, wait_until_done
from aether.core.model.wording import counted

_COLUMNS: Mapping[str, str] = {
    "SLICE": "base",
    "VERSION": "version",
    "WANTED": "wanted",
    "ACTIVE": "active",
    "BLUEPRINT": "owner",
}
_INSTANCES: Mapping[str, str] = {
    "INSTANCE": "instance",
    "NODE": "node",
    "DESIRED": "desired",
    "PHASE": "phase",
    "FAILURE": "failure",
}


@click.group(cls=LazyGroup)
def group() -> None:
    """Look at, scale and build slices, and divide their requests."""


group.add_command(traffic)


@group.command("list")
@at_option
@click.pass_obj
def list_slices(this: Invocation, at: str | None) -> None:
    """List the slices and how many instances of each serve."""
    slices = list(this.client.items("slices", at=at))
    this.output.show(slices, render_table(table_of(slices, _COLUMNS)))


@group.command("get")
@click.argument("slice_", metavar="SLICE", type=SLICE)
@at_option
@click.pass_obj
def get_slice(this: Invocation, slice_: str, at: str | None) -> None:
    """Show one slice, its instances and why it is not whole."""
    answer = this.client.get(path_to("slices", slice_, at=at))
    this.output.show(answer, slice_lines(answer))


def slice_lines(answer: Mapping[str, Any]) -> list[str]:
    """Return the screen of one slice."""
    names = {"slice": "base", "version": "version", "blueprint": "owner", "wanted": "wanted"}
    pairs = [(shown, answer[field]) for shown, field in names.items()]
    pairs.append(("active", answer["active"]))
    instances, reasons = answer["instances"], answer["reasons"]
    stubborn = [
        f"  {row['instance']} on {row['node']}: {cell(row['settings_problem'], 1000)}"
        for row in instances
        if row.get("settings_problem")
    ]
    return [
        *render_pairs(pairs),
        *(["", *render_table(table_of(instances, _INSTANCES))] if instances else []),
        *(["", "why:", *(f"  {reason}" for reason in reasons)] if reasons else []),
        *degraded_lines([answer]),
        *(["", "settings not taken:", *stubborn] if stubborn else []),
    ]


@group.command("scale")
@click.argument("slice_", metavar="SLICE", type=SLICE)
@click.argument("instances", type=int)
@DIGEST_OPTION
@DRY_RUN_OPTION
@click.option(
    "--wait/--detach", "waits", default=True, help="Wait until it is carried out (default), or not."
)
@click.pass_obj
def scale(
    this: Invocation,
    slice_: str,
    instances: int,
    plan: str | None,
    dry_run: bool,  # noqa: FBT001 - click hands flags over so
    waits: bool,  # noqa: FBT001 - click hands flags over so
) -> None:
    """Want INSTANCES instances of SLICE, within the bounds of its blueprint."""
    what, headers = ("slices", slice_, "scale"), {"content-type": "application/json"}
    body = json.dumps({"instances": instances}).encode()
    if dry_run:
        _, answer = this.client.request("POST", path_to(*what, "plan"), body, headers)
        show_plan(this, answer)
        return
    _, change = this.client.request("POST", path_to(*what, plan=plan), body, headers)
    this.output.say(change["summary"])
    if not waits:
        this.output.show(change, [f"{slice_} wants {counted(instances, 'instance')}"])
        return
    answer = wait_until_done(
        Wait(
            look=look_at(_ask(this, slice_), lambda seen: _read(this, seen)),
            is_done=lambda seen: is_scaled(seen, instances, slice_),
            what=f"slice {slice_}",
            watch_on=f"aether slice get {slice_}",
            timeout_s=this.timeout_s or CHANGE_TIMEOUT_S,
        ),
        this.output,
    )
    this.output.show(answer, [f"{slice_} has {counted(instances, 'instance')}"])


def is_scaled(seen: Progress | None, instances: int, slice_: str) -> bool:
    """Whether the slice runs with as many instances as wanted; raise Missing when it is gone."""
    if seen is None:
        raise Missing(f"slice {slice_} was removed by somebody else meanwhile")
    return all(one.wanted == instances and one.is_whole for one in seen.slices)


def _ask(this: Invocation, slice_: str) -> Callable[[float], Any]:
    path = path_to("slices", slice_)
    return lambda timeout_s: this.client.request(
        "GET", path, timeout_s=min(timeout_s, REQUEST_TIMEOUT_S)
    )[1]


def _read(this: Invocation, answer: Mapping[str, Any]) -> Progress:
    """Read how the slice does; whether a failure is for good only its blueprint can say."""
    seen = read_slice(answer)
    return Progress(state=_state(this, seen), slices=(seen,))


def _state(this: Invocation, seen: SliceProgress) -> str:
    if seen.is_whole:
        return "DEPLOYED"
    if not seen.has_failed:
        return "DEPLOYING"
    try:
        owner = this.client.get(path_to("blueprints", seen.owner, "status"))
    except Missing:
        return "REMOVING"
    return read_blueprint(owner).state


@group.command("build")
@click.argument("project", type=click.Path(exists=True, file_okay=False))
@click.option(
    "--out", default="dist", show_default=True, type=click.Path(file_okay=False), help="Where to."
)
@click.pass_obj
def build_slice(this: Invocation, project: str, out: str) -> None:
    """Build the wheel of the slice in PROJECT and print its path."""
    wheel = build(this, Path(project), Path(out))
    this.output.show({"wheel": str(wheel), "size": wheel.stat().st_size}, [str(wheel)])
