"""From the cluster as the store says it is to the table one node's router works with."""

from collections.abc import Iterator

from aether.core.dataplane.match import PatternError, parse_pattern, shape
from aether.core.dataplane.table import Endpoint, RouteRow, Table, is_host_port
from aether.core.model.ids import NodeId
from aether.core.model.records import Verdict
from aether.core.model.view import ClusterView, Placed

_GONE = frozenset({Verdict.LOST, Verdict.DECOMMISSIONED})


def compile_table(view: ClusterView, node: NodeId) -> Table:
    """Return the table of `node`: every route, and every endpoint that serves on a live node.

    The same view always gives the same table, and a table that `check`s. A route whose pattern
    cannot be matched, or that another route already covers under other parameter names, is left
    out, as is an instance without an address; a slice without endpoints keeps its routes, so that
    its callers hear 503 and not 404.
    """
    endpoints = {endpoint.instance: endpoint for endpoint in _endpoints(view, node)}
    return Table(
        revision=view.revision,
        node=node,
        routes=tuple(_routes(view)),
        instances=tuple(endpoints[instance] for instance in sorted(endpoints)),
    )


def _routes(view: ClusterView) -> Iterator[RouteRow]:
    taken: set[tuple[str, str]] = set()
    for (method, pattern), record in sorted(view.routes.items(), key=lambda item: item[0]):
        try:
            key = (method, shape(parse_pattern(pattern)))
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


def _endpoints(view: ClusterView, node: NodeId) -> Iterator[Endpoint]:
    """Yield every endpoint; one that is served twice for a moment comes last from this node."""
    for placed in sorted(view.phases, key=lambda placed: (placed[0] == node, placed)):
        if not view.is_active(placed) or _is_gone(view, placed[0]):
            continue
        endpoint = _endpoint(view, placed, node)
        if endpoint is not None:
            yield endpoint


def _endpoint(view: ClusterView, placed: Placed, node: NodeId) -> Endpoint | None:
    home, instance = placed
    if home == node:
        socket = view.phases[placed].socket
        if not socket.startswith("/"):
            return None
        return Endpoint(instance=instance, slice=instance.base, node=home, socket=socket)
    mesh = view.nodes[home].mesh
    if not is_host_port(mesh):
        return None
    return Endpoint(instance=instance, slice=instance.base, node=home, mesh=mesh)


def _is_gone(view: ClusterView, node: NodeId) -> bool:
    record = view.verdicts.get(node)
    return record is not None and record.verdict in _GONE
