"""From the cluster as the store says it is to the table one node's router works with."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from aether.core.dataplane.match import PatternError, form_of
from aether.core.dataplane.soundness import is_host_port
from aether.core.dataplane.table import Endpoint, RouteRow, Table
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.lifecycle import Phase
from aether.core.model.records import Verdict
from aether.core.model.view import ClusterView, Placed

_Row = TypeVar("_Row", Endpoint, RouteRow)

_GONE = frozenset({Verdict.LOST, Verdict.DECOMMISSIONED})


def compile_table(view: ClusterView, node: NodeId) -> Table:
    """Return the table of `node`: every route, and every endpoint that serves on a live node.

    The same view always gives the same table, and a table that `check`s. A route whose pattern
    cannot be matched, or that another route already covers under other parameter names, is left
    out, as is an instance without an address; a slice without endpoints keeps its routes, so that
    its callers hear 503 and not 404.
    """
    return TableCompiler(node).compile(view)


class TableCompiler:
    """Compiles the table of one node again and again; what has not changed is not made anew.

    A table equals what `compile_table` makes of the same view. Views must share the mappings nothing
    has changed in, as those of a `Projector` do; routes and instances are then those of the table
    before, the very tuples, where they are equal.
    """

    def __init__(self, node: NodeId) -> None:
        self._node = node
        self._view = ClusterView()
        self._table = Table(revision=0, node=node)
        self._endpoints: dict[Placed, Endpoint] = {}

    def compile(self, view: ClusterView) -> Table:
        """Return the table of a view."""
        before, endpoints = self._view, self._endpoints
        routes, instances = self._table.routes, self._table.instances
        if view.routes is not before.routes:
            routes = _same(routes, tuple(_routes(view)))
        if not _same_places(view, before):
            endpoints = self._reached(view)
            instances = _same(instances, self._instances(endpoints))
        table = Table(revision=view.revision, node=self._node, routes=routes, instances=instances)
        # All at once: a view that could not be compiled must not count as compiled.
        self._view, self._endpoints, self._table = view, endpoints, table
        return table

    def _reached(self, view: ClusterView) -> dict[Placed, Endpoint]:
        """Return every endpoint that serves and has an address."""
        found = dict[Placed, Endpoint]()
        for placed in _serving(view):
            endpoint = _endpoint(view, placed, self._node, self._endpoints.get(placed))
            if endpoint is not None:
                found[placed] = endpoint
        return found

    def _instances(self, endpoints: Mapping[Placed, Endpoint]) -> tuple[Endpoint, ...]:
        """Return one endpoint of each instance; of two at the same moment this node's, or the last."""
        found: dict[InstanceId, Endpoint] = {}
        for placed, endpoint in endpoints.items():
            other = found.get(placed[1])
            if other is None or self._rank(other.node) < self._rank(endpoint.node):
                found[placed[1]] = endpoint
        return tuple([found[instance] for instance in sorted(found)])

    def _rank(self, home: NodeId) -> tuple[bool, NodeId]:
        return home == self._node, home


def _same(before: tuple[_Row, ...], now: tuple[_Row, ...]) -> tuple[_Row, ...]:
    return before if before == now else now


def _same_places(view: ClusterView, before: ClusterView) -> bool:
    return (
        view.phases is before.phases
        and view.nodes is before.nodes
        and view.verdicts is before.verdicts
    )


def _routes(view: ClusterView) -> Iterator[RouteRow]:
    taken: set[tuple[str, str]] = set()
    for (method, pattern), record in sorted(view.routes.items(), key=lambda item: item[0]):
        try:
            key = (method, form_of(pattern))
        except PatternError:
            continue
        sound = method and method == method.upper() and record.timeout_s > 0
        if key in taken or not sound or record.body_limit < 0:
            continue
        taken.add(key)
        yield RouteRow(
            method=method,
            pattern=pattern,
            slice=record.slice,
            timeout_s=record.timeout_s,
            body_limit=record.body_limit,
        )


def _serving(view: ClusterView) -> list[Placed]:
    """Return every instance that is ACTIVE in the present life of a node that is not gone."""
    lives = {
        node: record.incarnation for node, record in view.nodes.items() if not _is_gone(view, node)
    }
    return [
        placed
        for placed, phase in view.phases.items()
        if phase.state is Phase.ACTIVE and lives.get(placed[0]) == phase.incarnation
    ]


def _endpoint(
    view: ClusterView, placed: Placed, node: NodeId, before: Endpoint | None
) -> Endpoint | None:
    """Return how an instance is reached, `before` if still so; None when it has no address."""
    home, instance = placed
    if home == node:
        socket = view.phases[placed].socket
        if before is not None and before.socket == socket:
            return before
        if not socket.startswith("/"):
            return None
        return Endpoint(instance=instance, slice=instance.base, node=home, socket=socket)
    mesh = view.nodes[home].mesh
    if before is not None and before.mesh == mesh:
        return before
    if not is_host_port(mesh):
        return None
    return Endpoint(instance=instance, slice=instance.base, node=home, mesh=mesh)


def _is_gone(view: ClusterView, node: NodeId) -> bool:
    record = view.verdicts.get(node)
    return record is not None and record.verdict in _GONE
