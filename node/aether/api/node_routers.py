"""Calls about the router processes of one node: look at them, replace them."""

import asyncio
from typing import Any

import msgspec

from aether.api.asking import ask
from aether.api.call import FORWARDED, Answer, Call, Context, RouterProcesses
from aether.api.endpoint import Endpoint, v1
from aether.core.model.ids import NodeId
from aether.errors import Unavailable
from aether.ports import ApiRequest

RESTART_S = 28.0
"""Longest restart that is waited for; a forwarded call ends two seconds later."""


async def get_routers(context: Context, call: Call) -> Answer:
    """Answer with how each router process of a node says it is."""
    node = call.node_id("id")
    if node != context.node and FORWARDED not in call.headers:
        return Answer(value=await ask(context, node, v1(f"nodes/{node}/router")))
    return _told(context, await _processes(context, node).health())


async def restart(context: Context, call: Call) -> Answer:
    """Replace each router process of a node by a new one; the old ones lose no request."""
    node = call.node_id("id")
    if node != context.node and FORWARDED not in call.headers:
        return Answer(value=await _restart_elsewhere(context, node))
    try:
        async with asyncio.timeout(RESTART_S):
            workers = await _processes(context, node).restart()
    except TimeoutError as late:
        raise Unavailable(
            f"the routers of {node} were not all replaced within {RESTART_S:g} s; those that were "
            "not serve on: ask again"
        ) from late
    return _told(context, workers)


async def _restart_elsewhere(context: Context, node: NodeId) -> Any:  # noqa: ANN401 - a node's JSON
    request = ApiRequest(
        method="POST",
        path=v1(f"nodes/{node}/router/restart"),
        headers={FORWARDED: context.node},
    )
    response = await context.link.forward(node, request)
    answer = msgspec.json.decode(response.body)
    if response.status != 200:
        detail = answer.get("detail", "") if isinstance(answer, dict) else ""
        raise Unavailable(detail or f"{node} answered {response.status}")
    return answer


def _processes(context: Context, node: NodeId) -> RouterProcesses:
    if context.routers is None or node != context.node:
        raise Unavailable(f"{context.node} has no routers of {node}")
    return context.routers


def _told(context: Context, workers: list[dict[str, Any]]) -> Answer:
    return Answer(value={"node": context.node, "workers": workers})


_ANSWERS = (
    "`workers`: for each router process its pid, table revision, addresses, certificates and counts"
)

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("nodes/{id}/router"), name="node.router", handler=get_routers,
        answers=_ANSWERS,
    ),
    Endpoint(
        method="POST", path=v1("nodes/{id}/router/restart"), name="node.router.restart",
        handler=restart, answers=_ANSWERS, role="operator",
    ),
)  # fmt: skip
