"""What a routing table consists of: routes, endpoints, and how requests of a slice are divided.

Rules for this file: a row is immutable; a new field has a default, so that a table on disk and a
node or router of another release are still read; nothing here decides anything.
"""

from dataclasses import dataclass

from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.records import RoutePolicy
from aether.core.model.traffic import SplitRule, VersionWeight

BALANCES = ("round_robin", "least_pending", "random")
"""Ways to choose among the instances of a slice."""
INTERNAL = "internal"
"""`auth` of a route that only slices and routers of this cluster may use."""

RowKey = tuple[str, str, str]
"""Host, method and pattern of a route: no two rows of a table have the same."""


class RouteRow(RoutePolicy, frozen=True, kw_only=True):
    """One route: which slice answers it, and how."""

    method: str
    """Upper-case verb, or `*` for all verbs."""
    pattern: str
    slice: SliceBase

    @property
    def key(self) -> RowKey:
        """What tells this row from the others of its table."""
        return self.host, self.method, self.pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where one instance is reached: by `socket` on this node, else by `mesh`, its node's router."""

    instance: InstanceId
    slice: SliceBase
    node: NodeId
    socket: str = ""
    """Path of the host's Unix socket."""
    mesh: str = ""
    """`host:port` of the mesh listener of the instance's node."""
    zone: str = ""
    """Zone of its node, empty when that has none."""

    @property
    def key(self) -> InstanceId:
        """What tells this row from the others of its table."""
        return self.instance

    @property
    def address(self) -> str:
        """What a connection is opened to; instances of one remote node share it."""
        return self.socket or self.mesh


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicePolicy:
    """How the requests of one slice are divided among its instances."""

    slice: SliceBase
    balance: str = "round_robin"
    """One of `BALANCES`."""
    affinity: str = ""
    """`header:NAME`, `cookie:NAME` or `path:PARAMETER`: equal values go to the same instance."""
    weights: tuple[VersionWeight, ...] = ()
    """What each version gets; empty: each instance counts the same."""
    rules: tuple[SplitRule, ...] = ()
    """Looked at before the weights; the first that fits wins."""
    concurrency: int = 0
    """Requests in flight that one instance takes from one router; 0: no limit."""
    slow_start_s: float = 0.0
    """Seconds over which a new instance comes to its full share."""

    @property
    def key(self) -> SliceBase:
        """What tells this row from the others of its table."""
        return self.slice

    @property
    def affinity_key(self) -> tuple[str, str]:
        """Scheme (`header`, `cookie` or `path`) and name of the affinity; both empty without one."""
        scheme, _, name = self.affinity.partition(":")
        return scheme, name

    @property
    def is_default(self) -> bool:
        """Whether it says nothing that goes without saying."""
        return self == SlicePolicy(slice=self.slice)
