"""What a node says of itself to a leader that looks for trouble: its store member, its certificates."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog

from aether.api.asking import ask
from aether.api.call import FORWARDED, Answer, Call, Context
from aether.api.endpoint import Endpoint, v1
from aether.core.alerts.certificate_end import not_after
from aether.errors import Unavailable

_log = structlog.get_logger()

DAY_S = 86_400.0
MOST_BYTES = 1024 * 1024


async def get_conditions(context: Context, call: Call) -> Answer:
    """Answer for this node, or with what another one answers."""
    node = call.node_id("id")
    if node != context.node:
        if FORWARDED in call.headers:
            raise Unavailable(f"{call.headers[FORWARDED]} took {context.node} for {node}")
        return Answer(value=await ask(context, node, f"/api/v1/nodes/{node}/conditions"))
    status = await context.group.status()
    ends = await asyncio.to_thread(ends_of, context.certificates)
    first = min(ends.values(), default=None)
    return Answer(
        value={
            "node": node,
            "condition": status.condition,
            "detail": status.detail,
            "certificate_days": None if first is None else (first - context.wall()) / DAY_S,
            "certificates": {
                path: round((end - context.wall()) / DAY_S, 2) for path, end in ends.items()
            },
        }
    )


def ends_of(paths: Sequence[str]) -> dict[str, float]:
    """Return when each certificate file ends, in seconds since 1970; one that is broken ends at once."""
    found: dict[str, float] = {}
    for path in paths:
        try:
            with Path(path).open("rb") as file:
                found[path] = not_after(file.read(MOST_BYTES).decode("ascii", "replace"))
        except (OSError, ValueError) as problem:
            _log.warning("certificate cannot be read", file=path, problem=str(problem))
            found[path] = 0.0
    return found


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("nodes/{id}/conditions"), name="node.conditions",
        handler=get_conditions,
        answers="`condition` of its store member, days until its certificates end",
    ),
)  # fmt: skip
