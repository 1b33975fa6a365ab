"""`aether config …`: settings that are changed while the cluster runs."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
import msgspec

from aether.cli.client import path_to
from aether.cli.failures import InvalidInput
from aether.cli.files import read_input
from aether.cli.framework import Invocation, LazyGroup
from aether.cli.names import NODE, SLICE
from aether.cli.tables import render_pairs, render_table, table_of
from aether.core.control.overrides import MAX_VALUE_BYTES

_COLUMNS: Mapping[str, str] = {"SCOPE": "scope", "NAME": "name", "VALUE": "value", "UNIT": "unit"}
_JSON = {"content-type": "application/json"}

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _scoped(command: _Command) -> _Command:
    """Add the options that name a scope; without one, the cluster is meant."""
    at_node = click.option("--node", type=NODE, help="For this node alone.")
    at_slice = click.option("--slice", "of_slice", type=SLICE, help="For this slice's own config.")
    return at_node(at_slice(command))


def _scope(node: str | None, of_slice: str | None) -> str:
    if node is not None and of_slice is not None:
        raise click.UsageError("--node and --slice exclude each other: a setting has one scope")
    if node is not None:
        return f"node/{node}"
    return "cluster" if of_slice is None else f"slice/{of_slice}"


@click.group(cls=LazyGroup)
def group() -> None:
    """Look at settings in force, and change them while everything runs."""


@group.command("list")
@click.option("--scope", help="cluster, node/NODE or slice/GROUP:NAME; all of it when left out.")
@click.option("--origin", is_flag=True, help="Show where each value comes from.")
@click.pass_obj
def list_settings(this: Invocation, scope: str | None, origin: bool) -> None:  # noqa: FBT001 - click passes flags so
    """List settings in force: those of the cluster, and what was changed for nodes and slices."""
    rows = list(this.client.items("config", scope=scope))
    columns = {**_COLUMNS, **({"ORIGIN": "origin", "ALLOWED": "allowed"} if origin else {})}
    shown = [{**row, "value": _text(row["value"])} for row in rows]
    this.output.show(rows, render_table(table_of(shown, columns)))


@group.command("get")
@click.argument("name")
@_scoped
@click.pass_obj
def get(this: Invocation, name: str, node: str | None, of_slice: str | None) -> None:
    """Show the setting NAME as it counts for the cluster, a node or a slice."""
    row = this.client.get(path_to("config", _scope(node, of_slice), name))
    this.output.show(row, render_pairs([(key, _text(value)) for key, value in row.items()]))


@group.command("set")
@click.argument("name")
@click.argument("value")
@_scoped
@click.option("--text", "is_text", is_flag=True, help="Take VALUE as text, whatever it looks like.")
@click.pass_obj
def set_value(this: Invocation, /, name: str, value: str, **options: Any) -> None:  # noqa: ANN401 - click hands each option as it is
    """Give the setting NAME a VALUE: JSON, or else text; `-` reads it from standard input.

    A number below zero stands behind two dashes: aether config set -- NAME -5.
    """
    scope = _scope(options["node"], options["of_slice"])
    text = _from_input() if value == "-" else value
    body = json.dumps({"value": text if options["is_text"] else value_of(text)}).encode()
    path = path_to("config", scope, name)
    _, answer = this.client.request("PUT", path, body, _JSON)
    this.output.show(answer, change_lines(answer))


@group.command("unset")
@click.argument("name")
@_scoped
@click.pass_obj
def unset(this: Invocation, name: str, node: str | None, of_slice: str | None) -> None:
    """Take a change of the setting NAME back: the next farther value counts again."""
    path = path_to("config", _scope(node, of_slice), name)
    _, answer = this.client.request("DELETE", path)
    this.output.show(answer, change_lines(answer))


def _from_input() -> str:
    try:
        return read_input("-", 2 * MAX_VALUE_BYTES, "a value").decode()
    except UnicodeDecodeError as problem:
        raise InvalidInput(f"the value on standard input is not UTF-8: {problem}") from problem


def value_of(text: str) -> object:
    """Return what a value on the command line means: JSON, or the text itself when it is none."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return text


def change_lines(answer: Mapping[str, Any]) -> list[str]:
    """Return what became of a change, and what is in force now."""
    row = answer["in_force"]
    if row is None:
        return [answer["summary"]]
    value = f"{_text(row['value'])} {row['unit']}".rstrip()
    return [answer["summary"], f"in force for {row['scope']}: {value} (from {row['origin']})"]


def _text(value: object) -> object:
    """Return a value as a person writes it: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
