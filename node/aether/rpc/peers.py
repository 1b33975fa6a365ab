"""Calls to other nodes, in the words of the core: forwarding, artifacts, copies and formation."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import grpc
import structlog

from aether.core.agent.formation_state import (
    Accepted,
    Announcement,
    Formed,
    KnownNode,
    Proposal,
    Refused,
)
from aether.core.model.ids import Artifact, NodeId
from aether.core.model.records import ArtifactRecord
from aether.errors import AetherError, DigestMismatch, TooLarge, Unavailable
from aether.ports import ApiRequest, ApiResponse
from aether.proto.v1 import cluster_pb2 as pb
from aether.rpc import settings, values
from aether.rpc.channels import Channels
from aether.rpc.status import from_rpc_error

_T = TypeVar("_T")

log = structlog.get_logger()


class ReportCall:
    """A stream of reports to one node, and of what that node makes of all of them."""

    def __init__(self, call: "grpc.aio.StreamStreamCall[pb.NodeReport, pb.ReportAnswer]") -> None:
        self._call = call

    def done(self) -> bool:
        """Whether the stream is over."""
        return self._call.done()

    async def write(self, request: pb.NodeReport, /) -> None:
        """Send one report; raises what gRPC raises when the stream is broken."""
        await self._call.write(request)

    async def read(self) -> bytes | None:
        """Return the next aggregate, None when no more come."""
        answer = await self._call.read()
        return answer.aggregate if isinstance(answer, pb.ReportAnswer) else None


class Peers:
    """The way to every other node.

    It is `ports.LeaderLink`, `ports.Replicator` and `ports.ArtifactSource` in one. `address_of`
    says where a node's cluster port is, None when it is not known; `nodes` lists all known nodes.
    """

    def __init__(
        self,
        self_node: NodeId,
        address_of: Callable[[NodeId], str | None],
        nodes: Callable[[], Sequence[NodeId]],
    ) -> None:
        self.self_node = self_node
        self.address_of = address_of
        self.nodes = nodes
        self._channels = Channels()

    async def close(self) -> None:
        """Close all connections."""
        await self._channels.close()

    async def announce(self, address: str, message: Announcement) -> Announcement:
        """Tell the node at `address` what this one knows; return what that one knows."""
        stub = await self._channels.stub(address)
        call = stub.Announce(
            values.announcement_to_wire(message), timeout=settings.FORMATION_CALL_S
        )
        return values.announcement_from_wire(await _done(call, f"announce to {address}"))

    async def found(self, address: str, proposal: Proposal) -> Accepted | Refused:
        """Ask the node at `address` to be part of a new cluster."""
        stub = await self._channels.stub(address)
        call = stub.Found(values.proposal_to_wire(proposal), timeout=settings.FOUND_CALL_S)
        return values.answer_from_wire(await _done(call, f"founding at {address}"))

    async def join(self, address: str, node: KnownNode) -> Formed:
        """Ask the node at `address` to make `node` a member of its cluster."""
        stub = await self._channels.stub(address)
        call = stub.Join(values.node_to_wire(node), timeout=settings.JOIN_CALL_S)
        answer = await _done(call, f"join through {address}", may_have_happened=True)
        return values.formed_from_wire(answer)

    async def forward(self, leader: NodeId, request: ApiRequest) -> ApiResponse:
        """Have the leader answer; see `ports.LeaderLink`.

        Raises OutcomeUnknown when the connection breaks after the request went out, TooLarge
        when the body is over the limit.
        """
        if len(request.body) > settings.MAX_BODY_BYTES:
            raise TooLarge(
                f"{request.method} {request.path} has a body of {len(request.body)} bytes, the "
                f"most that can be forwarded to the leader is {settings.MAX_BODY_BYTES}"
            )
        stub = await self._channels.stub(self._address(leader))
        call = stub.Forward(values.request_to_wire(request), timeout=settings.FORWARD_CALL_S)
        changes = request.method not in ("GET", "HEAD")
        what = f"{request.method} {request.path} at leader {leader}"
        return values.response_from_wire(await _done(call, what, may_have_happened=changes))

    async def fetch(self, artifact: Artifact, record: ArtifactRecord) -> bytes:
        """Return the wheel from a holder, or from any other node; see `ports.ArtifactSource`."""
        others = [node for node in self.nodes() if node not in record.holders]
        tried: list[str] = []
        for node in (*record.holders, *others):
            if node == self.self_node:
                continue
            try:
                return await self.fetch_from(node, record)
            except AetherError as problem:
                tried.append(f"{node}: {problem.message}")
                log.info(
                    "artifact.fetch_failed", artifact=artifact, node=node, problem=str(problem)
                )
        raise Unavailable(
            f"no node gave {artifact} ({record.digest[:12]}…): {'; '.join(tried) or 'none is known'}",
            fields={"artifact": str(artifact), "digest": record.digest},
        )

    async def fetch_from(self, node: NodeId, record: ArtifactRecord) -> bytes:
        """Return the bytes `node` holds; raise DigestMismatch when they are not the record's."""
        stub = await self._channels.stub(self._address(node))
        call = stub.FetchArtifact(
            pb.ArtifactDigest(digest=record.digest), timeout=settings.FETCH_CALL_S
        )
        wheel = bytearray()
        try:
            async for chunk in call:
                wheel += chunk.data
                if len(wheel) > record.size:
                    call.cancel()
                    raise DigestMismatch(
                        f"{node} sends more than the {record.size} bytes of {record.filename}"
                    )
        except grpc.aio.AioRpcError as problem:
            what = f"{record.filename} from {node}"
            raise from_rpc_error(problem, what, may_have_happened=False) from problem
        digest = hashlib.sha256(wheel).hexdigest()
        if digest != record.digest:
            raise DigestMismatch(
                f"{node} sent {record.filename} with SHA-256 {digest}, expected {record.digest}",
                fields={"node": node, "expected": record.digest, "actual": digest},
            )
        return bytes(wheel)

    async def replicate(
        self, artifact: Artifact, record: ArtifactRecord, copies: int
    ) -> tuple[NodeId, ...]:
        """Have up to `copies` other nodes fetch the artifact; see `ports.Replicator`."""
        waiting = [n for n in self.nodes() if n != self.self_node and n not in record.holders]
        stored: list[NodeId] = []

        async def fill_one_place() -> None:
            while waiting:
                node = waiting.pop(0)
                if await self._replicated(node, artifact, record):
                    stored.append(node)
                    return

        try:
            async with asyncio.timeout(settings.REPLICATE_CALL_S), asyncio.TaskGroup() as group:
                for _ in range(min(copies, len(waiting))):
                    group.create_task(fill_one_place())
        except TimeoutError:
            log.warning("artifact.replication_slow", artifact=artifact, stored=stored)
        return tuple(sorted(stored))

    async def _replicated(self, node: NodeId, artifact: Artifact, record: ArtifactRecord) -> bool:
        try:
            stub = await self._channels.stub(self._address(node))
            call = stub.Replicate(
                values.replicate_to_wire(artifact, record, self.self_node),
                timeout=settings.REPLICATE_CALL_S,
            )
            return (await _done(call, f"copy of {artifact} at {node}")).stored
        except AetherError as problem:
            log.warning("artifact.copy_failed", artifact=artifact, node=node, problem=str(problem))
            return False

    @asynccontextmanager
    async def report_stream(self, node: NodeId) -> AsyncIterator[ReportCall]:
        """Open a stream of reports to `node`; it is cut off when the block ends."""
        stub = await self._channels.stub(self._address(node))
        call = stub.Report(timeout=settings.REPORT_STREAM_S)
        try:
            yield ReportCall(call)
        finally:
            call.cancel()

    def _address(self, node: NodeId) -> str:
        address = self.address_of(node)
        if not address:
            raise Unavailable(f"the address of {node} is not known", fields={"node": node})
        return address


async def _done(call: Awaitable[_T], what: str, *, may_have_happened: bool = False) -> _T:
    """Return the answer of a call, or raise the error of ours its failure stands for."""
    try:
        return await call
    except grpc.aio.AioRpcError as problem:
        raise from_rpc_error(problem, what, may_have_happened=may_have_happened) from problem
