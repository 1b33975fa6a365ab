"""`aether why` and `aether diff`: what was decided, and what changed since."""

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from aether.cli.differences import changes_in
from aether.cli.framework import Command, Invocation
from aether.cli.moments import MOMENT, MomentCommand, at_option
from aether.cli.names import GIVEN
from aether.cli.tables import Table, cell, longest_text, printable, render_pairs, render_table
from aether.cli.why_subject import ask_why

_DECISIONS = ("TIME", "REVISION", "ACTOR", "RULE")
_LEAST_SENTENCE = 40
"""Columns a sentence gets at least, however narrow the terminal is."""
_MOST_SENTENCE = 10_000
_MOST_INPUT = 200
"""Longest text of one value on a terminal."""


@click.command(cls=Command)
@click.argument("name")
@at_option
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Most decisions."
)
@click.option(
    "--details", is_flag=True, help="With the inputs of each decision and what it rejected."
)
@click.pass_obj
def why(this: Invocation, name: str, at: str | None, limit: int, details: bool) -> None:  # noqa: FBT001 - click hands flags over so
    """Say why NAME is as it is: a slice or blueprint (group:name, or its name alone) or a node.

    node/NAME, slice/NAME and blueprint/NAME settle which is meant.
    First how it stands and what the leader waits for, then the decisions about it, newest first.
    """
    answer = ask_why(this.client, name, {"at": at, "limit": limit})
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    this.output.show(answer, why_lines(answer, details=details, columns=columns))


def why_lines(answer: Mapping[str, Any], *, details: bool, columns: int = 0) -> list[str]:
    """Return the screen of an answer to why, for a terminal so wide (0: lines of any length)."""
    now: Mapping[str, Any] = answer["now"]
    waiting = [*now.get("waiting", ()), *filter(None, [now.get("problem")])]
    at = answer.get("at")
    decisions = answer["decisions"]
    told = _blocks(decisions) if details else _table(decisions, columns)
    return [
        f"at revision {at}:" if at is not None else "now:",
        *(f"  {printable(text)}" for text in now["sentences"]),
        *(["", "waits:", *(f"  {printable(text)}" for text in waiting)] if waiting else []),
        "",
        *(told or ["no decision about it is recorded"]),
        *_gap_lines(answer["gaps"]),
        "",
        *_footer(answer),
    ]


def _table(decisions: Sequence[Mapping[str, Any]], columns: int) -> list[str]:
    """Return a table whose last column, the sentences, goes on below where it is too long."""
    rows = [tuple(cell(one[name.lower()]) for name in _DECISIONS) for one in decisions]
    if not rows:
        return []
    heads = [line.rstrip() for line in render_table(Table(_DECISIONS, tuple(rows)))]
    width = max(map(len, heads)) + 2
    room = max(columns - width, _LEAST_SENTENCE) if columns else _MOST_SENTENCE
    lines = [f"{heads[0]:<{width}}WHAT"]
    for head, one in zip(heads[1:], decisions, strict=True):
        first, *rest = textwrap.wrap(printable(one["text"]), room) or ["-"]
        lines += [f"{head:<{width}}{first}", *(" " * width + text for text in rest)]
    return lines


def _blocks(decisions: Iterable[Mapping[str, Any]]) -> list[str]:
    lines: list[str] = []
    for one in decisions:
        head = "  ".join(cell(one[field]) for field in ("time", "revision", "actor", "rule"))
        lines += [head, f"    {printable(one['text'])}"]
        lines += [
            f"    not {printable(name)}: {printable(because)}"
            for name, because in one["rejected"].items()
        ]
        pairs = [(name, _value(value)) for name, value in one["inputs"].items()]
        lines += [f"    {line}" for line in render_pairs(pairs)]
    return lines


def _gap_lines(gaps: Iterable[Mapping[str, Any]]) -> list[str]:
    return [
        f"gap: what happened after revision {gap['after']} ({gap['from']}) and before "
        f"{gap['until']} ({gap['to']}) was not seen: {printable(gap['why'])}"
        for gap in gaps
    ]


def _footer(answer: Mapping[str, Any]) -> list[str]:
    chronicle = answer["chronicle"]
    more = ["there is more: raise --limit, or go back with --at"] if answer["next"] else []
    return [
        *more,
        f"the chronicle of {chronicle['node']} reaches back to revision {chronicle['first']} "
        f"({chronicle['since']})",
    ]


@click.command(cls=MomentCommand)
@click.argument("begin", metavar="FROM", type=MOMENT)
@click.argument("end", metavar="[TO]", type=MOMENT, required=False)
@click.option(
    "--subject",
    metavar="NAME",
    type=GIVEN,
    help="Only what is about it: node-1, group:name, blueprint/group:name.",
)
@click.option("--prefix", help="Only keys that start so.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=100, show_default=True, help="Most keys; 0: all."
)
@click.pass_obj
def diff(
    this: Invocation,
    begin: str,
    end: str | None,
    subject: str | None,
    prefix: str | None,
    limit: int,
) -> None:
    """Show each key that changed from FROM to TO (default: now), its values, and every reason.

    A moment is a revision, a time as 2026-11-21T14:05:00Z, or an age as -15m.
    """
    query = {"from": begin, "to": end, "subject": subject, "prefix": prefix}
    items = list(this.client.items("diff", limit=limit, **query))
    this.output.show(items, diff_lines(items))


def diff_lines(items: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the screen of a difference."""
    lines: list[str] = []
    for one in items:
        lines += [printable(one["key"]), *_values(one["before"], one["after"])]
        lines += [
            f"    {reason['time']}  {reason['revision']}  {printable(reason['actor'])}  "
            f"{printable(reason['rule'])}: {printable(reason['text'])}"
            for reason in one["reasons"]
        ]
    return lines or ["nothing of Aether's own changed"]


def _values(before: object, after: object) -> list[str]:
    """Return what was taken away and what came, place by place where there was something before."""
    lines: list[str] = []
    for path, old, new in changes_in(before, after):
        place = f"{path}: " if path else ""
        lines += [f"  - {place}{_value(old)}"] if old is not None else []
        lines += [f"  + {place}{_value(new)}"] if new is not None else []
    return lines


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return cell(text, longest_text(_MOST_INPUT))
