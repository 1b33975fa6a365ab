"""The routing table: all a router knows, as one immutable value and as plain values on the wire."""

from dataclasses import dataclass, fields
from typing import Any

from aether.core.dataplane.differences import differing
from aether.core.dataplane.rows import Endpoint, RouteRow, SlicePolicy
from aether.core.dataplane.soundness import endpoint_problems, policy_problems, route_problems
from aether.core.model.ids import NodeId
from aether.core.model.records import from_plain as record_from_plain
from aether.core.model.records import to_plain as record_to_plain
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

    def says_the_same(self, other: "Table") -> bool:
        """Whether it differs from another table in its revision at most."""
        return (
            self.node == other.node
            and self.zone == other.zone
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


_ALWAYS = frozenset({"method", "pattern", "slice", "timeout_s", "body_limit"})
_SILENT: dict[type, dict[str, Any]] = {
    kind: {field.name: field.default for field in fields(kind) if field.name not in _ALWAYS}
    for kind in (RouteRow, Endpoint, SlicePolicy)
}
"""Fields that are left out of the plain form while they have their default, by class."""


def to_plain(table: Table) -> dict[str, Any]:
    """Return the table as in docs/wire.md: what goes without saying is left out."""
    plain: dict[str, Any] = {"revision": table.revision, "node": table.node}
    if table.zone:
        plain["zone"] = table.zone
    plain["routes"] = [row_to_plain(row) for row in table.routes]
    plain["instances"] = [row_to_plain(endpoint) for endpoint in table.instances]
    if table.policies:
        plain["policies"] = [row_to_plain(policy) for policy in table.policies]
    return plain


def row_to_plain(row: RouteRow | Endpoint | SlicePolicy) -> dict[str, Any]:
    """Return one row as plain values."""
    silent = _SILENT[type(row)]
    plain: dict[str, Any] = record_to_plain(row)
    return {
        name: value for name, value in plain.items() if name not in silent or value != silent[name]
    }


def from_plain(value: object) -> Table:
    """Read a table from plain values; raise ValueError when they are something else."""
    return record_from_plain(value, Table)
