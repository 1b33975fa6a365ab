"""What a node asks for: of its own processes, and of nodes a failed request went through."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from aether.core.model.ids import NodeId
from aether.core.tracing.span import ENTRY, KEPT
from aether.errors import Unavailable
from aether.node.clock import MonotonicClock
from aether.node.tracing import ASK_PATH, ASK_S, NodeTracing
from aether.ports import ApiRequest, ApiResponse
from aether.tasks import Tasks
from aether.telemetry.traces import NodeTraces, Wanted
from tests.spans import TRACE, plain, span

POLL_S = 0.005


def failed(number: int, node: str) -> object:
    """Return the span of a request that failed at a node, of a trace that was not sampled."""
    return plain(span(number, kind="request", marks=ENTRY | KEPT, status=502, to_node=node))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the loop rings no bell
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def run(tracing: NodeTracing) -> AsyncIterator[None]:
    """Run it; a task that fails ends the test as it would end the node."""
    failures = list[BaseException]()
    tasks = Tasks(on_failure=lambda _, failure: failures.append(failure))
    tracing.start(tasks)
    try:
        yield
    finally:
        await tasks.stop()
    assert failures == []


class Processes:
    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []

    def ask(self, traces: Sequence[str]) -> None:
        self.asked.append(traces)


class Counting(NodeTraces):
    looks = 0

    def take_wanted(self, busy: Collection[str] = ()) -> Wanted:
        self.looks += 1
        return super().take_wanted(busy)


class Link:
    """Other nodes; `n-3` is away."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []

    async def forward(self, leader: NodeId, request: ApiRequest) -> ApiResponse:
        self.asked.append((leader, request.path, msgspec.json.decode(request.body)))
        if leader == "n-hangs":
            await asyncio.Event().wait()
        if leader == "n-3":
            raise Unavailable("n-3 is away")
        return ApiResponse(status=202)


async def test_a_failure_is_asked_for_here_and_where_it_went_and_a_silent_node_is_let_be() -> None:
    traces, processes, link = NodeTraces("n-1"), Processes(), Link()
    tracing = NodeTracing(
        traces=traces, processes=(processes, processes), link=link, clock=MonotonicClock()
    )
    for number, node in ((1, "n-2"), (2, "n-3")):
        traces.take_of_router(failed(number, node))
    async with run(tracing):
        await until(lambda: len(link.asked) == 2)
    assert processes.asked == [(TRACE,), (TRACE,)]
    body = {"traces": [TRACE]}
    assert sorted(link.asked) == [("n-2", ASK_PATH, body), ("n-3", ASK_PATH, body)]


async def test_nothing_is_asked_for_while_nothing_is_wanted() -> None:
    traces, processes, link = Counting("n-1"), Processes(), Link()
    tracing = NodeTracing(traces=traces, processes=(processes,), link=link, clock=MonotonicClock())
    async with run(tracing):
        await until(lambda: traces.looks == 2)
    assert (processes.asked, link.asked) == ([], [])


async def test_a_node_that_hangs_holds_up_nobody_else() -> None:
    traces, processes, link = NodeTraces("n-1"), Processes(), Link()
    tracing = NodeTracing(traces=traces, processes=(processes,), link=link, clock=MonotonicClock())
    traces.take_of_router(failed(1, "n-hangs"))
    async with run(tracing):
        await until(lambda: link.asked)
        began = time.monotonic()
        traces.take_of_router(failed(2, "n-2"))
        traces.take_of_router(failed(3, "n-hangs"))
        await until(lambda: len(link.asked) == 2)
        assert time.monotonic() - began < ASK_S
        await until(lambda: len(link.asked) == 3)
        assert time.monotonic() - began > ASK_S * 0.5, "one question at a time"
    assert [node for node, *_ in link.asked] == ["n-hangs", "n-2", "n-hangs"]
    assert len(processes.asked) >= 2


async def test_what_goes_wrong_ends_neither_the_node_nor_the_asking() -> None:
    class Broken(Processes):
        def ask(self, traces: Sequence[str]) -> None:
            super().ask(traces)
            raise RuntimeError("unable to perform operation; the handler is closed")

    traces, processes, link = NodeTraces("n-1"), Broken(), Link()
    tracing = NodeTracing(traces=traces, processes=(processes,), link=link, clock=MonotonicClock())
    async with run(tracing):
        for number in (1, 2):
            traces.take_of_router(failed(number, "n-2"))
            await until(lambda number=number: len(processes.asked) == number)  # type: ignore[misc] # a lambda with a default
    assert len(processes.asked) == 2
