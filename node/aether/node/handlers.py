"""What this node answers to its peers: each call handed to the part that knows."""

from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from aether.api.service import Api
from aether.artifacts.repository import Repository
from aether.control.manager import ClusterDeploymentManager
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
from aether.errors import AetherError, NotLeader, Unavailable
from aether.ports import ApiRequest, ApiResponse, Store
from aether.rpc.formation import Formation
from aether.rpc.handlers import NodeReport
from aether.telemetry.cluster_metrics import ClusterMetrics

_log = structlog.get_logger()

_CHUNK_BYTES = 256 * 1024

FetchFrom = Callable[[NodeId, ArtifactRecord], Awaitable[bytes]]


class PeerHandlers:
    """`rpc.handlers.ClusterHandlers`: formation at once, the rest when the node has started."""

    def __init__(
        self,
        node: NodeId,
        formation: Formation,
        repository: Repository,
        fetch_from: FetchFrom,
    ) -> None:
        self._node = node
        self._formation = formation
        self._repository = repository
        self._fetch_from = fetch_from
        self._api: Api | None = None
        self._store: Store | None = None
        self._control: ClusterDeploymentManager | None = None
        self._metrics: ClusterMetrics | None = None

    def serve(
        self, api: Api, store: Store, control: ClusterDeploymentManager, metrics: ClusterMetrics
    ) -> None:
        """Answer everything from now on."""
        self._api, self._store, self._control, self._metrics = api, store, control, metrics

    async def announce(self, message: Announcement) -> Announcement:
        """Exchange what is known of nodes and clusters."""
        return await self._formation.announce(message)

    async def found(self, proposal: Proposal) -> Accepted | Refused:
        """Accept or refuse to be part of a new cluster."""
        return await self._formation.found(proposal)

    async def join(self, node: KnownNode) -> Formed:
        """Admit a node."""
        return await self._formation.join(node)

    async def forward(self, request: ApiRequest) -> ApiResponse:
        """Answer a management call that reached another node first."""
        if self._api is None:
            raise Unavailable("this node is still starting")
        return await self._api.handle(request)

    async def report(self, report: NodeReport) -> None:
        """Take a report when this node leads."""
        if self._store is None or self._control is None:
            raise Unavailable("this node is still starting")
        leader = self._store.leader
        if leader != self._node:
            raise NotLeader(f"{self._node} does not lead; ask {leader or 'again later'}")
        self._control.hear(report.node, report.incarnation)
        if self._metrics is not None:
            await self._metrics.hear(report.sample)

    async def aggregates(self) -> AsyncIterator[bytes]:
        """Yield what this node makes of all samples, while it leads."""
        if self._metrics is not None:
            async for packed in self._metrics.aggregates():
                yield packed

    async def artifact_chunks(self, digest: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a wheel held here, checked once more as they leave."""
        wheel = self._repository.get(digest)
        for start in range(0, len(wheel), _CHUNK_BYTES):
            yield wheel[start : start + _CHUNK_BYTES]

    async def replicate(self, artifact: Artifact, record: ArtifactRecord, source: NodeId) -> bool:
        """Fetch an artifact from `source` and keep it."""
        if not self._repository.has(record.digest):
            try:
                self._repository.put(await self._fetch_from(source, record), record.digest)
            except AetherError as problem:
                _log.warning("no copy made", artifact=artifact, source=source, error=str(problem))
                return False
        return True
