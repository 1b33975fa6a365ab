"""Why a slice, a node or a blueprint is as it is: how it stands, what is waited for, what was decided."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from aether.api.call import Answer, Call, Context
from aether.api.changes import next_of, query_of, show_gap, show_reach, show_recorded
from aether.api.controller import waiting_of_leader
from aether.api.endpoint import FRESH, LIST, PAST, Endpoint, v1
from aether.api.moments import chronicle_of, past_revision
from aether.api.views import look
from aether.core.control.status import SliceStatus, blueprint_status, slice_status
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.subjects import of_blueprint, of_node, of_slice
from aether.core.model.view import ClusterView
from aether.core.model.wording import counted
from aether.errors import NotFound


async def why_slice(context: Context, call: Call) -> Answer:
    """Answer why a slice is as it is."""
    base = call.slice_base("base")
    view = await look(context, call)
    status = slice_status(view, base)
    now = {"exists": status is not None, "sentences": _of_slice(base, status)}
    return await _answer(context, call, of_slice(base), (base,), now)


async def why_node(context: Context, call: Call) -> Answer:
    """Answer why a node is as it is."""
    node = call.node_id("id")
    view = await look(context, call)
    now = {"exists": node in view.nodes, "sentences": _of_node(view, node)}
    return await _answer(context, call, of_node(node), (node,), now)


async def why_blueprint(context: Context, call: Call) -> Answer:
    """Answer why a blueprint is as it is, its slices included."""
    base = call.slice_base("id")
    view = await look(context, call)
    status = blueprint_status(view, base)
    sentences = [f"there is no blueprint {base}"]
    names: tuple[str, ...] = (base,)
    if status is not None:
        sentences = [f"{base} is {status.state}, generation {status.generation}"]
        sentences += [text for one in status.slices for text in _of_slice(one.base, one)]
        names = (base, *(one.base for one in status.slices))
    now = {"exists": status is not None, "sentences": sentences}
    return await _answer(context, call, of_blueprint(base), names, now)


async def why_rollout(context: Context, call: Call) -> Answer:  # noqa: ARG001 - a handler's signature
    """Answer that there are no roll-outs."""
    raise NotFound(
        f"there is no roll-out {call.params['id'][:80]!r}: this version changes slices by the "
        "strategy of their blueprint and keeps no roll-outs; ask for the slice instead"
    )


async def _answer(
    context: Context, call: Call, subject: str, names: Sequence[str], now: dict[str, Any]
) -> Answer:
    chronicle = chronicle_of(context)
    query = await query_of(context, call, (subject,), until="at")
    found = await chronicle.find(query)
    if not now["exists"] and not found.recorded and "cursor" not in call.query:
        reach = await chronicle.reach()
        raise NotFound(
            f"there is no {subject.replace('/', ' ', 1)}, and the chronicle of this node, which "
            f"reaches back to revision {reach.first}, tells of none"
        )
    if "at" not in call.query:
        waiting, problem = await waiting_of_leader(context)
        now |= {"waiting": naming(waiting, names), "leader": context.store.leader}
        now |= {"problem": problem} if problem else {}
    return Answer(
        value={
            "subject": subject,
            "at": await past_revision(context, call),
            "now": now,
            "decisions": [show_recorded(one) for one in found.recorded],
            "gaps": [show_gap(gap) for gap in found.gaps],
            "chronicle": {"node": context.node, **show_reach(await chronicle.reach())},
            "next": next_of(found.recorded, more=found.more),
        }
    )


def naming(sentences: Iterable[str], names: Sequence[str]) -> list[str]:
    """Return the sentences that name any of `names` in full: `node-1` is not named by `node-10`."""
    wanted = re.compile("|".join(rf"(?<![\w.:-]){re.escape(name)}(?![\w-])" for name in names))
    return [text for text in sentences if wanted.search(text)]


def _of_slice(base: SliceBase, status: SliceStatus | None) -> list[str]:
    if status is None:
        return [f"there is no slice {base}"]
    sentences = [
        f"{base} {status.version}: {status.active} of {status.wanted} wanted instances serve"
    ]
    sentences += [
        f"{one.instance} on {one.node}: wanted {one.desired or 'gone'}, is {one.phase or 'not there'}"
        for one in status.instances
    ]
    told = dict.fromkeys((*sentences, *status.degraded, *status.reasons))
    return list(told)


def _of_node(view: ClusterView, node: NodeId) -> list[str]:
    record, verdict = view.nodes.get(node), view.verdicts.get(node)
    if record is None:
        return [f"there is no node {node}"]
    hosted = sum(1 for placed in view.wanted if placed[0] == node)
    serving = sum(1 for placed in view.phases if placed[0] == node and view.is_active(placed))
    state = verdict.verdict if verdict is not None else "not judged yet"
    sentences = [f"{node} is {state}; {counted(hosted, 'instance')} wanted there, {serving} ACTIVE"]
    if verdict is not None and verdict.drain is not None:
        then = ", then it stops" if verdict.drain.shutdown else ""
        forced = ", below their budgets if need be" if verdict.drain.force else ""
        sentences.append(f"{verdict.drain.by} wants it empty{forced}{then}")
    if verdict is not None and verdict.incarnation != record.incarnation:
        sentences.append("it has begun a new life that the leader has not judged yet")
    return sentences


_ANSWERS = (
    "`now` (sentences, and what the leader waits for), `decisions` newest first with actor, rule, "
    "inputs and rejected alternatives, `gaps`, and how far back the `chronicle` reaches"
)
_QUERY = {**PAST, **LIST, **FRESH}

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("slices/{base}/why"), name="slice.why", handler=why_slice,
        answers=f"why a slice is as it is: {_ANSWERS}", query=_QUERY,
    ),
    Endpoint(
        method="GET", path=v1("nodes/{id}/why"), name="node.why", handler=why_node,
        answers=f"why a node is as it is: {_ANSWERS}", query=_QUERY,
    ),
    Endpoint(
        method="GET", path=v1("blueprints/{id}/why"), name="blueprint.why", handler=why_blueprint,
        answers=f"why a blueprint is as it is: {_ANSWERS}", query=_QUERY,
    ),
    Endpoint(
        method="GET", path=v1("rollouts/{id}/why"), name="rollout.why", handler=why_rollout,
        answers="404 with a sentence: this version keeps no roll-outs", query=_QUERY, status=404,
    ),
)  # fmt: skip
