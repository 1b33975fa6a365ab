"""Calls about the cluster as a whole: health, status, nodes, routes."""

from collections import Counter
from typing import Any

from aether.api.call import Answer, Call, Context
from aether.api.endpoint import FRESH, LIST, Endpoint, v1
from aether.api.paging import page
from aether.api.problems import NotReady
from aether.api.views import read_view
from aether.core.control.status import blueprint_status, slice_status
from aether.core.model.ids import NodeId
from aether.core.model.records import to_plain
from aether.core.model.view import ClusterView
from aether.core.store.commands import Consistency
from aether.errors import NotFound


async def live(context: Context, call: Call) -> Answer:  # noqa: ARG001 - a handler's signature
    """Answer while the process runs."""
    return Answer(value={"status": "live"})


async def ready(context: Context, call: Call) -> Answer:  # noqa: ARG001 - a handler's signature
    """Answer 200 when the node may be sent work, else say what is missing."""
    reasons = list(context.readiness())
    if reasons:
        raise NotReady("not ready: " + "; ".join(reasons), fields={"reasons": reasons})
    return Answer(value={"status": "ready"})


async def get_status(context: Context, call: Call) -> Answer:  # noqa: ARG001 - a handler's signature
    """Answer with what this node knows, also while the cluster has no quorum."""
    view = await read_view(context.store, Consistency.STALE)
    reasons = list(context.readiness())
    slices = [found for base in view.targets if (found := slice_status(view, base))]
    blueprints = Counter(
        status.state for base in view.blueprints if (status := blueprint_status(view, base))
    )
    return Answer(
        value={
            "cluster": view.cluster.cluster_id if view.cluster else None,
            "node": context.node,
            "version": context.version,
            "leader": context.store.leader,
            "epoch": view.epoch.epoch if view.epoch else None,
            "revision": view.revision,
            "ready": not reasons,
            "reasons": reasons,
            "nodes": Counter(_verdict(view, node) for node in view.nodes),
            "blueprints": blueprints,
            "slices": len(slices),
            "instances": {
                "wanted": sum(found.wanted for found in slices),
                "active": sum(found.active for found in slices),
            },
            "unreadable": dict(view.unreadable),
        }
    )


async def list_nodes(context: Context, call: Call) -> Answer:
    """Answer with every node the cluster knows."""
    view = await read_view(context.store, call.consistency)
    return Answer(
        value=page(
            ((str(node), node) for node in view.nodes),
            call.query.get("cursor"),
            call.limit,
            lambda node: _node(context, view, node),
        )
    )


async def get_node(context: Context, call: Call) -> Answer:
    """Answer with one node and what it hosts."""
    node = call.node_id("id")
    view = await read_view(context.store, call.consistency)
    if node not in view.nodes:
        known = ", ".join(sorted(view.nodes)) or "there is none"
        raise NotFound(f"there is no node {node}; known: {known}")
    hosted = sorted(placed for placed in {*view.wanted, *view.phases} if placed[0] == node)
    instances = [
        {
            "instance": placed[1],
            "desired": wish.desired if (wish := view.wanted.get(placed)) else "",
            "phase": fact.state if (fact := view.phases.get(placed)) else "",
        }
        for placed in hosted
    ]
    return Answer(value={**_node(context, view, node), "hosted": instances})


def _verdict(view: ClusterView, node: NodeId) -> str:
    record = view.verdicts.get(node)
    return record.verdict if record else "UNJUDGED"


def _node(context: Context, view: ClusterView, node: NodeId) -> dict[str, Any]:
    return {
        **to_plain(view.nodes[node]),
        "verdict": _verdict(view, node),
        "leader": node == context.store.leader,
        "instances": sum(1 for placed in view.wanted if placed[0] == node),
    }


async def list_routes(context: Context, call: Call) -> Answer:
    """Answer with every HTTP route and how many instances serve it."""
    view = await read_view(context.store, call.consistency)
    active = view.active_by_slice()
    return Answer(
        value=page(
            ((f"{method} {pattern}", (method, pattern)) for method, pattern in view.routes),
            call.query.get("cursor"),
            call.limit,
            lambda key: {
                "method": key[0],
                "pattern": key[1],
                **to_plain(view.routes[key]),
                "active": len(active.get(view.routes[key].slice, ())),
            },
        )
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path="/health/live", name="health.live", handler=live,
        answers="`status`: live",
    ),
    Endpoint(
        method="GET", path="/health/ready", name="health.ready", handler=ready,
        answers="`status`: ready; else 503 with `reasons`",
    ),
    Endpoint(
        method="GET", path=v1("status"), name="status.get", handler=get_status,
        answers="what this node knows of the cluster; needs no quorum",
    ),
    Endpoint(
        method="GET", path=v1("nodes"), name="node.list", handler=list_nodes,
        answers="nodes with verdict, addresses and load", query={**LIST, **FRESH},
    ),
    Endpoint(
        method="GET", path=v1("nodes/{id}"), name="node.get", handler=get_node,
        answers="one node and the instances it hosts", query=FRESH,
    ),
    Endpoint(
        method="GET", path=v1("routes"), name="route.list", handler=list_routes,
        answers="HTTP routes with their slice", query={**LIST, **FRESH},
    ),
)  # fmt: skip
