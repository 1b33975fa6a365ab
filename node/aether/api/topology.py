"""Calls about how large the cluster is to be, and what it is."""

from collections import Counter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aether.api.call import Answer, Call, Context
from aether.api.endpoint import FRESH, Endpoint, v1
from aether.api.nodes import verdict_of
from aether.api.views import read_view, submit
from aether.core.control.node_admission import MAX_NODES, admit_no_topology, admit_topology
from aether.core.model.ids import NodeId
from aether.core.model.records import to_plain
from aether.core.model.view import ClusterView

ZONE = "zone"
"""Label of a node that names its zone."""


class Topology(BaseModel):
    """How many nodes are wanted, and how many there may ever be."""

    model_config = ConfigDict(extra="forbid", strict=True)

    nodes: int = Field(ge=1, le=MAX_NODES, description="nodes wanted on duty")
    max_nodes: int = Field(
        ge=1, le=MAX_NODES, description="nodes that may exist, lost ones included"
    )


async def get_topology(context: Context, call: Call) -> Answer:
    """Answer with the nodes wanted, those there are by zone, role and verdict, and those asked for."""
    view = await read_view(context.store, call.consistency)
    zones: dict[str, list[dict[str, Any]]] = {}
    for node in sorted(view.nodes):
        zones.setdefault(view.nodes[node].labels.get(ZONE, ""), []).append(_row(view, node))
    return Answer(
        value={
            "wanted": to_plain(view.topology),
            "nodes": len(view.nodes),
            "verdicts": Counter(verdict_of(view, node) for node in sorted(view.nodes)),
            "roles": Counter(view.nodes[node].role for node in sorted(view.nodes)),
            "zones": [{"zone": zone, "nodes": zones[zone]} for zone in sorted(zones)],
            "provisions": [to_plain(view.provisions[node]) for node in sorted(view.provisions)],
        }
    )


def _row(view: ClusterView, node: NodeId) -> dict[str, Any]:
    return {"node": node, "role": view.nodes[node].role, "verdict": verdict_of(view, node)}


async def put_topology(context: Context, call: Call) -> Answer:
    """Say how many nodes are wanted."""
    wanted = call.json(Topology)
    change = await submit(
        context, call, lambda view: admit_topology(view, wanted.nodes, wanted.max_nodes)
    )
    return Answer(value=to_plain(change))


async def delete_topology(context: Context, call: Call) -> Answer:
    """Say no longer how many nodes are wanted."""
    return Answer(value=to_plain(await submit(context, call, admit_no_topology)))


_CHANGE = "`changed`, `revision`, `summary`"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("topology"), name="topology.get", handler=get_topology, query=FRESH,
        answers="nodes `wanted`, and those there are by `zones`, `roles` and `verdicts`",
    ),
    Endpoint(
        method="PUT", path=v1("topology"), name="topology.put", handler=put_topology,
        answers=_CHANGE, role="operator", leader_only=True, takes="JSON `{nodes, max_nodes}`",
        model=Topology,
    ),
    Endpoint(
        method="DELETE", path=v1("topology"), name="topology.delete", handler=delete_topology,
        answers=_CHANGE, role="operator", leader_only=True,
    ),
)  # fmt: skip
