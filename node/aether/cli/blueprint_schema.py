"""`aether blueprint schema`: the format, without asking any node."""

import click

from aether.cli.framework import Command, Invocation
from aether.config.blueprint_schema import json_schema, reference_lines


@click.command("schema", cls=Command)
@click.pass_obj
def schema(this: Invocation) -> None:
    """Print the reference of the blueprint format as Markdown; with `-o json` as JSON Schema."""
    this.output.show(json_schema(), reference_lines())
