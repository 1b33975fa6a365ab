"""What a node answers to its peers, in the words of the core; the server speaks protobuf for it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

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
from aether.ports import ApiRequest, ApiResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """What a node tells the leader about itself each second."""

    node: NodeId
    incarnation: str
    in_flight: int = 0
    """Requests its hosts are answering."""
    instances: int = 0
    """Instances it hosts."""
    table_revision: int = 0
    """Store revision of the routing table it uses."""
    sample: bytes = b""
    """What it measured (`core.metrics.samples`); empty where nothing is measured."""


class FormationHandlers(Protocol):
    """The part of the service that makes and grows a cluster; `Formation` is one."""

    async def announce(self, message: Announcement) -> Announcement:
        """Take in what a peer knows and answer what this node knows.

        Raises Conflict when the peer uses an id that is taken.
        """
        ...

    async def found(self, proposal: Proposal) -> Accepted | Refused:
        """Accept or refuse to be part of a new cluster."""
        ...

    async def join(self, node: KnownNode) -> Formed:
        """Make `node` a member and return the cluster it is now in.

        Raises Unavailable while this node is in no cluster, Conflict when the id is taken by a
        live node.
        """
        ...


class NodeHandlers(Protocol):
    """The part of the service a node answers once it is in a cluster.

    Any of these may raise an `aether.errors` error; the caller gets it as the same error.
    """

    async def forward(self, request: ApiRequest) -> ApiResponse:
        """Answer a management call that another node's client made."""
        ...

    async def report(self, report: NodeReport) -> None:
        """Take in a peer's report; raise NotLeader to have it turn to the leader."""
        ...

    def aggregates(self) -> AsyncIterator[bytes]:
        """Return what this node makes of all reports, each second's as it comes, for as long as it leads."""
        ...

    def artifact_chunks(self, digest: str) -> AsyncIterator[bytes]:
        """Return the bytes of a wheel held here; raise NotFound when it is not."""
        ...

    async def replicate(self, artifact: Artifact, record: ArtifactRecord, source: NodeId) -> bool:
        """Fetch an artifact from `source` and keep it; return whether it is held now."""
        ...


class ClusterHandlers(FormationHandlers, NodeHandlers, Protocol):
    """Everything a node answers to its peers."""
