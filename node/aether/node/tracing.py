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
from aether.telemetry.traces import AskedTraces, NodeTraces, Wanted

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
        while True:
            await self.clock.sleep(PERIOD_S)
            await self.ask(self.traces.take_wanted())

    async def ask(self, wanted: Wanted) -> None:
        """Ask for traces; a node that does not hear of it is left out."""
        if wanted.here:
            for processes in self.processes:
                processes.ask(tuple(wanted.here))
        if wanted.elsewhere:
            async with asyncio.TaskGroup() as group:
                for node, traces in sorted(wanted.elsewhere.items()):
                    group.create_task(self._ask_node(NodeId(node), tuple(traces)))

    async def _ask_node(self, node: NodeId, traces: Sequence[str]) -> None:
        body = msgspec.json.encode(AskedTraces(traces=list(traces)))
        headers = {"content-type": "application/json"}
        request = ApiRequest(method="POST", path=ASK_PATH, headers=headers, body=body)
        try:
            async with asyncio.timeout(ASK_S):
                await self.link.forward(node, request)
        except (AetherError, TimeoutError) as problem:
            _log.debug("traces not asked for", node=node, count=len(traces), problem=str(problem))
