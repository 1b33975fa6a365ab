"""`aether slice traffic`: how the requests of a slice are divided among its versions."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

from aether.cli.client import path_to
from aether.cli.framework import Command, Invocation
from aether.cli.moments import at_option
from aether.cli.names import SLICE
from aether.cli.tables import render_table, table_of

_VERSIONS: Mapping[str, str] = {"VERSION": "version", "WEIGHT": "weight", "ACTIVE": "active"}
_RULE = re.compile(r"([^=]+)=(header|cookie):([^=@]+)(?:=(.+)|@([0-9.]+)%?)", re.DOTALL)
_JSON = {"content-type": "application/json"}


@click.command("traffic", cls=Command)
@click.argument("slice_", metavar="SLICE", type=SLICE)
@click.argument("weights", metavar="[VERSION=WEIGHT]...", nargs=-1)
@click.option(
    "--rule",
    "rules",
    multiple=True,
    help="VERSION=header:NAME=VALUE or VERSION=cookie:NAME=VALUE: those requests; "
    "VERSION=cookie:NAME@PERCENT: so many of the clients. Looked at first, in this order.",
)
@click.option("--reset", is_flag=True, help="Every instance gets the same again.")
@at_option
@click.pass_obj
def traffic(
    this: Invocation,
    slice_: str,
    weights: Sequence[str],
    rules: Sequence[str],
    at: str | None,
    reset: bool,  # noqa: FBT001 - click passes flags so
) -> None:
    """Show how the requests of SLICE are divided among its versions, or divide them.

    Give every version that runs a weight: aether slice traffic org.example:shop 1.0.0=90 1.1.0=10. What is
    said replaces all that was said before, rules included.
    """
    divides = bool(weights or rules)
    if divides + reset + (at is not None) > 1:
        raise click.UsageError("say weights and rules, or --reset, or --at, but one of these only")
    path = path_to("slices", slice_, "traffic", at=at)
    if reset:
        _, answer = this.client.request("DELETE", path)
    elif divides:
        body = {"weights": _read_weights(weights), "rules": [read_rule(rule) for rule in rules]}
        _, answer = this.client.request("PUT", path, json.dumps(body).encode(), _JSON)
    else:
        answer = this.client.get(path)
    if "summary" in answer:
        this.output.say(answer["summary"])
    this.output.show(answer, traffic_lines(answer))


def _read_weights(given: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for text in given:
        version, equals, weight = text.rpartition("=")
        if not equals or not version or not (weight.isascii() and weight.isdigit()):
            raise click.UsageError(f"{text[:80]!r} is no weight: write VERSION=WEIGHT, as 1.1.0=10")
        if version in found:
            raise click.UsageError(f"version {version!r} is given more than one weight")
        found[version] = int(weight[:20])
    return found


def read_rule(text: str) -> dict[str, Any]:
    """Read a rule as people write it; raises UsageError.

    >>> read_rule("1.1.0=header:x-beta=yes")
    {'version': '1.1.0', 'header': 'x-beta', 'value': 'yes'}
    >>> read_rule("1.1.0=cookie:sid@5%")
    {'version': '1.1.0', 'cookie': 'sid', 'percent': 5.0}
    """
    found = _RULE.fullmatch(text)
    if found is None or (found[5] is not None and found[5].count(".") > 1) or found[5] == ".":
        raise click.UsageError(
            f"{text[:80]!r} is no rule: write VERSION=header:NAME=VALUE, VERSION=cookie:NAME=VALUE or "
            "VERSION=cookie:NAME@PERCENT"
        )
    version, kind, name, value, percent = found.groups()
    how = {"value": value} if value is not None else {"percent": float(percent[:20])}
    return {"version": version, kind: name, **how}


def traffic_lines(answer: Mapping[str, Any]) -> list[str]:
    """Return the screen of one slice's traffic."""
    rules = [_rule_text(rule) for rule in answer["rules"]]
    weighted = any(row["weight"] is not None for row in answer["versions"])
    even = [] if weighted else ["every instance gets the same"]
    return [
        *(["first:", *(f"  {rule}" for rule in rules), ""] if rules else []),
        *render_table(table_of(answer["versions"], _VERSIONS)),
        *even,
    ]


def _rule_text(rule: Mapping[str, Any]) -> str:
    asked = f"header {rule['header']}" if rule["header"] else f"cookie {rule['cookie']}"
    if rule["value"]:
        return f"{asked} equal to {rule['value']!r} → {rule['version']}"
    return f"{rule['percent']:g} % of the clients by {asked} → {rule['version']}"
