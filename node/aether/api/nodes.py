"""Calls about nodes: list, look, drain, activate, shut down, remove."""

import asyncio
from dataclasses import replace
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field

from aether.api.asking import ask, runs
from aether.api.call import ACTOR, FORWARDED, Answer, Call, Context
from aether.api.endpoint import FRESH, LIST, PAST, Endpoint, v1
from aether.api.members import CHANGE_S, answering_of, voters_of
from aether.api.paging import page
from aether.api.views import look, read_view, rejection, submit
from aether.core.control.admission import Rejected
from aether.core.control.node_admission import (
    Voting,
    admit_activate,
    admit_drain,
    admit_removal,
    admit_shutdown,
)
from aether.core.control.node_progress import DrainProgress, drain_progress
from aether.core.model.ids import NodeId
from aether.core.model.records import to_plain
from aether.core.model.view import ClusterView
from aether.core.store.commands import Consistency
from aether.errors import AetherError, NotFound

_log = structlog.get_logger()


class Drain(BaseModel):
    """How a node is to be emptied."""

    model_config = ConfigDict(extra="forbid", strict=True)

    shutdown: bool = Field(default=False, description="stop its process once it is empty")
    force: bool = Field(default=False, description="end instances below their budgets at once")


class Shutdown(BaseModel):
    """How a node is to be emptied and stopped."""

    model_config = ConfigDict(extra="forbid", strict=True)

    force: bool = Field(default=False, description="end instances below their budgets at once")


async def list_nodes(context: Context, call: Call) -> Answer:
    """Answer with every node the cluster knows."""
    view = await look(context, call)
    return Answer(
        value=page(
            ((str(node), node) for node in view.nodes),
            call.query.get("cursor"),
            call.limit,
            lambda node: _node(context, view, node),
        )
    )


async def get_node(context: Context, call: Call) -> Answer:
    """Answer with one node, what it hosts, and how far its draining has come.

    What a drain waits for only the leader knows: it is asked, and left out when it does not answer.
    """
    node = call.node_id("id")
    view = await look(context, call)
    if node not in view.nodes:
        known = ", ".join(sorted(view.nodes)) or "there is none"
        raise NotFound(f"there is no node {node}; known: {known}")
    if "at" in call.query:
        return Answer(value=_told(context, view, node, None))
    leader = context.store.leader
    waiting = context.waiting() if leader == context.node else ()
    progress = drain_progress(view, node, waiting)
    elsewhere = leader not in (None, context.node) and FORWARDED not in call.headers
    if progress is not None and leader is not None and elsewhere:
        try:
            return Answer(value=await ask(context, leader, v1(f"nodes/{node}")))
        except AetherError as problem:
            _log.info("leader does not tell of a drain", leader=leader, problem=problem.message)
    return Answer(value=_told(context, view, node, progress))


def _told(
    context: Context, view: ClusterView, node: NodeId, progress: DrainProgress | None
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
    return {**_node(context, view, node), **told}


def verdict_of(view: ClusterView, node: NodeId) -> str:
    """Return the verdict on a node as people read it."""
    record = view.verdicts.get(node)
    return record.verdict if record else "UNJUDGED"


def _node(context: Context, view: ClusterView, node: NodeId) -> dict[str, Any]:
    record = view.verdicts.get(node)
    return {
        **to_plain(view.nodes[node]),
        "verdict": verdict_of(view, node),
        "drain": to_plain(record.drain) if record else None,
        "leader": node == context.store.leader,
        "instances": sum(1 for placed in view.wanted if placed[0] == node),
    }


async def drain(context: Context, call: Call) -> Answer:
    """Order a node to be emptied; replacements come first, budgets are kept."""
    node = call.node_id("id")
    wanted = call.json(Drain) if call.body else Drain()
    if wanted.shutdown:
        return await _shut_down(context, call, node, force=wanted.force)
    change = await submit(
        context, call, lambda view: admit_drain(view, node, by=ACTOR, force=wanted.force)
    )
    return Answer(value={"node": node, **to_plain(change)})


async def shutdown(context: Context, call: Call) -> Answer:
    """Order a node to be emptied and its process to stop."""
    force = call.json(Shutdown).force if call.body else False
    return await _shut_down(context, call, call.node_id("id"), force=force)


async def _shut_down(context: Context, call: Call, node: NodeId, *, force: bool) -> Answer:
    voting = await read_voting(context)
    change = await submit(
        context, call, lambda view: admit_shutdown(view, node, voting, by=ACTOR, force=force)
    )
    return Answer(value={"node": node, **to_plain(change)})


async def activate(context: Context, call: Call) -> Answer:
    """Take an order to drain back."""
    node = call.node_id("id")
    change = await submit(context, call, lambda view: admit_activate(view, node))
    return Answer(value={"node": node, **to_plain(change)})


async def remove(context: Context, call: Call) -> Answer:
    """Forget a node for good: first its place in the consensus group, then its records.

    Asked again it goes on where it broke off.
    """
    node, force = call.node_id("id"), call.flag("force")
    voting, answers = await asyncio.gather(read_voting(context), runs(context, node))
    view = await read_view(context.store, Consistency.LINEARIZABLE)
    decision = admit_removal(view, node, voting, runs=answers, force=force)
    if isinstance(decision, Rejected):
        raise rejection(decision)
    if node in voting.members:
        await context.group.remove_member(node, CHANGE_S)
        _log.warning("member removed", node=node, force=force, request=call.request_id)
    without = replace(voting, voters=voting.voters - {node})
    change = await submit(
        context, call, lambda view: admit_removal(view, node, without, runs=False, force=force)
    )
    return Answer(value={"node": node, **to_plain(change)})


async def read_voting(context: Context) -> Voting:
    """Return the consensus group as this node, the leader, sees it."""
    status = await context.group.status()
    return Voting(
        members=frozenset(member.node for member in status.members),
        voters=frozenset(voters_of(status)),
        answering=frozenset(answering_of(status)),
    )


_CHANGE = "`changed`, `revision`, `summary`"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("nodes"), name="node.list", handler=list_nodes,
        answers="nodes with verdict, addresses and load",
        query={**LIST, **FRESH, **PAST},
    ),
    Endpoint(
        method="GET", path=v1("nodes/{id}"), name="node.get", handler=get_node,
        answers="one node, the instances it hosts, and the `progress` of its draining",
        query={**FRESH, **PAST},
    ),
    Endpoint(
        method="DELETE", path=v1("nodes/{id}"), name="node.remove", handler=remove,
        answers=_CHANGE, role="operator", leader_only=True,
        query={"force": "`true`: also when no voter is to spare then"},
    ),
    Endpoint(
        method="POST", path=v1("nodes/{id}/drain"), name="node.drain", handler=drain,
        answers=_CHANGE, role="operator", leader_only=True,
        takes="nothing, or JSON `{shutdown, force}`", model=Drain,
    ),
    Endpoint(
        method="POST", path=v1("nodes/{id}/activate"), name="node.activate", handler=activate,
        answers=_CHANGE, role="operator", leader_only=True,
    ),
    Endpoint(
        method="POST", path=v1("nodes/{id}/shutdown"), name="node.shutdown", handler=shutdown,
        answers=_CHANGE, role="operator", leader_only=True,
        takes="nothing, or JSON `{force}`", model=Shutdown,
    ),
)  # fmt: skip
