"""Asking every other node what only it knows; one that does not answer is named, and waited for no longer."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from aether.api.asking import ask
from aether.api.call import Context
from aether.api.views import read_view
from aether.core.model.ids import NodeId
from aether.core.model.records import Verdict
from aether.core.store.commands import Consistency
from aether.errors import AetherError

MOST_ASKED = 16
"""Nodes asked at the same time."""

_GONE = frozenset({Verdict.LOST, Verdict.DECOMMISSIONED})
_T = TypeVar("_T")


async def ask_others(
    context: Context, path: str, read: Callable[[Any], _T]
) -> tuple[dict[NodeId, _T], dict[NodeId, str]]:
    """Return what each other live node answers to a GET, and why the silent ones say nothing.

    `read` takes the JSON of an answer, in a thread; it raises ValueError for what it is not.
    """
    view = await read_view(context.store, Consistency.STALE)
    places = asyncio.Semaphore(MOST_ASKED)
    found: dict[NodeId, _T] = {}
    silent: dict[NodeId, str] = {}

    async def add(node: NodeId) -> None:
        async with places:
            try:
                answer = await ask(context, node, path)
                found[node] = await asyncio.to_thread(read, answer)
            except (AetherError, ValueError) as problem:
                silent[node] = str(problem)

    async with asyncio.TaskGroup() as group:
        for node in sorted(view.nodes):
            verdict = view.verdicts.get(node)
            if node != context.node and (verdict is None or verdict.verdict not in _GONE):
                group.create_task(add(node), name=f"ask {node}")
    return {node: found[node] for node in sorted(found)}, silent


def told_silent(silent: Mapping[NodeId, str]) -> list[dict[str, str]]:
    """Return silent nodes as an answer tells them, in order."""
    return [{"node": node, "problem": silent[node]} for node in sorted(silent)]
