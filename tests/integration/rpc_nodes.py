"""Nodes on loopback for the tests of the cluster service: real servers, a small control part."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aether.core.agent.formation_state import (
    Accepted,
    Announcement,
    Formed,
    KnownNode,
    Proposal,
    Refused,
)
from aether.core.model.ids import Artifact, NodeId
from aether.core.model.records import ArtifactRecord, Manifest
from aether.errors import NotFound
from aether.ports import ApiRequest, ApiResponse, Member, MemberStatus
from aether.rpc.formation import Formation, FormationConfig, Membership
from aether.rpc.handlers import NodeReport
from aether.rpc.peers import Peers
from aether.rpc.server import ClusterServer

LOOK_S = 0.02


class RealClock:
    """Monotonic time of this machine."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FakeConsensus:
    """Membership shared by all nodes of one test cluster; changes apply at once."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.by_node = {member.node: member for member in members}
        self.changes: list[str] = []
        self.term = 1

    @property
    def members(self) -> Sequence[Member]:
        return [self.by_node[node] for node in sorted(self.by_node)]

    @property
    def leader(self) -> NodeId | None:
        return min(self.by_node)

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError

    async def propose(self, command: bytes, timeout_s: float) -> bytes:
        raise NotImplementedError

    async def barrier(self, timeout_s: float) -> None:
        raise NotImplementedError

    async def add_member(self, member: Member, timeout_s: float) -> None:
        self.changes.append(f"+{member.node}")
        self.by_node[member.node] = member

    async def remove_member(self, node: NodeId, timeout_s: float) -> None:
        self.changes.append(f"-{node}")
        self.by_node.pop(node, None)

    async def transfer_leadership(self, node: NodeId | None, timeout_s: float) -> NodeId:
        raise NotImplementedError

    async def status(self) -> MemberStatus:
        raise NotImplementedError


class RpcNode:
    """A node's RPC half: server, peers, formation and an artifact shelf."""

    def __init__(self, name: str, data_dir: Path) -> None:
        self.name = NodeId(name)
        self.data_dir = data_dir / name
        self.addresses: dict[NodeId, str] = {}
        self.peers = Peers(self.name, self.addresses.get, lambda: sorted(self.addresses))
        self.server = ClusterServer("127.0.0.1", 0, self)
        self.formation: Formation | None = None
        self.shelf: dict[str, bytes] = {}
        self.reports: list[NodeReport] = []
        self.shares: list[bytes] = []
        self.answer: Callable[[ApiRequest], ApiResponse] = lambda request: ApiResponse(
            status=200, headers={"x-by": self.name}, body=request.body
        )
        self.refuse_reports_with: Exception | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    @property
    def me(self) -> KnownNode:
        return KnownNode(self.name, self.address, f"127.0.0.1:{self.server.port + 1}")

    async def start(self, port: int = 0) -> "RpcNode":
        self.server = ClusterServer("127.0.0.1", port, self)
        await self.server.start()
        return self

    async def stop(self) -> None:
        await self.server.stop(0)
        await self.peers.close()

    async def form(self, join: Sequence[str], expect: int, *, lost: bool = False) -> Membership:
        config = FormationConfig(
            me=self.me, expect=expect, join=tuple(join), data_dir=self.data_dir, lost=lost
        )
        self.formation = Formation(config, self.peers, RealClock())
        async with asyncio.timeout(30):
            membership = await self.formation.form()
        self.addresses.update(membership.node_addresses)
        return membership

    def _formation(self) -> Formation:
        if self.formation is None:
            raise NotFound("no formation yet")
        return self.formation

    async def announce(self, message: Announcement) -> Announcement:
        return await self._formation().announce(message)

    async def found(self, proposal: Proposal) -> Accepted | Refused:
        return await self._formation().found(proposal)

    async def join(self, node: KnownNode) -> Formed:
        return await self._formation().join(node)

    async def forward(self, request: ApiRequest) -> ApiResponse:
        return self.answer(request)

    async def report(self, report: NodeReport) -> None:
        if self.refuse_reports_with is not None:
            raise self.refuse_reports_with
        self.reports.append(report)

    async def aggregates(self) -> AsyncIterator[bytes]:
        for packed in self.shares:
            yield packed

    async def artifact_chunks(self, digest: str) -> AsyncIterator[bytes]:
        if digest not in self.shelf:
            raise NotFound(f"{self.name} does not hold {digest}", fields={"digest": digest})
        yield self.shelf[digest]

    async def replicate(self, artifact: Artifact, record: ArtifactRecord, source: NodeId) -> bool:
        self.shelf[record.digest] = await self.peers.fetch_from(source, record)
        return True


def wheel_record(wheel: bytes, holders: Sequence[NodeId]) -> tuple[Artifact, ArtifactRecord]:
    """Return coordinates and record under which `wheel` could be stored."""
    artifact = Artifact("org.example:links:1.0.0")
    record = ArtifactRecord(
        digest=hashlib.sha256(wheel).hexdigest(),
        size=len(wheel),
        filename="links-1.0.0-py3-none-any.whl",
        holders=tuple(holders),
        manifest=Manifest(artifact=artifact, entry="links:Links", kind="slice"),
    )
    return artifact, record


@asynccontextmanager
async def nodes(tmp_path: Path, count: int) -> AsyncIterator[list[RpcNode]]:
    started = [await RpcNode(f"node-{i + 1}", tmp_path).start() for i in range(count)]
    for node in started:
        node.addresses.update({other.name: other.address for other in started})
    try:
        yield started
    finally:
        for node in started:
            await node.stop()


def get(path: str = "/api/v1/status") -> ApiRequest:
    return ApiRequest(method="GET", path=path, headers={"x-request-id": "r1"})


def post(body: bytes = b"{}") -> ApiRequest:
    return ApiRequest(method="POST", path="/api/v1/blueprints", body=body)


async def eventually(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait until `condition` holds; fail when it does not in time."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - conditions of many kinds, none with an event
            await asyncio.sleep(LOOK_S)
