"""Orders about nodes: drain, shut down, activate, remove; and plans of them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field

from aether.api.asking import runs
from aether.api.call import Answer, Call, Context
from aether.api.endpoint import Endpoint, v1
from aether.api.members import CHANGE_S, SILENT_S, answering_of, voters_of
from aether.api.plan_calls import PLAN_ANSWERS
from aether.api.plans import PLAN, check_plan, plan_answer, planned_digest, submit_as_planned
from aether.api.views import read_view, rejection, submit
from aether.core.control.admission import Admitted, Rejected
from aether.core.control.margins import margin, margin_without
from aether.core.control.node_admission import (
    Voting,
    admit_activate,
    admit_drain,
    admit_removal,
    admit_shutdown,
)
from aether.core.model.ids import NodeId
from aether.core.model.records import to_plain
from aether.core.model.view import ClusterView
from aether.core.store.commands import Consistency

_log = structlog.get_logger()

SETTLE_S = SILENT_S + 0.5
"""Longest wait until the leader misses a member that has just stopped."""
_LOOK_S = 0.1

_Decide = Callable[[ClusterView], Admitted | Rejected]


class Drain(BaseModel):
    """How a node is to be emptied."""

    model_config = ConfigDict(extra="forbid", strict=True)

    shutdown: bool = Field(default=False, description="stop its process once it is empty")
    force: bool = Field(default=False, description="end instances below their budgets at once")


class Shutdown(BaseModel):
    """How a node is to be emptied and stopped."""

    model_config = ConfigDict(extra="forbid", strict=True)

    force: bool = Field(default=False, description="end instances below their budgets at once")


def _draining(node: NodeId, by: str, *, force: bool) -> _Decide:
    return lambda view: admit_drain(view, node, by=by, force=force)


def _stopping(node: NodeId, voting: Voting, by: str, *, force: bool) -> _Decide:
    return lambda view: admit_shutdown(view, node, voting, by=by, force=force)


async def drain(context: Context, call: Call) -> Answer:
    """Order a node to be emptied; replacements come first, budgets are kept."""
    node = call.node_id("id")
    wanted = call.json(Drain) if call.body else Drain()
    if wanted.shutdown:
        return await _shut_down(context, call, node, force=wanted.force)
    change = await submit_as_planned(context, call, _draining(node, call.actor, force=wanted.force))
    return Answer(value={"node": node, **to_plain(change)})


async def shutdown(context: Context, call: Call) -> Answer:
    """Order a node to be emptied and its process to stop."""
    force = call.json(Shutdown).force if call.body else False
    return await _shut_down(context, call, call.node_id("id"), force=force)


async def _shut_down(context: Context, call: Call, node: NodeId, *, force: bool) -> Answer:
    stopping = _stopping(node, await read_voting(context), call.actor, force=force)
    change = await submit_as_planned(context, call, stopping)
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
    node, force, digest = call.node_id("id"), call.flag("force"), planned_digest(call)
    answers = await runs(context, node)
    voting = await (read_voting(context) if answers else _voting_when_silent(context, node))
    view = await read_view(context.store, Consistency.LINEARIZABLE)
    decision = admit_removal(view, node, voting, runs=answers, force=force)
    if isinstance(decision, Rejected):
        raise rejection(decision)
    if digest is not None:
        await check_plan(context, view, decision, digest)
    if node in voting.members:
        await context.group.remove_member(node, CHANGE_S)
        _log.warning("member removed", node=node, force=force, request=call.request_id)
    without = replace(voting, voters=voting.voters - {node})
    change = await submit(
        context, call, lambda view: admit_removal(view, node, without, runs=False, force=force)
    )
    return Answer(value={"node": node, **to_plain(change)})


async def _voting_when_silent(context: Context, node: NodeId) -> Voting:
    """Return the group once the leader misses the member, so that it is not counted on.

    A store may live on without its node: then it still answers after `SETTLE_S`, and counts.
    """
    voting = await read_voting(context)
    try:
        async with asyncio.timeout(SETTLE_S):
            while node in voting.answering:
                await asyncio.sleep(_LOOK_S)
                voting = await read_voting(context)
    except TimeoutError:
        _log.info("the store of a node that does not answer lives", node=node)
    return voting


async def read_voting(context: Context) -> Voting:
    """Return the consensus group as this node, the leader, sees it."""
    status = await context.group.status()
    return Voting(
        members=frozenset(member.node for member in status.members),
        voters=frozenset(voters_of(status)),
        answering=frozenset(answering_of(status)),
    )


async def plan_drain(context: Context, call: Call) -> Answer:
    """Say what would come of draining the node, and of stopping it where that is asked for."""
    node = call.node_id("id")
    wanted = call.json(Drain) if call.body else Drain()
    voting = await read_voting(context)
    decide = _draining(node, call.actor, force=wanted.force)
    if wanted.shutdown:
        decide = _stopping(node, voting, call.actor, force=wanted.force)
    left = replace(voting, answering=voting.answering - {node}) if wanted.shutdown else voting
    return await _plan(context, node, decide, _quorum(voting, left))


async def plan_removal(context: Context, call: Call) -> Answer:
    """Say what would come of removing the node."""
    node, force = call.node_id("id"), call.flag("force")
    answers = await runs(context, node)
    voting = await (read_voting(context) if answers else _voting_when_silent(context, node))
    after = margin_without(node, voting.voters, voting.answering)
    before = margin(voting.voters, voting.answering)
    return await _plan(
        context,
        node,
        lambda view: admit_removal(view, node, voting, runs=answers, force=force),
        {"before": before.plain(), "after": after.plain()},
    )


def _quorum(before: Voting, after: Voting) -> dict[str, Any]:
    return {
        "before": margin(before.voters, before.answering).plain(),
        "after": margin(after.voters, after.answering).plain(),
    }


async def _plan(context: Context, node: NodeId, decide: _Decide, quorum: dict[str, Any]) -> Answer:
    view = await read_view(context.store, Consistency.LINEARIZABLE)
    decision = decide(view)
    if isinstance(decision, Rejected):
        raise rejection(decision)
    plan = await plan_answer(context, view, decision, {"quorum": quorum})
    return Answer(value={"node": node, **plan})


_CHANGE = "`changed`, `revision`, `summary`"
_FORCE = {"force": "`true`: also when no voter is to spare then"}
_PLANNED = f"{PLAN_ANSWERS}, `quorum` before and after"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="DELETE", path=v1("nodes/{id}"), name="node.remove", handler=remove,
        answers=_CHANGE, role="operator", leader_only=True,
        query={**_FORCE, **PLAN},
    ),
    Endpoint(
        method="POST", path=v1("nodes/{id}/drain"), name="node.drain", handler=drain,
        answers=_CHANGE, role="operator", leader_only=True,
        takes="nothing, or JSON `{shutdown, force}`", model=Drain, query=PLAN,
    ),
    Endpoint(
        method="POST", path=v1("nodes/{id}/activate"), name="node.activate", handler=activate,
        answers=_CHANGE, role="operator", leader_only=True,
    ),
    Endpoint(
        method="POST", path=v1("nodes/{id}/shutdown"), name="node.shutdown", handler=shutdown,
        answers=_CHANGE, role="operator", leader_only=True,
        takes="nothing, or JSON `{force}`", model=Shutdown, query=PLAN,
    ),
    Endpoint(
        method="POST", path=v1("nodes/{id}/drain/plan"), name="node.drain.plan",
        handler=plan_drain, answers=_PLANNED, leader_only=True,
        takes="nothing, or JSON `{shutdown, force}`", model=Drain,
    ),
    Endpoint(
        method="POST", path=v1("nodes/{id}/remove/plan"), name="node.remove.plan",
        handler=plan_removal, answers=_PLANNED, leader_only=True, query=_FORCE,
    ),
)  # fmt: skip
