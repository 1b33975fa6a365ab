"""`aether alert …`: what is bad, what was, and silences."""

import getpass
import json
from collections.abc import Mapping

import click

from aether.cli.client import path_to
from aether.cli.events import COLUMNS as EVENT_COLUMNS
from aether.cli.framework import DurationType, Invocation, LazyGroup
from aether.cli.tables import render_table, table_of

_JSON = {"content-type": "application/json"}
_COLUMNS: Mapping[str, str] = {
    "SEVERITY": "severity",
    "METRIC": "metric",
    "SUBJECT": "subject",
    "SINCE": "since",
    "SILENCED": "silenced_by",
    "RUNBOOK": "runbook",
    "TEXT": "text",
}
_SILENCES: Mapping[str, str] = {
    "ID": "id",
    "METRIC": "metric",
    "SUBJECT": "subject",
    "UNTIL": "until",
    "AUTHOR": "author",
    "COMMENT": "comment",
}


@click.group(cls=LazyGroup)
def group() -> None:
    """See what is bad, and silence it."""


@group.command("list")
@click.pass_obj
def list_alerts(this: Invocation) -> None:
    """List the active alerts, the worst first, each with the page that says what to do."""
    found = this.client.get(path_to("alerts"))["items"]
    if not found:
        this.output.say("no alert is active")
    this.output.show(found, render_table(table_of(found, _COLUMNS)))


@group.command("history")
@click.option("--subject", help="About a node, a slice, or cluster.")
@click.option("--after", metavar="ID", help="Later than this event.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.pass_obj
def history(this: Invocation, subject: str | None, after: str | None, limit: int) -> None:
    """List what alerts did, the latest last."""
    path = path_to("alerts", "history", subject=subject, after=after, limit=limit)
    found = this.client.get(path)
    this.output.show(found, render_table(table_of(found["items"], EVENT_COLUMNS)))


@group.command("silences")
@click.pass_obj
def silences(this: Invocation) -> None:
    """List the silences that have not ended."""
    found = this.client.get(path_to("alerts", "silences"))["items"]
    this.output.show(found, render_table(table_of(found, _SILENCES)))


@group.command("silence")
@click.argument("metric", default="*")
@click.argument("subject", default="*")
@click.option("--for", "for_s", type=DurationType(), default="1h", show_default=True)
@click.option("--author", default=getpass.getuser, help="Who wants it (default: the user).")
@click.option("--comment", default="", help="Why.")
@click.pass_obj
def silence(
    this: Invocation, metric: str, subject: str, for_s: float, author: str, comment: str
) -> None:
    """Have nobody told of alerts of METRIC of SUBJECT (`*`: any) for a time; they are raised all the same."""
    body = {"metric": metric, "subject": subject, "duration_s": for_s}
    text = json.dumps({**body, "author": author, "comment": comment}).encode()
    _, answer = this.client.request("POST", path_to("alerts", "silences"), text, _JSON)
    this.output.show(answer, [answer["summary"], f"until {answer['until']}"])


@group.command("unsilence")
@click.argument("silence_id")
@click.pass_obj
def unsilence(this: Invocation, silence_id: str) -> None:
    """End the silence SILENCE_ID before its time."""
    _, answer = this.client.request("DELETE", path_to("alerts", "silences", silence_id))
    this.output.show(answer, [answer["summary"]])
