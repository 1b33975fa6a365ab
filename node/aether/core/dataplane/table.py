"""The routing table: all a router knows, as one immutable value and as plain values on the wire."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec

from aether.core.dataplane.differences import differing
from aether.core.dataplane.rows import Endpoint, RouteRow, SlicePolicy
from aether.core.dataplane.soundness import endpoint_problems, policy_problems, route_problems
from aether.core.model.ids import NodeId, write_id
from aether.core.model.records import from_plain as record_from_plain
from aether.core.model.traffic import SplitRule, VersionWeight

__all__ = [
    "Endpoint",
    "RouteRow",
    "SlicePolicy",
    "SplitRule",
    "Table",
    "VersionWeight",
    "from_plain",
    "to_plain",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Routes and endpoints as the node `node` sees them at one revision of the store."""

    revision: int
    node: NodeId
    routes: tuple[RouteRow, ...] = ()
    instances: tuple[Endpoint, ...] = ()
    zone: str = ""
    """Zone of the node, empty when it has none."""
    policies: tuple[SlicePolicy, ...] = ()
    """How requests are divided, of the slices that do not go by the defaults."""
    peers: tuple[NodeId, ...] = ()
    """All nodes of the cluster, sorted, this one included: whose routers may ask this one's. Empty
    when the table was made by a release that does not tell."""

    def says_the_same(self, other: "Table") -> bool:
        """Whether it differs from another table in its revision at most."""
        return (
            self.node == other.node
            and self.zone == other.zone
            and self.peers == other.peers
            and self.routes == other.routes
            and self.instances == other.instances
            and self.policies == other.policies
        )

    def check(self, known: "Table | None" = None) -> list[str]:
        """List what contradicts itself, one sentence each; empty for a table fit for use.

        Endpoints that are also in `known`, a table without contradictions, are looked at again only
        when there is a contradiction to be named.
        """
        problems = [] if self.revision >= 0 else [f"revision {self.revision} is negative"]
        if any(one >= other for one, other in pairwise(self.peers)):
            problems.append(f"peers are not sorted, or one is listed twice: {self.peers}")
        if known is None or known.node != self.node:
            known = Table(revision=0, node=self.node)
        if known.routes != self.routes:
            problems.extend(route_problems(self.routes))
        if known.policies != self.policies:
            problems.extend(policy_problems(self.policies))
        come = differing(known.instances, self.instances)[1]
        ids = {endpoint.instance for endpoint in self.instances}
        if len(ids) < len(self.instances) or any(endpoint_problems(come, self.node)):
            problems.extend(endpoint_problems(self.instances, self.node))
        return problems


def to_plain(table: Table) -> dict[str, Any]:
    """Return the table as in docs/wire.md."""
    plain: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(table, enc_hook=write_id))
    return plain


def from_plain(value: object) -> Table:
    """Read a table from plain values; raise ValueError when they are something else.

    A field that is left out has its default, and one that is not known is passed over.
    """
    return record_from_plain(value, Table)
