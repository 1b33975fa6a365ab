"""`aether webhook …`: who is told of events by HTTP."""

import json
from collections.abc import Mapping
from typing import Any

import click

from aether.cli.client import path_to
from aether.cli.failures import CliError
from aether.cli.files import read_input
from aether.cli.framework import DurationType, Invocation, LazyGroup
from aether.cli.tables import render_table, table_of

_JSON = {"content-type": "application/json"}
_MOST_SECRET = 1000
_COLUMNS: Mapping[str, str] = {
    "NAME": "name",
    "URL": "url",
    "TYPES": "types",
    "SEVERITY": "severity",
    "SIGNED": "signed",
    "BREAKER": "breaker",
    "FAILURES": "failures",
    "DROPPED": "dropped",
    "LAST": "last",
}


@click.group(cls=LazyGroup)
def group() -> None:
    """Say who is told of events by HTTP."""


@group.command("list")
@click.pass_obj
def list_webhooks(this: Invocation) -> None:
    """List the webhooks, what they are told of and how that goes."""
    found = this.client.get(path_to("webhooks"))["items"]
    rows = [{**row, **row["state"]} for row in found]
    this.output.show(found, render_table(table_of(rows, _COLUMNS)))


@group.command("set")
@click.argument("name")
@click.argument("url")
@click.option(
    "--type", "types", multiple=True, help="Type of event, as NODE_LOST or ALERT_* (default)."
)
@click.option("--severity", type=click.Choice(["info", "warning", "critical"]), default="info")
@click.option("--secret-file", metavar="FILE", help="Signs each event; `-` for standard input.")
@click.option("--answer-within", type=DurationType(), default="5s", show_default=True)
@click.pass_obj
def set_webhook(this: Invocation, /, name: str, url: str, **asked: Any) -> None:  # noqa: ANN401 - click hands each option as it is
    """Have URL told of events from now on, under the name NAME; again: changes it."""
    body: dict[str, object] = {
        "url": url,
        "types": list(asked["types"]) or ["ALERT_*"],
        "severity": asked["severity"],
        "timeout_s": asked["answer_within"],
    }
    if asked["secret_file"] is not None:
        body["secret"] = _secret(asked["secret_file"])
    path = path_to("webhooks", name)
    _, answer = this.client.request("PUT", path, json.dumps(body).encode(), _JSON)
    this.output.show(answer, [answer["summary"]])


@group.command("remove")
@click.argument("name")
@click.pass_obj
def remove(this: Invocation, name: str) -> None:
    """Tell NAME nothing any more; what waits for it is not sent."""
    _, answer = this.client.request("DELETE", path_to("webhooks", name))
    this.output.show(answer, [answer["summary"]])


@group.command("test")
@click.argument("name")
@click.pass_obj
def test(this: Invocation, name: str) -> None:
    """Send NAME an event that never happened, once, and say what it answered."""
    _, answer = this.client.request("POST", path_to("webhooks", name, "test"))
    this.output.show(answer, [f"{name} answered {answer['status']}"])
    if not answer["delivered"]:
        raise CliError(f"{name} does not take events: its answer was {answer['status']}")


def _secret(file: str) -> str:
    text = read_input(file, _MOST_SECRET, "a secret")
    return text.decode(errors="replace").strip()
