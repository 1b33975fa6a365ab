"""Keeps the leader informed: one stream, one report a second, and a new stream when it moves.

The leader sends back what it makes of the reports of all nodes, once a second. The next report is due
a little before it does so again: what a node measures is then fresh when the leader adds it up.
"""

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
from aether.tasks import Tasks

PERIOD_S = 1.0
AFTER_NEWS_S = 0.8
"""From what the leader sent to the next report, once both are in step."""
MOST_SHIFT_S = 0.25
"""Most by which a report is sent earlier or later than a period after the one before."""
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

    async def read(self) -> bytes | None:
        """Return the leader's next aggregate, None when no more come; raises as `write` does."""
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

    `leader` says who that is, `measure` makes a report, `local` takes it when this node leads,
    `shared` takes the aggregates of another leader: it raises ValueError for what is none.
    """

    def __init__(
        self,
        peers: ReportLink,
        *,
        leader: Callable[[], NodeId | None],
        measure: Callable[[], NodeReport],
        local: Callable[[NodeReport], Awaitable[None]],
        clock: Clock,
        shared: Callable[[bytes], Awaitable[None]] | None = None,
    ) -> None:
        self._peers = peers
        self._leader = leader
        self._measure = measure
        self._local = local
        self._clock = clock
        self._shared = shared
        self._due = 0.0
        self._shift_s = 0.0

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
        reading = Tasks(on_failure=_log_unread)
        async with self._peers.report_stream(leader) as stream:
            if self._shared is not None:
                reading.start("read aggregates", self._read(stream, self._shared))
            try:
                return await self._write(stream, leader)
            finally:
                await reading.stop()

    async def _write(self, stream: ReportStream, leader: NodeId) -> int:
        sent = 0

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

    async def _read(self, stream: ReportStream, shared: Callable[[bytes], Awaitable[None]]) -> None:
        """Take aggregates until the stream is over."""
        while True:
            try:
                packed = await stream.read()
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                return  # whoever writes sees it too, and says why
            if packed is None:
                return
            self._align()
            try:
                await shared(packed)
            except ValueError as problem:
                log.warning("report.aggregate_refused", problem=str(problem)[:200])

    def _align(self) -> None:
        """Have the report after the next leave closer to when it is due: shortly before the leader adds up.

        The next one is left as it is: it may be due before now by the time that is known.
        """
        off = (self._clock.now() + AFTER_NEWS_S - self._due + PERIOD_S / 2) % PERIOD_S
        self._shift_s = max(-MOST_SHIFT_S, min(off - PERIOD_S / 2, MOST_SHIFT_S))

    async def _pause(self, is_over: Callable[[], bool]) -> None:
        self._due = self._clock.now() + PERIOD_S + self._shift_s
        self._shift_s = 0.0
        while self._clock.now() < self._due and not is_over():
            await self._clock.sleep(LOOK_S)


def _log_unread(_: str, failure: BaseException) -> None:
    log.error("report.reading_failed", exc_info=failure)
