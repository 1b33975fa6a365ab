"""Keeps the leader informed: one stream, one report a second, and a new stream when it moves."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import grpc
import structlog

from aether.core.model.ids import NodeId
from aether.errors import Unavailable
from aether.ports import Clock
from aether.proto.v1 import cluster_pb2 as pb
from aether.rpc.handlers import NodeReport
from aether.rpc.values import report_to_wire

PERIOD_S = 1.0
LOOK_S = 0.1
"""How often the reporter looks whether leader and stream are still the same."""

WRITE_S = 2.0
"""Longest time one report may take to leave; a peer that reads slower is given up."""

MAX_BACK_OFF_S = 1.0

log = structlog.get_logger()


class ReportStream(Protocol):
    """Reports on their way to one node."""

    def done(self) -> bool:
        """Whether the stream is over."""
        ...

    async def write(self, request: pb.NodeReport, /) -> None:
        """Send one; raises what gRPC raises when the stream is broken."""
        ...


class ReportLink(Protocol):
    """The way to the node that leads; `rpc.peers.Peers` is one, the simulator has another."""

    @property
    def self_node(self) -> NodeId:
        """The node that reports."""
        ...

    def report_stream(self, node: NodeId, /) -> AbstractAsyncContextManager[ReportStream]:
        """Open a stream to `node`; raises Unavailable when its address is not known."""
        ...


class Reporter:
    """Reports this node to whoever leads.

    `leader` says who that is, `measure` makes a report, `local` takes it when this node leads.
    """

    def __init__(
        self,
        peers: ReportLink,
        *,
        leader: Callable[[], NodeId | None],
        measure: Callable[[], NodeReport],
        local: Callable[[NodeReport], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._peers = peers
        self._leader = leader
        self._measure = measure
        self._local = local
        self._clock = clock

    async def run(self) -> None:
        """Report until cancelled."""
        back_off = LOOK_S
        while True:
            leader = self._leader()
            if leader is None:
                await self._clock.sleep(LOOK_S)
            elif leader == self._peers.self_node:
                await self._report_here()
            else:
                try:
                    sent = await self._report_to(leader)
                except Unavailable as problem:
                    log.info("report.broken", leader=leader, problem=problem.message)
                    sent = 0
                back_off = LOOK_S if sent else min(2 * back_off, MAX_BACK_OFF_S)
                if leader == self._leader():
                    await self._clock.sleep(back_off)

    async def _report_here(self) -> None:
        await self._local(self._measure())
        await self._pause(lambda: self._leader() != self._peers.self_node)

    async def _report_to(self, leader: NodeId) -> int:
        """Report on one stream until it breaks or another node leads; return how often."""
        sent = 0
        async with self._peers.report_stream(leader) as stream:

            def is_over() -> bool:
                return stream.done() or self._leader() != leader

            while not is_over():
                try:
                    async with asyncio.timeout(WRITE_S):
                        await stream.write(report_to_wire(self._measure()))
                except (TimeoutError, grpc.aio.AioRpcError, asyncio.InvalidStateError) as problem:
                    raise Unavailable(f"reports to {leader}: {problem!r}") from problem
                sent += 1
                await self._pause(is_over)
        return sent

    async def _pause(self, is_over: Callable[[], bool]) -> None:
        until = self._clock.now() + PERIOD_S
        while self._clock.now() < until and not is_over():
            await self._clock.sleep(LOOK_S)
