"""`aether topology …`: how many nodes the cluster is to have."""

import json
from collections.abc import Mapping
from typing import Any

import click

from aether.cli.client import path_to
from aether.cli.framework import Invocation, LazyGroup
from aether.cli.tables import render_pairs, render_table, table_of
from aether.core.control.node_admission import MAX_NODES

_COLUMNS: Mapping[str, str] = {
    "ZONE": "zone",
    "NODE": "node",
    "ROLE": "role",
    "VERDICT": "verdict",
}
_PROVISIONS: Mapping[str, str] = {"STARTING": "node", "TRY": "attempt", "PROBLEM": "problem"}
_COUNT = click.IntRange(1, MAX_NODES)


@click.group(cls=LazyGroup)
def group() -> None:
    """Look at the nodes by zone, and say how many are wanted."""


@group.command("show")
@click.pass_obj
def show(this: Invocation) -> None:
    """Show the nodes by zone, and how many are wanted."""
    answer = this.client.get(path_to("topology"))
    this.output.show(answer, topology_lines(answer))


def topology_lines(answer: Mapping[str, Any]) -> list[str]:
    """Return the screen of the topology."""
    wanted = answer["wanted"]
    text = (
        "nobody said" if wanted is None else f"{wanted['nodes']}, never over {wanted['max_nodes']}"
    )
    pairs = [("wanted", text), ("nodes", answer["nodes"]), ("verdicts", answer["verdicts"])]
    rows = [{"zone": zone["zone"], **node} for zone in answer["zones"] for node in zone["nodes"]]
    starting = answer["provisions"]
    return [
        *render_pairs([*pairs, ("roles", answer["roles"])]),
        *(["", *render_table(table_of(rows, _COLUMNS))] if rows else []),
        *(["", *render_table(table_of(starting, _PROVISIONS))] if starting else []),
    ]


@group.command("set")
@click.option("--nodes", type=_COUNT, required=True, help="Nodes wanted on duty.")
@click.option(
    "--max",
    "max_nodes",
    type=_COUNT,
    required=True,
    help="Nodes that may ever exist, lost ones and those being started included.",
)
@click.pass_obj
def set_topology(this: Invocation, nodes: int, max_nodes: int) -> None:
    """Want so many nodes: lost ones are replaced, where a provider of nodes is configured."""
    body = json.dumps({"nodes": nodes, "max_nodes": max_nodes}).encode()
    headers = {"content-type": "application/json"}
    _, answer = this.client.request("PUT", path_to("topology"), body, headers)
    this.output.show(answer, [answer["summary"]])


@group.command("unset")
@click.pass_obj
def unset(this: Invocation) -> None:
    """Want no number of nodes any more; lost ones are not replaced."""
    _, answer = this.client.request("DELETE", path_to("topology"))
    this.output.show(answer, [answer["summary"]])
