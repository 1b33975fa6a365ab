"""The frame every command stands in: loaded when named, with the options all of them share.

Shared options may stand before or after the command's name; the one further right counts.
"""

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from aether.cli.client import REQUEST_TIMEOUT_S, Client
from aether.cli.output import Output
from aether.config.duration import parse_duration
from aether.config.guess import did_you_mean

ENDPOINT_VARIABLE = "AETHER_ENDPOINT"
DEFAULT_ENDPOINT = "http://127.0.0.1:8080"
_META = "aether.cli."


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a command works with."""

    client: Client
    output: Output
    timeout_s: float | None
    """Longest time the caller will wait; None when not said."""


class DurationType(click.ParamType[float]):
    """A length of time such as `500ms`, `5s`, `2m` or a number of seconds."""

    name = "duration"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return seconds."""
        try:
            text = str(value)
            return parse_duration(float(text) if text.replace(".", "", 1).isdigit() else text)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


def _remember(ctx: click.Context, param: click.Parameter, value: object) -> None:
    if value not in (None, False):
        ctx.meta[f"{_META}{param.name}"] = value


def shared_options() -> list[click.Parameter]:
    """Return the options every group and command takes."""
    return [
        click.Option(
            ["-o", "--output"],
            type=click.Choice(["table", "json"]),
            help="How to print data (default: table).",
            expose_value=False,
            callback=_remember,
        ),
        click.Option(
            ["--endpoint"],
            metavar="URL[,URL…]",
            help=f"Management API of any node; several are tried in turn when connecting fails "
            f"(default: ${ENDPOINT_VARIABLE}, else {DEFAULT_ENDPOINT}).",
            expose_value=False,
            callback=_remember,
        ),
        click.Option(
            ["--timeout"],
            type=DurationType(),
            help="Longest wait: for one answer, or for the whole change with --wait.",
            expose_value=False,
            callback=_remember,
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            help="Print data and errors only.",
            expose_value=False,
            callback=_remember,
        ),
    ]


def invocation(meta: Mapping[str, Any]) -> Invocation:
    """Build what a command works with from the options found on the command line."""
    endpoint = meta.get(f"{_META}endpoint") or os.environ.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT
    timeout_s = meta.get(f"{_META}timeout")
    return Invocation(
        Client(str(endpoint).split(","), timeout_s or REQUEST_TIMEOUT_S),
        Output(meta.get(f"{_META}output", "table"), bool(meta.get(f"{_META}quiet"))),
        timeout_s,
    )


class Command(click.Command):
    """A command with the shared options; its function gets an Invocation first."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - handed on to click
        super().__init__(*arguments, **options)
        self.params.extend(shared_options())

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run it."""
        ctx.obj = invocation(ctx.meta)
        return super().invoke(ctx)


class LazyGroup(click.Group):
    """A group that imports a command when it is named: `table` maps names to `module:attribute`.

    `summaries` holds the one-line helps, so that listing the commands imports none of them.
    """

    command_class = Command

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401 - handed on to click
        table: Mapping[str, tuple[str, str]] | None = None,
        **options: Any,  # noqa: ANN401 - handed on to click
    ) -> None:
        super().__init__(*arguments, **options)
        self.table = dict(table or {})
        self.params.extend(shared_options())

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, in order."""
        return sorted({*self.table, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command named, or return None."""
        if cmd_name not in self.table:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.table[cmd_name][0].partition(":")
        found = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, click.Command):
            raise TypeError(f"{self.table[cmd_name][0]} is not a command")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command named; a name nobody has is an error with a guess."""
        name = args[0]
        if self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            ctx.fail(f"no such command {name!r}{did_you_mean(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, importing none."""
        if not self.table:
            super().format_commands(ctx, formatter)
            return
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._summary(name)) for name in self.list_commands(ctx)])

    def _summary(self, name: str) -> str:
        return (
            self.table[name][1] if name in self.table else self.commands[name].get_short_help_str()
        )
