"""What the present table says about a request: forward it, and to whom, or answer it here."""

from enum import Enum

import msgspec

from aether.core.dataplane.match import Matcher, NotAllowed, split_path
from aether.core.dataplane.table import Endpoint, RouteRow, Table
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

_RESERVED = "_aether"


class Listener(Enum):
    """By which door a request came."""

    PUBLIC = "public"
    LOCAL = "local"
    MESH = "mesh"


class Forward(msgspec.Struct, frozen=True, gc=False):
    """The request goes to one of these endpoints."""

    slice: SliceBase
    endpoints: tuple[Endpoint, ...]
    timeout_s: float
    body_limit: int


class Health(msgspec.Struct, frozen=True):
    """The request asks how the router is."""


class Routing:
    """One table, indexed; replaced as a whole when a newer one comes."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._matcher: Matcher[RouteRow] = Matcher(table.routes)
        by_slice: dict[str, list[Endpoint]] = {}
        for endpoint in table.instances:
            by_slice.setdefault(endpoint.slice, []).append(endpoint)
        self._by_slice = {base: tuple(endpoints) for base, endpoints in by_slice.items()}
        self._local: dict[str, Endpoint] = {
            endpoint.instance: endpoint for endpoint in table.instances if endpoint.socket
        }

    def endpoints(self, base: SliceBase) -> tuple[Endpoint, ...]:
        """Return where a slice's instances are."""
        return self._by_slice.get(base, ())

    def decide(self, listener: Listener, head: RequestHead) -> Forward | Health | Problem:
        """Say what becomes of a request, by the headers its listener honours."""
        if listener is Listener.MESH:
            choice = self._by_instance(head)
        elif listener is Listener.LOCAL and b"x-aether-slice" in head.aether:
            choice = self._forward_call(head.aether[b"x-aether-slice"])
        elif listener is Listener.LOCAL and head.path == HEALTH_PATH:
            return Health()
        else:
            choice = self._by_path(head)
        if isinstance(choice, Forward) and head.length > choice.body_limit:
            return body_too_large(choice.body_limit)
        return choice

    def _by_path(self, head: RequestHead) -> Forward | Problem:
        if _is_reserved(head.path):
            return no_route(head.method, head.path)
        row = self._matcher.find(head.method, head.path)
        if row is None:
            return no_route(head.method, head.path)
        if isinstance(row, NotAllowed):
            return method_not_allowed(head.method, head.path, row.allow)
        return Forward(row.slice, self.endpoints(row.slice), row.timeout_s, row.body_limit)

    def _forward_call(self, base: str) -> Forward:
        slice_ = SliceBase(base)
        return Forward(slice_, self.endpoints(slice_), CALL_TIMEOUT_S, CALL_BODY_LIMIT)

    def _by_instance(self, head: RequestHead) -> Forward | Problem:
        """Hand to one instance of this node, under the bounds of its route or of a call."""
        instance = head.aether.get(b"x-aether-instance", "")
        if not instance:
            return bad_request("The mesh takes requests with x-aether-instance only.")
        endpoint = self._local.get(instance)
        if endpoint is None:
            return refused(_printable(instance), self.table.node)
        row = None
        if not _is_reserved(head.path):
            row = self._matcher.find(head.method, head.path)
        if not isinstance(row, RouteRow) or row.slice != endpoint.slice:
            return Forward(endpoint.slice, (endpoint,), CALL_TIMEOUT_S, CALL_BODY_LIMIT)
        return Forward(endpoint.slice, (endpoint,), row.timeout_s, row.body_limit)


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
