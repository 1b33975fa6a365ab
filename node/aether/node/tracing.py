"""Traces on one node put together: asks its processes, and other nodes, for what is wanted of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import structlog

from aether.core.model.ids import NodeId
from aether.errors import AetherError
from aether.ports import ApiRequest, Clock, LeaderLink
from aether.tasks import Tasks
from aether.telemetry.traces import AskedTraces, NodeTraces

PERIOD_S = 0.25
"""Between two looks at what is wanted: processes remember some thousand requests."""
ASK_S = 1.5
"""Longest wait for another node to hear what is wanted of it."""
ASK_PATH = "/api/v1/traces/ask"

_log = structlog.get_logger()


class Processes(Protocol):
    """Processes of this node that remember requests: `TableFeed` has routers, `HostGateway` hosts."""

    def ask(self, traces: Sequence[str]) -> None:
        """Have them ship what they remember of these traces."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeTracing:
    """Runs on every node."""

    traces: NodeTraces
    processes: tuple[Processes, ...]
    link: LeaderLink
    clock: Clock

    def start(self, tasks: Tasks) -> None:
        """Have `tasks` run it, until it is stopped."""
        tasks.start("traces", self._run())

    async def _run(self) -> None:
        asking: set[str] = set()
        others = Tasks(on_failure=_log_failure)
        try:
            while True:
                await self.clock.sleep(PERIOD_S)
                try:
                    self._look(others, asking)
                except Exception:  # noqa: BLE001 - traces must not end the node; the trace is logged
                    _log.exception("traces not asked for")
        finally:
            await others.stop()

    def _look(self, others: Tasks, asking: set[str]) -> None:
        """Ask for what is wanted here at once, and of each other node one question at a time.

        What is wanted of a node that has not answered yet waits, so that one that is gone holds up no other.
        """
        wanted = self.traces.take_wanted(asking)
        if wanted.here:
            for processes in self.processes:
                processes.ask(tuple(wanted.here))
        for node, traces in sorted(wanted.elsewhere.items()):
            asking.add(node)
            others.start(f"ask {node}", self._ask_node(NodeId(node), tuple(traces), asking))

    async def _ask_node(self, node: NodeId, traces: Sequence[str], asking: set[str]) -> None:
        body = msgspec.json.encode(AskedTraces(traces=list(traces)))
        headers = {"content-type": "application/json"}
        request = ApiRequest(method="POST", path=ASK_PATH, headers=headers, body=body)
        try:
            async with asyncio.timeout(ASK_S):
                await self.link.forward(node, request)
        except (AetherError, TimeoutError) as problem:
            _log.debug("traces not asked for", node=node, count=len(traces), problem=str(problem))
        finally:
            asking.discard(node)


def _log_failure(name: str, failure: BaseException) -> None:
    _log.error("task failed", task=name, exc_info=failure)
