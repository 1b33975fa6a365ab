"""Asking another node what only it knows."""

import asyncio
from typing import Any

import msgspec

from aether.api.call import FORWARDED, Context
from aether.core.model.ids import NodeId
from aether.errors import AetherError, Unavailable
from aether.ports import ApiRequest, ApiResponse

ASK_S = 1.5
"""Longest wait for what a node says of itself."""


async def ask(context: Context, node: NodeId, path: str) -> Any:  # noqa: ANN401 - a node's JSON
    """Return what another node answers to a GET; raises the errors of the way there."""
    try:
        async with asyncio.timeout(2 * ASK_S):
            response = await _get(context, node, path)
    except TimeoutError as late:
        raise Unavailable(f"{node} did not answer within {2 * ASK_S:g} s") from late
    if response.status != 200:
        raise Unavailable(f"{node} answered {response.status}")
    return msgspec.json.decode(response.body)


async def runs(context: Context, node: NodeId) -> bool:
    """Whether the node's process answers now, whatever it says."""
    if node == context.node:
        return True
    try:
        async with asyncio.timeout(ASK_S):
            await _get(context, node, "/health/live")
    except (TimeoutError, AetherError):
        return False
    return True


async def _get(context: Context, node: NodeId, path: str) -> ApiResponse:
    request = ApiRequest(method="GET", path=path, headers={FORWARDED: context.node})
    return await context.link.forward(node, request)
