"""`aether event …`: what happened, in order, and what happens now."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import click

from aether.cli.client import path_to
from aether.cli.failures import CliError, Unreachable
from aether.cli.framework import Invocation, LazyGroup
from aether.cli.tables import cell, render_table, table_of

COLUMNS: Mapping[str, str] = {
    "ID": "id",
    "TIME": "time",
    "SEVERITY": "severity",
    "TYPE": "type",
    "SUBJECT": "subject",
    "TEXT": "text",
}
_SEVERITY = click.Choice(["info", "warning", "critical"])
PAGE = 1000
_AGAIN_S = 1.0


@click.group(cls=LazyGroup)
def group() -> None:
    """See what happened, and follow it."""


@group.command("list")
@click.option("--after", metavar="ID", help="Later than this event, told by any node.")
@click.option("--type", "types", metavar="TYPE[,TYPE…]", help="Of these types; NODE_* for all so.")
@click.option("--severity", type=_SEVERITY, help="This one and worse.")
@click.option("--subject", help="About a node, a slice, a blueprint, or cluster.")
@click.option("--limit", type=click.IntRange(1, PAGE), default=100, show_default=True)
@click.pass_obj
def list_events(this: Invocation, /, **asked: Any) -> None:  # noqa: ANN401 - click hands each option as it is
    """List events, the latest last."""
    page = this.client.get(_path(asked))
    this.output.show(page, render_table(table_of(page["items"], COLUMNS)))


@group.command("follow")
@click.option("--after", metavar="ID", help="Begin later than this event, told by any node.")
@click.option("--type", "types", metavar="TYPE[,TYPE…]", help="Of these types; NODE_* for all so.")
@click.option("--severity", type=_SEVERITY, help="This one and worse.")
@click.option("--subject", help="About a node, a slice, a blueprint, or cluster.")
@click.option("--count", type=click.IntRange(1), help="End after so many.")
@click.pass_obj
def follow(this: Invocation, /, **asked: Any) -> None:  # noqa: ANN401 - click hands each option as it is
    """Print events as they happen, one a line (with -o json: one object a line), until interrupted.

    When the node goes, the next one of --endpoint goes on where it was.
    """
    count = asked.pop("count")
    asked["limit"] = 1 if asked["after"] is None else None
    for number, event in enumerate(_events(this, asked), 1):
        line = " ".join(cell(event[field]) for field in COLUMNS.values())
        print(json.dumps(event) if this.output.format == "json" else line, flush=True)
        if count is not None and number >= count:
            return


def _path(asked: Mapping[str, Any]) -> str:
    return path_to(
        "events",
        after=asked["after"],
        type=asked["types"],
        severity=asked["severity"],
        subject=asked["subject"],
        limit=asked.get("limit"),
    )


def _events(this: Invocation, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield events for ever; raises when the first connection fails, goes on when a later one does."""
    place: str | None = None
    connected = False
    while True:
        headers = {"accept": "text/event-stream"}
        if place is not None:
            headers["last-event-id"] = place
        given = {**asked, **({"after": None, "limit": None} if place is not None else {})}
        try:
            for line in this.client.stream(_path(given), headers, by_line=True):
                connected = True
                if line.startswith(b"data: "):
                    event = json.loads(line.removeprefix(b"data: "))
                    place = event["id"]
                    yield event
        except Unreachable as lost:
            if not connected:
                raise
            this.output.say(f"goes on elsewhere: {lost.message}")
        except json.JSONDecodeError as problem:
            raise CliError(f"the stream of events is broken: {problem}") from problem
        time.sleep(_AGAIN_S)
