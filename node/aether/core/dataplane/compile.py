"""From the cluster as the store says it is to the table one node's router works with."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import NamedTuple, TypeVar

from aether.core.dataplane.match import PatternError, form_of
from aether.core.dataplane.policies import compile_policies
from aether.core.dataplane.rows import Endpoint, RouteRow, SlicePolicy
from aether.core.dataplane.soundness import is_host_port, row_problems
from aether.core.dataplane.table import Table
from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.records import NodeRecord, RoutePolicy, RouteRecord, Verdict
from aether.core.model.slice_view import Copy, SliceView
from aether.core.model.view import ClusterView

_Row = TypeVar("_Row", Endpoint, RouteRow, SlicePolicy)

ZONE_LABEL = "zone"
"""Label of a node that names its zone, as in placement."""

_GONE = frozenset({Verdict.LOST, Verdict.DECOMMISSIONED})


def compile_table(view: ClusterView, node: NodeId) -> Table:
    """Return the table of `node`: every route, and every endpoint that serves on a live node.

    The same view always gives the same table, and a table that `check`s. A route whose pattern
    cannot be matched, or that another route already covers under other parameter names, is left
    out, as is an instance without an address; a slice without endpoints keeps its routes, so that
    its callers hear 503 and not 404. A slice whose policy cannot be kept goes by the defaults.
    """
    return TableCompiler(node).compile(view)


class _Compiled(NamedTuple):
    """A view and what was made of it."""

    view: ClusterView
    table: Table
    slices: Mapping[SliceBase, tuple[SliceView, tuple[Endpoint, ...]]]
    """Each slice as it was seen, and its endpoints."""


class TableCompiler:
    """Compiles the table of one node again and again; what has not changed is not made anew.

    A table equals what `compile_table` makes of the same view. Views must share the mappings and the
    slices nothing has changed in, as those of a `Projector` do; rows are then those of the table
    before, the very objects, where they are equal, and so are tuples of rows.
    """

    def __init__(self, node: NodeId) -> None:
        self._node = node
        self._last = _Compiled(ClusterView(), Table(revision=0, node=node), {})

    def compile(self, view: ClusterView) -> Table:
        """Return the table of a view."""
        before, table, slices = self._last
        routes, instances, policies = table.routes, table.instances, table.policies
        peers = table.peers
        if view.nodes is not before.nodes or view.unreadable is not before.unreadable:
            peers = _peers(view)
        if view.routes is not before.routes:
            routes = _shared(routes, _routes(view.routes))
        if view.targets is not before.targets or view.traffic is not before.traffic:
            policies = _shared(policies, compile_policies(view.targets, view.traffic))
        if not _same_places(view, before):
            slices = self._reached(view, slices)
            instances = _same(instances, tuple(chain(*[slices[base][1] for base in slices])))
        table = Table(
            revision=view.revision,
            node=self._node,
            zone=_zone(view.nodes.get(self._node)),
            routes=routes,
            instances=instances,
            policies=policies,
            peers=peers,
        )
        # All at once: a view that could not be compiled must not count as compiled.
        self._last = _Compiled(view, table, slices)
        return table

    def _reached(
        self,
        view: ClusterView,
        before: Mapping[SliceBase, tuple[SliceView, tuple[Endpoint, ...]]],
    ) -> dict[SliceBase, tuple[SliceView, tuple[Endpoint, ...]]]:
        """Return the endpoints of every slice, in the order of their instances' names."""
        found = {}
        for base, now in sorted(view.slices().items(), key=_before_its_instances):
            was = before.get(base)
            if was is None:
                found[base] = now, self._endpoints(now)
            elif was[0] is now:
                found[base] = was
            else:
                found[base] = now, _shared(was[1], self._endpoints(now))
        return found

    def _endpoints(self, one: SliceView) -> tuple[Endpoint, ...]:
        """Return one endpoint of each instance; of two at the same moment this node's, or the last."""
        found: dict[InstanceId, Endpoint] = {}
        for copy in one.copies:
            endpoint = _endpoint(copy, self._node)
            if endpoint is not None:
                other = found.get(endpoint.instance)
                if other is None or self._rank(other.node) < self._rank(endpoint.node):
                    found[endpoint.instance] = endpoint
        return tuple([found[instance] for instance in sorted(found)])

    def _rank(self, home: NodeId) -> tuple[bool, NodeId]:
        return home == self._node, home


def _before_its_instances(item: tuple[SliceBase, SliceView]) -> str:
    """Sort slices as the names of their instances sort, which go on with a colon."""
    return f"{item[0]}:"


def _same_places(view: ClusterView, before: ClusterView) -> bool:
    return (
        view.phases is before.phases
        and view.nodes is before.nodes
        and view.verdicts is before.verdicts
    )


def _shared(before: tuple[_Row, ...], now: Iterable[_Row]) -> tuple[_Row, ...]:
    """Return the rows of `now`, those of before where they are equal."""
    known = {row.key: row for row in before}
    rows = []
    for row in now:
        other = known.get(row.key)
        rows.append(other if other == row and other is not None else row)
    return _same(before, tuple(rows))


def _same(before: tuple[_Row, ...], now: tuple[_Row, ...]) -> tuple[_Row, ...]:
    return before if before == now else now


def _endpoint(copy: Copy, node: NodeId) -> Endpoint | None:
    """Return how an instance is reached; None when it does not serve or has no address."""
    home, instance = copy.placed
    if not copy.is_active or copy.phase is None or copy.node is None:
        return None
    if copy.verdict is not None and copy.verdict.verdict in _GONE:
        return None
    zone = _zone(copy.node)
    if home == node:
        socket = copy.phase.socket
        if not socket.startswith("/"):
            return None
        return Endpoint(instance=instance, slice=instance.base, node=home, socket=socket, zone=zone)
    mesh = copy.node.mesh
    if not is_host_port(mesh):
        return None
    return Endpoint(instance=instance, slice=instance.base, node=home, mesh=mesh, zone=zone)


def _peers(view: ClusterView) -> tuple[NodeId, ...]:
    """Return the nodes that have a record, be it one of a release that writes others than ours."""
    unread = [key for key in view.unreadable if key.startswith(keys.NODES)]
    return tuple(sorted({*view.nodes, *[NodeId(key.removeprefix(keys.NODES)) for key in unread]}))


def _zone(record: NodeRecord | None) -> str:
    return record.labels.get(ZONE_LABEL, "") if record is not None else ""


def _routes(records: Mapping[tuple[str, str], RouteRecord]) -> Iterator[RouteRow]:
    """Yield a row for each sound route, in the order of their keys."""
    taken: set[tuple[str, str, str]] = set()
    for row in sorted(map(_row, records.items()), key=lambda row: row.key):
        try:
            key = (row.host, row.method, form_of(row.pattern))
        except PatternError:
            continue
        if key not in taken and not any(row_problems(row)):
            taken.add(key)
            yield row


def _row(item: tuple[tuple[str, str], RouteRecord]) -> RouteRow:
    (method, place), record = item
    host, pattern = keys.split_place(place)
    policy = {name: getattr(record, name) for name in RoutePolicy.__struct_fields__}
    return RouteRow(**{**policy, "host": host}, method=method, pattern=pattern, slice=record.slice)
