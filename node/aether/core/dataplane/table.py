"""The routing table: all a router knows, as one immutable value and as plain values on the wire."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from aether.core.dataplane.match import PatternError, form_of
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.records import from_plain as record_from_plain


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRow:
    """One route: which slice answers it, and how."""

    method: str
    """Upper-case verb, or `*` for all verbs."""
    pattern: str
    slice: SliceBase
    timeout_s: float = 30.0
    """Longest silence before the answer begins, and within it, in seconds."""
    body_limit: int = 16 * 1024 * 1024
    """Largest request body, in bytes."""


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

    @property
    def address(self) -> str:
        """What a connection is opened to; instances of one remote node share it."""
        return self.socket or self.mesh


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Routes and endpoints as the node `node` sees them at one revision of the store."""

    revision: int
    node: NodeId
    routes: tuple[RouteRow, ...] = ()
    instances: tuple[Endpoint, ...] = ()

    def says_the_same(self, other: "Table") -> bool:
        """Whether it differs from another table in its revision at most."""
        return (
            self.node == other.node
            and self.routes == other.routes
            and self.instances == other.instances
        )

    def check(self) -> list[str]:
        """List what contradicts itself, one sentence each; empty for a table fit for use."""
        problems = [] if self.revision >= 0 else [f"revision {self.revision} is negative"]
        problems.extend(_check_routes(self.routes))
        problems.extend(_check_endpoints(self.instances, self.node))
        return problems


def to_plain(table: Table) -> dict[str, Any]:
    """Return the table as in docs/wire.md: an endpoint carries only the address it has."""
    return {
        "revision": table.revision,
        "node": table.node,
        "routes": [msgspec.to_builtins(row) for row in table.routes],
        "instances": [_endpoint_to_plain(endpoint) for endpoint in table.instances],
    }


def from_plain(value: object) -> Table:
    """Read a table from plain values; raise ValueError when they are something else."""
    return record_from_plain(value, Table)


def _endpoint_to_plain(endpoint: Endpoint) -> dict[str, str]:
    plain = {
        "instance": str(endpoint.instance),
        "slice": str(endpoint.slice),
        "node": str(endpoint.node),
    }
    if endpoint.socket:
        plain["socket"] = endpoint.socket
    if endpoint.mesh:
        plain["mesh"] = endpoint.mesh
    return plain


def _check_routes(routes: tuple[RouteRow, ...]) -> Iterator[str]:
    seen: dict[tuple[str, str], str] = {}
    for row in routes:
        name = f"route {row.method} {row.pattern}"
        try:
            form = form_of(row.pattern)
        except PatternError as problem:
            yield f"{name}: {problem}"
            continue
        if (row.method, form) in seen:
            yield f"{name} matches the same paths as {row.method} {seen[row.method, form]}"
        seen[row.method, form] = row.pattern
        if row.method != row.method.upper() or not row.method:
            yield f"{name}: {row.method!r} is not an upper-case verb or *"
        if not row.timeout_s > 0:
            yield f"{name}: timeout_s is {row.timeout_s}, it must be above 0"
        if row.body_limit < 0:
            yield f"{name}: body_limit is {row.body_limit}, it must not be negative"


def _check_endpoints(endpoints: tuple[Endpoint, ...], node: NodeId) -> Iterator[str]:
    seen: set[InstanceId] = set()
    for endpoint in endpoints:
        name = f"instance {endpoint.instance} on {endpoint.node}"
        if endpoint.instance in seen:
            yield f"{name} is listed twice"
        seen.add(endpoint.instance)
        if endpoint.instance.base != endpoint.slice:
            yield f"{name} is listed for slice {endpoint.slice}"
        problem = _check_address(endpoint, is_local=endpoint.node == node)
        if problem:
            yield f"{name} {problem}"


def _check_address(endpoint: Endpoint, *, is_local: bool) -> str:
    if bool(endpoint.socket) == bool(endpoint.mesh):
        return "needs either a socket or a mesh address"
    if is_local != bool(endpoint.socket):
        return "is local and has no socket" if is_local else "is remote and has no mesh address"
    if endpoint.mesh and not is_host_port(endpoint.mesh):
        return f"has the mesh address {endpoint.mesh!r}, which is not host:port"
    if endpoint.socket and not endpoint.socket.startswith("/"):
        return f"has the socket {endpoint.socket!r}, which is not an absolute path"
    return ""


def is_host_port(text: str) -> bool:
    """Whether `text` is `host:port` with a port between 1 and 65535."""
    host, colon, port = text.rpartition(":")
    digits = port.isascii() and port.isdigit() and len(port) <= 5
    return bool(host and colon and digits) and 0 < int(port) <= 65535
