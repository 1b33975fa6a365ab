"""`aether node …`."""

from collections.abc import Mapping

import click

from aether.cli.client import path_to
from aether.cli.framework import Invocation, LazyGroup
from aether.cli.names import NODE
from aether.cli.tables import render_pairs, render_table, table_of

_COLUMNS: Mapping[str, str] = {
    "NODE": "node",
    "VERDICT": "verdict",
    "LEADER": "leader",
    "ROLE": "role",
    "INSTANCES": "instances",
    "MANAGEMENT": "management",
    "ROUTER": "router",
    "VERSION": "version",
}
_HOSTED: Mapping[str, str] = {"INSTANCE": "instance", "DESIRED": "desired", "PHASE": "phase"}


@click.group(cls=LazyGroup)
def group() -> None:
    """Look at the nodes of the cluster."""


@group.command("list")
@click.pass_obj
def list_nodes(this: Invocation) -> None:
    """List the nodes, with what the leader thinks of them."""
    nodes = list(this.client.items("nodes"))
    this.output.show(nodes, render_table(table_of(nodes, _COLUMNS)))


@group.command("get")
@click.argument("node", type=NODE)
@click.pass_obj
def get_node(this: Invocation, node: str) -> None:
    """Show one node and the instances it hosts."""
    answer = this.client.get(path_to("nodes", node))
    pairs = [(name, value) for name, value in answer.items() if name != "hosted"]
    hosted = render_table(table_of(answer["hosted"], _HOSTED)) if answer.get("hosted") else []
    this.output.show(answer, [*render_pairs(pairs), *([""] if hosted else []), *hosted])
