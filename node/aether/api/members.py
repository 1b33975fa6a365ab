"""Calls about the consensus group: who takes part, who leads, and changing that."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict

from aether.api.asking import ASK_S, ask
from aether.api.call import FORWARDED, Answer, Call, Context
from aether.api.endpoint import Endpoint, v1
from aether.api.views import read_view
from aether.core.control.margins import Margin, margin, margin_without
from aether.core.model.ids import NodeId, parse_node_id
from aether.errors import AetherError, Conflict, Invalid, NotFound, Unavailable
from aether.ports import Member, MemberStatus

_log = structlog.get_logger()

CHANGE_S = 10.0
"""Longest wait for a change of the members, or of the leader."""
SILENT_S = 2.0
"""A voter that did not answer the leader for so long is not counted on."""
UNREACHABLE = "unreachable"
"""Condition of a member whose node does not answer."""


class Transfer(BaseModel):
    """Body of a transfer of leadership."""

    model_config = ConfigDict(extra="forbid")

    node: str | None = None


class QuorumAtRisk(Conflict):
    """The change would leave too few voters; fields `before` and `after` count them."""

    code = "quorum_at_risk"


async def list_members(context: Context, call: Call) -> Answer:
    """Answer as the leader knows it, or as this node does while there is none to be asked."""
    leader = context.group.leader
    if leader not in (None, context.node) and FORWARDED not in call.headers:
        try:
            return Answer(value=await ask(context, leader, "/api/v1/cluster/members"))
        except AetherError as problem:
            _log.info("leader does not tell of the members", leader=leader, problem=str(problem))
    status = await context.group.status()
    others = [member.node for member in status.members if member.node != context.node]
    said = dict(
        zip(others, await asyncio.gather(*(_said(context, n) for n in others)), strict=True)
    )
    said[context.node] = _own(status)
    return Answer(
        value={
            "seen_by": context.node,
            "leader": status.leader,
            "term": status.term,
            **_margin(status, said).plain(),
            "members": [_member(status, member, said[member.node]) for member in status.members],
        }
    )


async def get_member(context: Context, call: Call) -> Answer:
    """Answer with what one member says of itself, whoever is asked."""
    node = call.node_id("id")
    if node == context.node:
        return Answer(value=_own(await context.group.status()))
    _find(context.group.members, node)
    if FORWARDED in call.headers:
        raise Unavailable(f"{call.headers[FORWARDED]} took {context.node} for {node}")
    return Answer(value=await ask(context, node, f"/api/v1/cluster/members/{node}"))


async def promote(context: Context, call: Call) -> Answer:
    """Give a learner a vote, unless it is a worker."""
    member = _find(context.group.members, call.node_id("id"))
    record = (await read_view(context.store, call.consistency)).nodes.get(member.node)
    if record is not None and record.role == "worker" and not member.voter:
        raise Conflict(
            f"{member.node} is a worker and never votes; to have it vote, remove it and start it with "
            "--role voter and an empty data directory"
        )
    await context.group.add_member(replace(member, voter=True), CHANGE_S)
    _log.warning("member promoted", node=member.node, request=call.request_id)
    return Answer(value={"node": member.node, "changed": not member.voter})


async def remove(context: Context, call: Call) -> Answer:
    """Take a member out, unless a quorum would be lost or have no voter to spare."""
    status = await context.group.status()
    member = _find(status.members, call.node_id("id"))
    voters, answering = voters_of(status), answering_of(status)
    before = margin(voters, answering)
    after = margin_without(member.node, voters, answering)
    why = call.query.get("force", "").strip()
    if member.voter:
        _check_margin(member.node, before, after, why)
    await context.group.remove_member(member.node, CHANGE_S)
    _log.warning("member removed", node=member.node, force=why, request=call.request_id)
    return Answer(
        value={"node": member.node, "before": before.plain(), "after": after.plain(), "force": why}
    )


async def transfer(context: Context, call: Call) -> Answer:
    """Have another voter lead."""
    wanted = call.json(Transfer).node if call.body else None
    try:
        target = None if wanted is None else parse_node_id(wanted)
    except ValueError as problem:
        raise Invalid(str(problem)) from problem
    if target is not None:
        _find(context.group.members, target)
    leader = await context.group.transfer_leadership(target, CHANGE_S)
    _log.warning("leadership transferred", leader=leader, request=call.request_id)
    return Answer(value={"before": context.node, "leader": leader})


def _check_margin(node: NodeId, before: Margin, after: Margin, why: str) -> None:
    fields = {"before": before.plain(), "after": after.plain()}
    counted = (
        f"without {node}, {after.answering} of {after.voters} voters answer and {after.quorum} "
        "make a quorum"
    )
    if after.may_fail < 0:
        raise QuorumAtRisk(
            f"{counted}: nothing could be written any more; bring back or replace the voters that "
            "do not answer first",
            fields=fields,
        )
    if after.may_fail == 0 < before.may_fail and not why:
        raise QuorumAtRisk(
            f"{counted}: the next failure would stop all writes; add a member first, or say why "
            "with force=REASON",
            fields=fields,
        )


async def _said(context: Context, node: NodeId) -> Mapping[str, Any]:
    """Return what a member says of itself, or that it says nothing."""
    try:
        async with asyncio.timeout(ASK_S):
            answer: Mapping[str, Any] = await ask(context, node, f"/api/v1/cluster/members/{node}")
    except TimeoutError:
        return {"condition": UNREACHABLE, "detail": f"no answer within {ASK_S:g} s"}
    except AetherError as problem:
        return {"condition": UNREACHABLE, "detail": problem.message}
    return answer


def _own(status: MemberStatus) -> dict[str, Any]:
    names = ("node", "engine", "role", "condition", "detail", "term", "leader", "commit", "applied")
    indexes = ("first_index", "last_index", "snapshot_index")
    return {name: getattr(status, name) for name in (*names, *indexes)}


def _member(status: MemberStatus, member: Member, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return one row: what the asked member knows of it, and what it says of itself."""
    progress = next((peer for peer in status.peers if peer.node == member.node), None)
    own = member.node == status.node
    match = status.last_index if own else progress.match if progress else None
    role = "voter" if member.voter else "learner"
    return {
        "node": member.node,
        "role": "leader" if member.node == status.leader else role,
        "voter": member.voter,
        "address": member.address,
        "condition": said.get("condition"),
        "detail": said.get("detail"),
        "applied": said.get("applied"),
        "match": match,
        "lag": None if match is None else max(0, status.last_index - match),
        "state": progress.state if progress else None,
        "silent_s": 0.0 if own else round(progress.silent_s, 2) if progress else None,
    }


def voters_of(status: MemberStatus) -> set[NodeId]:
    """Return who votes."""
    return {member.node for member in status.members if member.voter}


def answering_of(status: MemberStatus) -> set[NodeId]:
    """Return who answers a leader, itself included."""
    heard = {peer.node for peer in status.peers if peer.silent_s < SILENT_S}
    return {status.node, *heard}


def _margin(status: MemberStatus, said: Mapping[NodeId, Mapping[str, Any]]) -> Margin:
    """Count the voters a leader hears; without one, those whose node answers."""
    if status.leader == status.node:
        return margin(voters_of(status), answering_of(status))
    reached = {node for node, answer in said.items() if answer.get("condition") != UNREACHABLE}
    return margin(voters_of(status), reached)


def _find(members: Sequence[Member], node: NodeId) -> Member:
    for member in members:
        if member.node == node:
            return member
    known = ", ".join(sorted(member.node for member in members)) or "there is none"
    raise NotFound(f"there is no member {node}; known: {known}")


_FORCE = {"force": "why a member may be removed that leaves no voter to spare"}

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("cluster/members"), name="member.list",
        handler=list_members,
        answers="members of the consensus group, and how many voters may fail; needs no quorum",
    ),
    Endpoint(
        method="GET", path=v1("cluster/members/{id}"), name="member.get",
        handler=get_member, answers="what one member says of itself",
    ),
    Endpoint(
        method="POST", path=v1("cluster/members/{id}/promote"), name="member.promote",
        handler=promote, answers="`changed`: a learner that has caught up votes now",
        role="admin", leader_only=True,
    ),
    Endpoint(
        method="DELETE", path=v1("cluster/members/{id}"), name="member.remove",
        handler=remove, answers="`before` and `after`: how many voters may fail",
        role="admin", leader_only=True, query=_FORCE,
    ),
    Endpoint(
        method="POST", path=v1("cluster/leader"), name="leader.transfer",
        handler=transfer, answers="`leader`: who leads now", role="admin",
        leader_only=True, takes="nothing, or JSON `{node}`", model=Transfer,
    ),
)  # fmt: skip
