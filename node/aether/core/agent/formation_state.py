"""What a node knows and hears while it looks for its cluster, as values.

Instants are seconds on the node's own monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from aether.core.model.ids import NodeId


@dataclass(frozen=True, slots=True, order=True)
class KnownNode:
    """A node and where it listens; addresses are `host:port`, empty when not known."""

    node: NodeId
    cluster_addr: str
    raft_addr: str
    worker: bool = False
    """Whether it never votes: no cluster is founded with it."""


@dataclass(frozen=True, slots=True)
class Formed:
    """A cluster that exists, and its members sorted by node."""

    cluster_id: str
    members: tuple[KnownNode, ...]
    term: int = 0
    """Raft term by which the node that is told had been admitted: it takes part in none before."""

    def has(self, node: NodeId) -> bool:
        """Whether `node` is a member."""
        return any(member.node == node for member in self.members)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A cluster that may come to exist; `members` are sorted, the founder first."""

    founder: NodeId
    cluster_id: str
    members: tuple[KnownNode, ...]

    def formed(self) -> Formed:
        """Return the cluster this becomes when everyone accepts."""
        return Formed(self.cluster_id, self.members)


@dataclass(frozen=True, slots=True)
class Announcement:
    """What nodes tell each other; `heard` are those the sender heard itself lately."""

    sender: KnownNode
    formed: Formed | None = None
    heard: tuple[KnownNode, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The receiver will be part of the proposed cluster, if it comes to exist."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiver will not take part, or does not believe the sender; `reason` is a sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Keep announcing; `reason` says what is missing."""

    reason: str


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask `members` to found a cluster with this node."""

    members: tuple[KnownNode, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """This node is a member of `formed`: start with it."""

    formed: Formed


@dataclass(frozen=True, slots=True)
class Join:
    """Ask a member of `formed` to be added."""

    formed: Formed


Step = Wait | Propose | Start | Join


def _nothing() -> Mapping[NodeId, float]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class FormationState:
    """All a node knows while it looks for its cluster."""

    me: KnownNode
    expect: int
    """How many nodes found a cluster; counts for the founder only."""
    joins_others: bool = False
    """Whether this node was told of others to join: then it never founds a cluster alone."""
    known: Mapping[NodeId, KnownNode] = field(default_factory=lambda: MappingProxyType({}))
    """Other nodes."""
    heard_at: Mapping[NodeId, float] = field(default_factory=_nothing)
    """When a node was heard itself."""
    told_at: Mapping[NodeId, float] = field(default_factory=_nothing)
    """When somebody who heard a node told of it."""
    promised: Proposal | None = None
    """The last founding accepted; survives restarts."""
    promised_until: float = 0.0
    proposing: Proposal | None = None
    """This node's own proposal while it collects acceptances."""
    proposing_until: float = 0.0
    formed: Formed | None = None
    """The cluster this node is in; never changes to another one."""
    found: Mapping[str, Formed] = field(default_factory=lambda: MappingProxyType({}))
    """Clusters heard of, by id."""
