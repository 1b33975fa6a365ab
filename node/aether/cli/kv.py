"""`aether kv …`: keys and values of the store."""

import base64
import binascii
import sys
from collections.abc import Mapping
from typing import Any

import click

from aether.cli.client import path_to
from aether.cli.failures import CliError
from aether.cli.files import read_input
from aether.cli.framework import Invocation, LazyGroup
from aether.cli.moments import at_option
from aether.cli.tables import printable, render_table, table_of
from aether.core.store.commands import MAX_VALUE_BYTES

_COLUMNS: Mapping[str, str] = {"KEY": "key", "REVISION": "mod_revision", "VALUE": "value"}
_consistency = click.option(
    "--consistency",
    type=click.Choice(["linearizable", "stale"]),
    help="linearizable (default): sees every acknowledged write; stale: what the node knows.",
)
_guard = click.option(
    "--if-revision",
    type=click.IntRange(min=0),
    help="Only if the key was last changed at this revision; 0: only if it is absent.",
)


@click.group(cls=LazyGroup)
def group() -> None:
    """Read and write keys of the store; Aether's own families can only be read."""


@group.command("range")
@click.argument("prefix", default="")
@click.option("--limit", type=click.IntRange(min=0), default=100, show_default=True, help="0: all.")
@_consistency
@at_option
@click.pass_obj
def range_(
    this: Invocation, prefix: str, limit: int, consistency: str | None, at: str | None
) -> None:
    """List keys that start with PREFIX, and their values."""
    # One more than wanted is asked for: it tells whether there is more.
    asked = limit + 1 if limit else 0
    query = {"prefix": prefix, "consistency": consistency, "at": at}
    entries = list(this.client.items("kv", limit=asked, **query))
    shown = entries[:limit] if limit else entries
    this.output.show(shown, render_table(table_of(shown, _COLUMNS)))
    if len(entries) > len(shown):
        this.output.say(f"more than {limit} keys; --limit 0 shows all")


@group.command("get")
@click.argument("key")
@_consistency
@at_option
@click.pass_obj
def get(this: Invocation, key: str, consistency: str | None, at: str | None) -> None:
    """Print the value of KEY: the bytes as they are, escaped on a terminal."""
    answer = this.client.get(path_to("kv", key, consistency=consistency, at=at))
    if this.output.format == "json":
        this.output.show(answer, ())
        return
    value = value_bytes(answer)
    if sys.stdout.isatty():
        for line in value.decode(errors="backslashreplace").splitlines():
            print(printable(line))
        return
    sys.stdout.buffer.write(value)
    sys.stdout.buffer.flush()


def value_bytes(entry: Mapping[str, Any]) -> bytes:
    """Return an entry's value; raise CliError when the answer does not hold one."""
    try:
        if entry["encoding"] == "base64":
            return base64.b64decode(entry["value"], validate=True)
        return str(entry["value"]).encode()
    except (KeyError, TypeError, binascii.Error) as problem:
        raise CliError(f"the answer holds no value: {str(entry)[:200]}") from problem


@group.command("put")
@click.argument("key")
@click.argument("value")
@_guard
@click.pass_obj
def put(this: Invocation, key: str, value: str, if_revision: int | None) -> None:
    """Write VALUE under KEY; `-` takes the value from standard input."""
    data = read_input("-", MAX_VALUE_BYTES, "a value") if value == "-" else value.encode()
    _, answer = this.client.request(
        "PUT",
        path_to("kv", key, mod_revision=if_revision),
        data,
        {"content-type": "application/octet-stream"},
    )
    this.output.show(answer, [f"{key} written at revision {answer['revision']}"])


@group.command("delete")
@click.argument("key")
@_guard
@click.pass_obj
def delete(this: Invocation, key: str, if_revision: int | None) -> None:
    """Remove KEY."""
    _, answer = this.client.request("DELETE", path_to("kv", key, mod_revision=if_revision))
    this.output.show(answer, [f"{key} deleted at revision {answer['revision']}"])
