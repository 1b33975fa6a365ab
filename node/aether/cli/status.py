"""`aether status`."""

from typing import Any

import click

from aether.cli.client import path_to
from aether.cli.framework import Command, Invocation
from aether.cli.tables import render_pairs


@click.command(cls=Command)
@click.pass_obj
def status(this: Invocation) -> None:
    """Show how the cluster does."""
    answer: Any = this.client.get(path_to("status"))
    this.output.show(answer, render_pairs(list(answer.items())))
