"""Moments on the command line: `--at`, and arguments such as `-15m` that are no options."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from aether.cli.framework import Command

_F = TypeVar("_F", bound=Callable[..., Any])
_AGE = re.compile(r"-\d")
_MARK = "~"
"""Stands before an age while click reads the arguments: it takes what begins with a dash for options."""


class MomentType(click.ParamType[str]):
    """A revision, a time or an age; the node that is asked reads it."""

    name = "revision|time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as it was written."""
        text = value.removeprefix(_MARK)
        if not text.strip():
            self.fail(
                "say a revision, a time as 2026-11-21T14:05:00Z, or an age as -15m", param, ctx
            )
        return text


MOMENT = MomentType()


class MomentCommand(Command):
    """A command whose arguments may be ages."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments."""
        marked = [f"{_MARK}{text}" if _AGE.match(text) else text for text in args]
        return super().parse_args(ctx, marked)


def at_option(function: _F) -> _F:
    """Give a reading command `--at`."""
    return click.option(
        "--at",
        metavar="REVISION|TIME",
        type=MOMENT,
        help="As it was then: a revision, a time as 2026-11-21T14:05:00Z, or an age as -15m.",
    )(function)
