"""Calls about nodes: list and look."""

from typing import Any

import structlog

from aether.api.asking import ask
from aether.api.call import FORWARDED, Answer, Call, Context
from aether.api.endpoint import FRESH, LIST, PAST, Endpoint, v1
from aether.api.paging import page
from aether.api.views import look
from aether.core.control.node_progress import DrainProgress, drain_progress
from aether.core.model.ids import NodeId
from aether.core.model.records import to_plain
from aether.core.model.view import ClusterView
from aether.errors import AetherError, NotFound

_log = structlog.get_logger()


async def list_nodes(context: Context, call: Call) -> Answer:
    """Answer with every node the cluster knows."""
    view = await look(context, call)
    leader = _leader(context, call, view)
    return Answer(
        value=page(
            ((str(node), node) for node in view.nodes),
            call.query.get("cursor"),
            call.limit,
            lambda node: _node(view, node, leader),
        )
    )


def _leader(context: Context, call: Call, view: ClusterView) -> NodeId | None:
    """Return who leads, or who led at the moment the view is of."""
    if "at" in call.query:
        return view.epoch.leader if view.epoch else None
    return context.store.leader


async def get_node(context: Context, call: Call) -> Answer:
    """Answer with one node, what it hosts, and how far its draining has come.

    What a drain waits for only the leader knows: it is asked, and left out when it does not answer.
    """
    node = call.node_id("id")
    view = await look(context, call)
    if node not in view.nodes:
        known = ", ".join(sorted(view.nodes)) or "there is none"
        raise NotFound(f"there is no node {node}; known: {known}")
    leader = _leader(context, call, view)
    if "at" in call.query:
        return Answer(value=_told(view, node, leader, None))
    waiting = context.waiting() if leader == context.node else ()
    progress = drain_progress(view, node, waiting)
    elsewhere = leader not in (None, context.node) and FORWARDED not in call.headers
    if progress is not None and leader is not None and elsewhere:
        try:
            return Answer(value=await ask(context, leader, v1(f"nodes/{node}")))
        except AetherError as problem:
            _log.info("leader does not tell of a drain", leader=leader, problem=problem.message)
    return Answer(value=_told(view, node, leader, progress))


def _told(
    view: ClusterView, node: NodeId, leader: NodeId | None, progress: DrainProgress | None
) -> dict[str, Any]:
    hosted = sorted(placed for placed in {*view.wanted, *view.phases} if placed[0] == node)
    instances = [
        {
            "instance": placed[1],
            "desired": wish.desired if (wish := view.wanted.get(placed)) else "",
            "phase": fact.state if (fact := view.phases.get(placed)) else "",
        }
        for placed in hosted
    ]
    told = {"hosted": instances, "progress": None if progress is None else to_plain(progress)}
    return {**_node(view, node, leader), **told}


def verdict_of(view: ClusterView, node: NodeId) -> str:
    """Return the verdict on a node as people read it."""
    record = view.verdicts.get(node)
    return record.verdict if record else "UNJUDGED"


def origin_of(view: ClusterView, node: NodeId) -> str:
    """Return how a node came into the cluster, as people read it."""
    return "provider" if node in view.provisioned else "by hand"


def _node(view: ClusterView, node: NodeId, leader: NodeId | None) -> dict[str, Any]:
    record = view.verdicts.get(node)
    return {
        **to_plain(view.nodes[node]),
        "verdict": verdict_of(view, node),
        "drain": to_plain(record.drain) if record else None,
        "leader": node == leader,
        "origin": origin_of(view, node),
        "instances": sum(1 for placed in view.wanted if placed[0] == node),
    }


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("nodes"), name="node.list", handler=list_nodes,
        answers="nodes with verdict, addresses, load and `origin`",
        query={**LIST, **FRESH, **PAST},
    ),
    Endpoint(
        method="GET", path=v1("nodes/{id}"), name="node.get", handler=get_node,
        answers="one node, the instances it hosts, and the `progress` of its draining",
        query={**FRESH, **PAST},
    ),
)  # fmt: skip
