"""A number that tells two tables apart, kept up to date by the rows that change.

It is a sum of one hash for each row, so that it does not depend on their order, and so that a change
of one row costs two hashes. It finds rows that were lost or mixed up; it is no defence against malice.
"""

import hashlib
from collections.abc import Iterable

import msgspec

from aether.core.dataplane.rows import Endpoint, RouteRow, SlicePolicy
from aether.core.dataplane.table import Table
from aether.core.model.ids import write_id

Row = RouteRow | Endpoint | SlicePolicy

_BYTES = 8
_MASK = (1 << 8 * _BYTES) - 1
_encode = msgspec.msgpack.Encoder(enc_hook=write_id).encode


def fingerprint(table: Table) -> int:
    """Return the number of a table; its revision does not count."""
    return (_heading(table) + _total([*table.routes, *table.instances, *table.policies])) & _MASK


def moved(
    number: int, before: Table, after: Table, gone: Iterable[Row], come: Iterable[Row]
) -> int:
    """Return the number of `after`, given that of `before` and the rows in which they differ."""
    return (number + _heading(after) - _heading(before) + _total(come) - _total(gone)) & _MASK


def _heading(table: Table) -> int:
    heading = (table.node, table.zone)
    return _hash((*heading, table.peers) if table.peers else heading)


def _total(rows: Iterable[Row]) -> int:
    return sum([_hash(row) for row in rows])


def _hash(value: object) -> int:
    digest = hashlib.blake2b(_encode((type(value).__name__, value)), digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big")
