"""What a node asks for: of its own processes, and of nodes a failed request went through."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from aether.core.model.ids import NodeId
from aether.core.tracing.span import ENTRY, KEPT
from aether.errors import Unavailable
from aether.node.clock import MonotonicClock
from aether.node.tracing import ASK_PATH, NodeTracing
from aether.ports import ApiRequest, ApiResponse
from aether.tasks import Tasks
from aether.telemetry.traces import NodeTraces
from tests.spans import TRACE, plain, span

POLL_S = 0.005


class Processes:
    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []

    def ask(self, traces: Sequence[str]) -> None:
        self.asked.append(traces)


class Link:
    """Other nodes; `n-3` is away."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []

    async def forward(self, leader: NodeId, request: ApiRequest) -> ApiResponse:
        self.asked.append((leader, request.path, msgspec.json.decode(request.body)))
        if leader == "n-3":
            raise Unavailable("n-3 is away")
        return ApiResponse(status=202)


async def test_a_failure_is_asked_for_here_and_where_it_went_and_a_silent_node_is_let_be() -> None:
    traces, processes, link = NodeTraces("n-1"), Processes(), Link()
    tracing = NodeTracing(
        traces=traces, processes=(processes, processes), link=link, clock=MonotonicClock()
    )
    for number, node in ((1, "n-2"), (2, "n-3")):
        traces.take_of_router(
            plain(span(number, kind="request", marks=ENTRY | KEPT, status=502, to_node=node))
        )
    tasks = Tasks()
    tracing.start(tasks)
    async with asyncio.timeout(5):
        while len(link.asked) < 2:  # noqa: ASYNC110 - the loop rings no bell
            await asyncio.sleep(POLL_S)
    await tasks.stop()
    assert processes.asked == [(TRACE,), (TRACE,)]
    body = {"traces": [TRACE]}
    assert sorted(link.asked) == [("n-2", ASK_PATH, body), ("n-3", ASK_PATH, body)]


async def test_nothing_is_asked_for_while_nothing_is_wanted() -> None:
    traces, processes, link = NodeTraces("n-1"), Processes(), Link()
    tracing = NodeTracing(traces=traces, processes=(processes,), link=link, clock=MonotonicClock())
    await tracing.ask(traces.take_wanted())
    assert (processes.asked, link.asked) == ([], [])
