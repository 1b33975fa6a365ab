"""What the leader measured and how it is set: inputs of `reconcile` that are never stored.

Instants are seconds on the leader's monotonic clock, less the time in which its process stood still.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.reason import Reason
from aether.core.model.view import Placed

_MOST_DOUBLINGS = 32
"""Enough for the longest wait of any settings: 0.1 s, the shortest first one, becomes 13 years."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The last report of a node: from which of its lives, and when it came."""

    incarnation: str
    at: float


@dataclass(frozen=True, slots=True)
class Restless:
    """An instance whose node begins life after life before it has served for a while."""

    lives: int
    """How many lives its node has begun."""
    since: float
    """When the first of them was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleWish:
    """How many instances of a slice its load calls for, as the scaling loop decided."""

    instances: int
    based_on: int
    """Revision of the target it was decided on: of another one it says nothing."""
    generation: int
    """Generation of that target: a plan that takes in a newer one leaves the wish alone."""
    because: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeWish:
    """What load asks of the number of nodes; never beyond the topology's most."""

    more: int = 0
    """Nodes wanted beyond those the operator wants."""
    because: str = ""
    """Why the last of them was asked for, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Everything measured since this leader's reign began."""

    reign_began: float
    leader: NodeId | None = None
    """The node that measured; None where nothing was: in a rehearsal."""
    voters: frozenset[NodeId] | None = None
    """Who votes in the store as the leader knows; None where that is not known."""
    heard: Mapping[NodeId, Heard] = field(default_factory=lambda: MappingProxyType({}))
    registered: Mapping[NodeId, float] = field(default_factory=lambda: MappingProxyType({}))
    """When the present life of each node was first seen in the store."""
    since: Mapping[Placed, float] = field(default_factory=lambda: MappingProxyType({}))
    """When each instance was first seen with its present wish and phase; phases without a wish too."""
    restless: Mapping[Placed, Restless] = field(default_factory=lambda: MappingProxyType({}))
    """Instances whose node has begun a life since they were last steady."""
    slice_down_since: Mapping[SliceBase, float] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Since when a slice that is wanted or required has had no ACTIVE instance; absent while it has."""
    provision_since: Mapping[NodeId, float] = field(default_factory=lambda: MappingProxyType({}))
    """When each provision record was first seen as it is."""
    calm_since: float = float("inf")
    """Since when `reconcile` has had nothing to do; infinity while it has."""
    scale: Mapping[SliceBase, ScaleWish] = field(default_factory=lambda: MappingProxyType({}))
    """What load calls for, by slice; empty where nobody measures it."""
    nodes_wish: NodeWish = field(default_factory=NodeWish)
    """What load asks of the number of nodes."""

    def last_sign(self, node: NodeId) -> float:
        """Return when the node last showed that it lives: it reported, or registered a new life.

        Not before the reign began: a new leader gives everybody a full period.
        """
        heard = self.heard.get(node)
        reported = heard.at if heard is not None else self.reign_began
        return max(self.reign_began, reported, self.registered.get(node, self.reign_began))

    def in_state_for(self, placed: Placed, now: float) -> float:
        """Seconds the instance has been seen with its present wish and phase."""
        return now - self.since.get(placed, now)

    def slice_down_for(self, base: SliceBase, now: float) -> float:
        """Seconds the slice has been seen without an ACTIVE instance; 0 when never looked at."""
        return now - self.slice_down_since.get(base, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """How the leader works; seconds unless said otherwise."""

    suspect_after_s: float = 2.0
    """Silence before a node gets no new instances."""
    lost_after_s: float = 5.0
    """Silence before a node's instances are placed anew."""
    settle_s: float = 3.0
    """Calm before instances are moved to spread them better."""
    tries_per_node: int = 5
    """Transient failures in a row before another node is taken (DESIGN §5)."""
    backoff_first_s: float = 1.0
    backoff_most_s: float = 30.0
    proven_after_s: float = 60.0
    """Time ACTIVE after which earlier failures on that node are forgiven."""
    forgive_after_s: float = 600.0
    """Time ACTIVE after which nodes that gave the slice up may be tried again."""
    dependency_grace_s: float = 5.0
    """Time a required slice may be without an ACTIVE instance before its dependents are parked."""
    provision_timeout_s: float = 60.0
    """Time a node that is being started has to come on duty before that counts as a failure."""
    provision_tries: int = 5
    """Failures in a row before a node that is to be started is given up."""
    has_provider: bool = False
    """Whether this node can ask a NodeProvider for nodes."""
    provision_forgive_s: float = 300.0
    """Time after which a node given up is asked for anew."""

    def backoff_s(self, attempt: int) -> float:
        """Wait before try number `attempt` + 1: 1, 2, 4 … 30 s."""
        doubled = 2.0 ** min(attempt, _MOST_DOUBLINGS)
        return min(self.backoff_most_s, self.backoff_first_s * doubled)
