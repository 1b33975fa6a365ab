"""What the present table says about a request: forward it, and to whom, or answer it here."""

from collections.abc import Callable
from enum import Enum
from functools import cached_property
from typing import NamedTuple

import msgspec

from aether.core.dataplane.differences import differing
from aether.core.dataplane.edge import instance_of
from aether.core.dataplane.hosts import HostMatcher
from aether.core.dataplane.match import NotAllowed, parameter_of, split_path
from aether.core.dataplane.notices import notices
from aether.core.dataplane.route_counts import NO_ROUTE, call_key, route_key
from aether.core.dataplane.table import Endpoint, RouteRow, SlicePolicy, Table
from aether.core.model.ids import InstanceId, SliceBase
from aether.dataplane.heads import RequestHead
from aether.dataplane.problems import (
    Problem,
    bad_request,
    body_too_large,
    method_not_allowed,
    no_route,
    refused,
)

HEALTH_PATH = "/_aether/health"
CALL_TIMEOUT_S = 30.0
CALL_BODY_LIMIT = 16 * 1024 * 1024
"""Bounds of a call from slice to slice, which no route describes; the same as a route's defaults."""
NO_ROW = -1
"""`Forward.key` of a call, which has no row."""

_RESERVED = "_aether"


class Listener(Enum):
    """By which door a request came."""

    PUBLIC = "public"
    LOCAL = "local"
    MESH = "mesh"


class Forward(msgspec.Struct, frozen=True, gc=False):
    """The request goes to one of these endpoints. One object serves all requests of a route."""

    slice: SliceBase
    endpoints: tuple[Endpoint, ...]
    timeout_s: float
    body_limit: int
    row: RouteRow | None = None
    """The route, None for a call from slice to slice."""
    key: int = NO_ROW
    """Place of the route in the table in use."""
    policy: SlicePolicy | None = None
    """How the slice's requests are divided; None: by the defaults."""
    notices: bytes = b""
    """Header lines the route adds to its answers, each with its line end."""
    parameter: str = ""
    """Name of the path parameter that affinity goes by; empty when it goes by something else."""
    series: str = NO_ROUTE
    """What its requests are counted under."""

    def path_key(self, path: str) -> bytes:
        """Return the value of `parameter` in a path, empty when the route has no such parameter."""
        if self.row is None or not self.parameter:
            return b""
        return parameter_of(self.row.pattern, path, self.parameter).encode("utf-8", "replace")


class Health(msgspec.Struct, frozen=True):
    """The request asks how the router is."""


class _Route:
    """One row with its place in the table, as the matcher holds it."""

    __slots__ = ("host", "key", "method", "pattern", "row")

    def __init__(self, key: int, row: RouteRow) -> None:
        self.key = key
        self.row = row
        self.host = row.host
        self.method = row.method
        self.pattern = row.pattern


_Find = Callable[[RequestHead], _Route | NotAllowed | None]


class _Routes:
    """All routes of a table, indexed; shared by the tables that have the same."""

    def __init__(self, rows: tuple[RouteRow, ...]) -> None:
        self.rows = rows
        self._routes = [_Route(key, row) for key, row in enumerate(rows)]
        self.all: HostMatcher[_Route] = HostMatcher(self._routes)
        self._is_all_open = not any(row.auth for row in rows)
        self.of_slice: dict[SliceBase, list[int]] = {}
        for key, row in enumerate(rows):
            self.of_slice.setdefault(row.slice, []).append(key)

    def for_outside(self, head: RequestHead) -> _Route | NotAllowed | None:
        """Return what a client finds: it is not told of routes for the cluster alone.

        These still hide the less specific ones behind them, so that nobody else answers in their place.
        """
        found = self.all.find(head.method, head.path, head.host)
        if self._is_all_open or found is None:
            return found
        if isinstance(found, NotAllowed):
            return self._open.find(head.method, head.path, head.host)
        return None if found.row.auth else found

    @cached_property
    def _open(self) -> HostMatcher[_Route]:
        return HostMatcher([route for route in self._routes if not route.row.auth])


class _Index(NamedTuple):
    """What is kept of a table so that the next need not be indexed anew."""

    table: Table
    routes: _Routes
    by_slice: dict[SliceBase, tuple[Endpoint, ...]]
    forwards: list[Forward | None]
    """By place of the route; None where nobody has asked yet."""


class Routing:
    """One table, indexed; replaced as a whole when a newer one comes.

    `before` is the index of an earlier table: what has not changed since is taken from there.
    """

    def __init__(self, table: Table, before: "Routing | None" = None) -> None:
        self.table = table
        self._policies = {policy.slice: policy for policy in table.policies}
        self._local: dict[str, Endpoint] = {
            endpoint.instance: endpoint for endpoint in table.instances if endpoint.socket
        }
        known = _nothing(table) if before is None else before._index  # noqa: SLF001 - of its own class
        self._index: _Index = _indexed(table, known)
        self._routes, self._forwards = self._index.routes, self._index.forwards
        self._calls: dict[str, Forward] = {}
        self._hops: dict[tuple[str, int], Forward] = {}
        """By instance of this node and place of the route."""

    def endpoints(self, base: SliceBase) -> tuple[Endpoint, ...]:
        """Return where a slice's instances are."""
        return self._index.by_slice.get(base, ())

    def policy(self, base: SliceBase) -> SlicePolicy | None:
        """Return how a slice's requests are divided; None: by the defaults."""
        return self._policies.get(base)

    def decide(self, listener: Listener, head: RequestHead) -> Forward | Health | Problem:
        """Say what becomes of a request, by the headers its listener honours."""
        if listener is Listener.PUBLIC:
            choice = self._by_path(head, self._routes.for_outside)
        elif listener is Listener.MESH:
            choice = self._by_instance(head)
        elif b"x-aether-slice" in head.aether:
            choice = self._forward_call(head.aether[b"x-aether-slice"])
        elif head.path == HEALTH_PATH:
            return Health()
        else:
            choice = self._by_path(head, self._find)
        if isinstance(choice, Forward) and head.length > choice.body_limit:
            return body_too_large(choice.body_limit)
        return choice

    def _find(self, head: RequestHead) -> _Route | NotAllowed | None:
        return self._routes.all.find(head.method, head.path, head.host)

    def _by_path(self, head: RequestHead, find: _Find) -> Forward | Problem:
        if _is_reserved(head.path):
            return no_route(head.method, head.path)
        route = find(head)
        if route is None:
            return no_route(head.method, head.path)
        if isinstance(route, NotAllowed):
            return method_not_allowed(head.method, head.path, route.allow)
        forward = self._forwards[route.key]
        if forward is None:
            base = route.row.slice
            forward = self._forward(base, self.endpoints(base), route, notices(route.row))
            self._forwards[route.key] = forward
        return forward

    def _forward(
        self,
        base: SliceBase,
        endpoints: tuple[Endpoint, ...],
        route: _Route | None = None,
        lines: bytes = b"",
    ) -> Forward:
        policy = self._policies.get(base)
        scheme, name = policy.affinity_key if policy is not None else ("", "")
        return Forward(
            slice=base,
            endpoints=endpoints,
            timeout_s=CALL_TIMEOUT_S if route is None else route.row.timeout_s,
            body_limit=CALL_BODY_LIMIT if route is None else route.row.body_limit,
            row=None if route is None else route.row,
            key=NO_ROW if route is None else route.key,
            policy=policy,
            notices=lines,
            parameter=name if scheme == "path" else "",
            series=call_key(base)
            if route is None
            else route_key(route.method, route.host, route.pattern, base),
        )

    def _forward_call(self, base: str) -> Forward:
        forward = self._calls.get(base)
        if forward is None:
            slice_ = SliceBase(base)
            forward = self._forward(slice_, self.endpoints(slice_))
            if slice_ in self._index.by_slice:  # of names nobody has, there is no end
                self._calls[base] = forward
        return forward

    def _by_instance(self, head: RequestHead) -> Forward | Problem:
        """Hand to one instance of this node, under the bounds of its route or of a call.

        The router that asks has told the notices of the route already.
        """
        instance = head.aether.get(b"x-aether-instance", "")
        if not instance:
            return bad_request("The mesh takes requests with x-aether-instance only.")
        endpoint = self._local.get(instance) or self._local.get(instance_of(instance))
        if endpoint is None:
            return refused(_printable(instance), self.table.node)
        route = None if _is_reserved(head.path) else self._find(head)
        if not isinstance(route, _Route) or route.row.slice != endpoint.slice:
            route = None
        hop = (instance, NO_ROW if route is None else route.key)
        forward = self._hops.get(hop)
        if forward is None:
            self._hops[hop] = forward = self._forward(endpoint.slice, (endpoint,), route)
        return forward


def _nothing(table: Table) -> _Index:
    empty = Table(revision=0, node=table.node)
    return _Index(empty, _Routes(()), {}, [])


def _indexed(table: Table, before: _Index) -> _Index:
    """Return the index of a table, sharing what is as it was before."""
    moved = _slices(differing(before.table.instances, table.instances))
    by_slice = _by_slice(before.by_slice, moved, table.instances)
    if before.table.routes != table.routes:
        return _Index(table, _Routes(table.routes), by_slice, [None] * len(table.routes))
    forwards = before.forwards.copy()
    for base in [*moved, *_slices(differing(before.table.policies, table.policies))]:
        for key in before.routes.of_slice.get(base, ()):
            forwards[key] = None
    return _Index(table, before.routes, by_slice, forwards)


_Rows = tuple[Endpoint, ...] | tuple[SlicePolicy, ...]


def _slices(differences: tuple[_Rows, _Rows]) -> list[SliceBase]:
    """Return the slices of rows that are gone or have come, each once."""
    return list(dict.fromkeys([row.slice for rows in differences for row in rows]))


def _by_slice(
    before: dict[SliceBase, tuple[Endpoint, ...]],
    changed: list[SliceBase],
    instances: tuple[Endpoint, ...],
) -> dict[SliceBase, tuple[Endpoint, ...]]:
    """Return the endpoints of each slice: the very tuples there were for those not in `changed`."""
    if not changed:
        return before
    here: dict[SliceBase, list[Endpoint]] = {base: [] for base in changed}
    for endpoint in instances:
        some = here.get(endpoint.slice)
        if some is not None:
            some.append(endpoint)
    found = before | {base: tuple(some) for base, some in here.items()}
    return {base: some for base, some in found.items() if some}


def _is_reserved(path: str) -> bool:
    """Whether a piece of the path, however encoded, is `_aether`: hosts answer calls there."""
    if _RESERVED not in path and "%" not in path:
        return False
    return _RESERVED in split_path(path)


def _printable(instance: str) -> str:
    """Return the id when it is one, so that nothing else comes back in a header."""
    try:
        return InstanceId(instance)
    except ValueError:
        return "an unknown instance"
