"""`aether log level …`: single loggers that log more or less than the rest."""

import json
from collections.abc import Mapping

import click

from aether.cli.client import path_to
from aether.cli.framework import DurationType, Invocation, LazyGroup
from aether.cli.names import NODE
from aether.cli.tables import render_table, table_of

_JSON = {"content-type": "application/json"}
_COLUMNS: Mapping[str, str] = {
    "LOGGER": "logger",
    "LEVEL": "level",
    "NODES": "nodes",
    "UNTIL": "until",
}


@click.group(cls=LazyGroup)
def group() -> None:
    """Have single loggers log more or less."""


@group.group("level", cls=LazyGroup)
def level() -> None:
    """Levels of single loggers in every process of a node, slices included; all others go by the setting log.level."""


@level.command("list")
@click.pass_obj
def list_levels(this: Invocation) -> None:
    """List the loggers that have a level of their own."""
    found = this.client.get(path_to("log-levels"))["items"]
    this.output.show(found, render_table(table_of(found, _COLUMNS)))


@level.command("set")
@click.argument("logger")
@click.argument("name", metavar="LEVEL")
@click.option("--node", "nodes", type=NODE, multiple=True, help="On this node only; repeatable.")
@click.option("--for", "for_s", type=DurationType(), help="Then as before again.")
@click.pass_obj
def set_level(
    this: Invocation, logger: str, name: str, nodes: tuple[str, ...], for_s: float | None
) -> None:
    """Have LOGGER, and all below it, log from LEVEL on: debug, info, warning or error."""
    body = json.dumps({"level": name, "nodes": list(nodes), "for_s": for_s}).encode()
    _, answer = this.client.request("PUT", path_to("log-levels", logger), body, _JSON)
    this.output.show(answer, [answer["summary"]])


@level.command("unset")
@click.argument("logger")
@click.pass_obj
def unset(this: Invocation, logger: str) -> None:
    """Have LOGGER log as all others again."""
    _, answer = this.client.request("DELETE", path_to("log-levels", logger))
    this.output.show(answer, [answer["summary"]])
