"""Watching a blueprint until what was asked of it is carried out."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import click

from aether.cli.client import REQUEST_TIMEOUT_S, path_to
from aether.cli.failures import Refused
from aether.cli.framework import Invocation
from aether.cli.progress import Progress, read_blueprint
from aether.cli.waiting import CHANGE_TIMEOUT_S, DidNotWork, Wait, look_at, wait_until_done

WAIT_OPTION = click.option(
    "--wait/--detach", "waits", default=True, help="Wait until it is carried out (default), or not."
)


def show_applied(this: Invocation, change: Mapping[str, Any], *, waits: bool) -> None:
    """Show what became of a blueprint that was applied, once it is deployed if `waits`."""
    this.output.say(change["summary"])
    if not waits:
        this.output.show(change, [f"{change['id']} applied; {watch_on(change['id'])} shows how"])
        return
    try:
        answer = _wait_for(this, change["id"], partial(_is_deployed, change["id"]))
    except DidNotWork as failure:
        if this.output.format == "json":
            this.output.show(failure.answer, ())
        raise
    this.output.show(answer, [f"{answer['id']} {answer['state']}"])


def wait_until_gone(this: Invocation, blueprint: str) -> None:
    """Wait until nothing of a deleted blueprint is left."""
    _wait_for(this, blueprint, _is_gone)


def watch_on(blueprint: str) -> str:
    """Return the command that shows how the blueprint does."""
    return f"aether blueprint status {_base(blueprint)}"


def _base(blueprint: str) -> str:
    return ":".join(blueprint.split(":")[:2])


def _is_deployed(blueprint: str, seen: Progress | None) -> bool:
    if seen is None or seen.state == "REMOVING":
        raise Refused(f"{blueprint} was deleted by somebody else meanwhile")
    return seen.state == "DEPLOYED"


def _is_gone(seen: Progress | None) -> bool:
    if seen is not None and seen.state != "REMOVING":
        raise Refused("the blueprint was applied again by somebody else meanwhile")
    return seen is None


def _wait_for(this: Invocation, blueprint: str, is_done: Callable[[Progress | None], bool]) -> Any:  # noqa: ANN401 - JSON values
    path = path_to("blueprints", _base(blueprint), "status")
    return wait_until_done(
        Wait(
            look=look_at(
                lambda timeout_s: this.client.request(
                    "GET", path, timeout_s=min(timeout_s, REQUEST_TIMEOUT_S)
                )[1],
                read_blueprint,
            ),
            is_done=is_done,
            what=f"blueprint {_base(blueprint)}",
            watch_on=watch_on(blueprint),
            timeout_s=this.timeout_s or CHANGE_TIMEOUT_S,
        ),
        this.output,
    )
