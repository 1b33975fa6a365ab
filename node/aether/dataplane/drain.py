"""How a router process ends: what is in flight is answered, within bounds.

A process that stops closes idle connections at once. One that was replaced lets each idle
connection ask once more and answers with `connection: close`: a client that reuses a connection
just as it is closed would lose its request.
"""

import asyncio

import structlog

from aether.dataplane.context import Context

IDLE_MARGIN_S = 5.0
"""How much longer than pools of routers and hosts keep idle connections ours are kept."""

SETTLE_S = 0.1
"""How long connections accepted in the last turn of the loop may take to be counted."""
MOST_TRACES = 20
"""Of requests that were cut off, named in the log."""

log = structlog.get_logger()


async def finish(context: Context, longest_s: float) -> None:
    """Answer what clients of a replaced process still ask, for at most `longest_s` seconds.

    Connections on which nobody asks are closed after the pools of other routers and of slice hosts
    have closed them, so that no request of theirs meets a closing connection.
    """
    context.draining = True
    await asyncio.sleep(SETTLE_S)
    idle_s = min(longest_s, context.limits.upstream_idle_s + IDLE_MARGIN_S)
    if not await _wait_emptied(context, idle_s):
        await _close_idle(context, longest_s - idle_s)


async def drain(context: Context, longest_s: float) -> None:
    """Close idle connections, let requests in flight finish for a while, cut off the rest."""
    context.draining = True
    await _close_idle(context, longest_s)


async def _close_idle(context: Context, longest_s: float) -> None:
    context.closing = True
    for client in list(context.clients):
        client.drain()
    if not await _wait_emptied(context, longest_s):
        left = list(context.clients)
        traces = [client.trace_id for client in left if client.trace_id]
        log.warning("requests cut off at stop", clients=len(left), traces=traces[:MOST_TRACES])
        for client in left:
            client.abort()


async def _wait_emptied(context: Context, longest_s: float) -> bool:
    """Wait until no client is connected; whether that came in time."""
    try:
        async with asyncio.timeout(max(0.0, longest_s)):
            while context.clients or context.arriving:
                context.emptied.clear()
                await context.emptied.wait()
    except TimeoutError:
        return False
    return True
