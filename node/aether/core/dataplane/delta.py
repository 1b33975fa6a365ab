"""What turns one routing table into a later one of the same node, and how it is written.

A delta names the revision it begins at. Applied to another table than it was made for it gives one
with another fingerprint than its sender says, and is then not used.
"""

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeVar

from aether.core.dataplane.differences import differing
from aether.core.dataplane.rows import Endpoint, RouteRow, RowKey, SlicePolicy
from aether.core.dataplane.table import Table
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.records import from_plain as record_from_plain
from aether.core.model.records import to_plain as record_to_plain

_Row = TypeVar("_Row", RouteRow, Endpoint, SlicePolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Some rows of a table."""

    routes: tuple[RouteRow, ...] = ()
    instances: tuple[Endpoint, ...] = ()
    policies: tuple[SlicePolicy, ...] = ()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.routes) + len(self.instances) + len(self.policies)

    def all(self) -> tuple[RouteRow | Endpoint | SlicePolicy, ...]:
        """Return them in one."""
        return (*self.routes, *self.instances, *self.policies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Names of rows."""

    routes: tuple[RowKey, ...] = ()
    instances: tuple[InstanceId, ...] = ()
    policies: tuple[SliceBase, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """From the table at revision `base` to the one at `revision`."""

    base: int
    revision: int
    zone: str = ""
    """Zone of the node after it."""
    peers: tuple[NodeId, ...] | None = None
    """All nodes of the cluster after it; None: as before."""
    put: Rows = Rows()
    """Rows that are new or have changed."""
    drop: Keys = Keys()
    """Rows that are no longer there."""


def between(before: Table, after: Table) -> tuple[Rows, Rows]:
    """Return the rows that are gone and those that have come; one that changed is among both."""
    routes = differing(before.routes, after.routes)
    instances = differing(before.instances, after.instances)
    policies = differing(before.policies, after.policies)
    gone, come = zip(routes, instances, policies, strict=True)
    return _rows(gone), _rows(come)


def _rows(parts: tuple[Any, Any, Any]) -> Rows:
    return Rows(routes=parts[0], instances=parts[1], policies=parts[2])


def delta_of(before: Table, after: Table, gone: Rows, come: Rows) -> Delta:
    """Return the delta between two tables of one node, given what is `between` them."""
    return Delta(
        base=before.revision,
        revision=after.revision,
        zone=after.zone,
        peers=None if after.peers == before.peers else after.peers,
        put=come,
        drop=Keys(
            routes=_left(gone.routes, come.routes, _BY_KEY),
            instances=_left(gone.instances, come.instances, _BY_INSTANCE),
            policies=_left(gone.policies, come.policies, _BY_SLICE),
        ),
    )


_BY_KEY: Callable[[RouteRow], RowKey] = attrgetter("key")
_BY_INSTANCE: Callable[[Endpoint], InstanceId] = attrgetter("instance")
_BY_SLICE: Callable[[SlicePolicy], SliceBase] = attrgetter("slice")
_Key = TypeVar("_Key", RowKey, InstanceId, SliceBase)


def _left(
    gone: Sequence[_Row], come: Sequence[_Row], key: Callable[[_Row], _Key]
) -> tuple[_Key, ...]:
    put = {key(row) for row in come}
    return tuple([key(row) for row in gone if key(row) not in put])


def applied(table: Table, delta: Delta) -> tuple[Table, Rows]:
    """Return the table after a delta, and the rows that are gone from the one before."""
    put, drop = delta.put, delta.drop
    routes, no_routes = _replaced(table.routes, put.routes, drop.routes, _BY_KEY)
    instances, no_instances = _replaced(
        table.instances, put.instances, drop.instances, _BY_INSTANCE
    )
    policies, no_policies = _replaced(table.policies, put.policies, drop.policies, _BY_SLICE)
    after = Table(
        revision=delta.revision,
        node=table.node,
        zone=delta.zone,
        routes=routes,
        instances=instances,
        policies=policies,
        peers=table.peers if delta.peers is None else delta.peers,
    )
    return after, Rows(routes=no_routes, instances=no_instances, policies=no_policies)


def _replaced(
    rows: tuple[_Row, ...],
    put: tuple[_Row, ...],
    drop: tuple[_Key, ...],
    key: Callable[[_Row], _Key],
) -> tuple[tuple[_Row, ...], tuple[_Row, ...]]:
    """Return the rows after a delta, new ones in their places by key, and those that are gone."""
    touched = {*drop, *map(key, put)}
    if not touched:
        return rows, ()
    kept = [row for row in rows if key(row) not in touched]
    gone = tuple([row for row in rows if key(row) in touched])
    for row in put:
        insort(kept, row, key=key)
    return tuple(kept), gone


def delta_to_plain(delta: Delta) -> dict[str, Any]:
    """Return the delta as in docs/wire.md."""
    plain: dict[str, Any] = record_to_plain(delta)
    return {"from" if name == "base" else name: each for name, each in plain.items()}


def delta_from_plain(value: dict[Any, Any]) -> Delta:
    """Read a delta from plain values; raise ValueError when they are something else."""
    named = {"base" if name == "from" else name: each for name, each in value.items()}
    return record_from_plain(named, Delta)
