"""The language of the replicated store: what callers ask, what the log holds, what comes back.

Rules for this file: these values are written into logs and snapshots as they stand here. Tags and
field order never change; a new field goes last with a default; what members of an older version
cannot read raises `codec.SCHEMA`.

Revisions count committed changes, from 1. A key that does not exist has modification revision 0.
"""

from enum import StrEnum
from typing import Annotated, NewType

import msgspec

from aether.core.model.reason import Reason

LeaseId = NewType("LeaseId", int)
"""Names a lease. Ids are given out once, from 1."""
NO_LEASE = LeaseId(0)

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]

Key = Annotated[str, msgspec.Meta(min_length=1)]

MAX_KEY_BYTES = 1024
MAX_VALUE_BYTES = 1024 * 1024
MAX_OPERATIONS = 512
"""Most guards, and most operations a branch, in one transaction."""
MAX_DELETED = 10_000
"""Most keys the prefixes of one transaction may delete: applying it holds up heartbeats meanwhile."""
MIN_TTL_MS = 100
MAX_TTL_MS = 365 * 24 * 3600 * 1000
MAX_EXPIRED = 512
"""Most leases one command expires."""


class _Value(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    """Base of every value: an array on the wire, closed to fields it does not know.

    Not followed by the garbage collector: none can be part of a cycle.
    """


class Entry(_Value, frozen=True):
    """One key as it stands."""

    key: str
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    """Number of changes since the key was created, from 1."""
    lease: LeaseId = NO_LEASE
    """The lease the key goes with."""


class Guard(_Value, frozen=True):
    """Holds while `key` was last changed at `mod_revision`; 0 means the key must be absent."""

    key: Key
    mod_revision: Count


class Put(_Value, frozen=True, tag=1):
    """Write `value` under `key`, to be deleted with `lease`; without one it stays."""

    key: Key
    value: bytes
    lease: Annotated[LeaseId, msgspec.Meta(ge=0, le=2**63 - 1)] = NO_LEASE


class Delete(_Value, frozen=True, tag=2):
    """Remove `key`; no change when it is absent."""

    key: Key


class DeletePrefix(_Value, frozen=True, tag=3):
    """Remove every key that starts with `prefix`."""

    prefix: str


Operation = Put | Delete | DeletePrefix


class Txn(_Value, frozen=True, tag=1):
    """Guarded writes: all of `then` when every guard holds, else all of `otherwise`; or nothing."""

    then: tuple[Operation, ...]
    reason: Reason
    guards: tuple[Guard, ...] = ()
    otherwise: tuple[Operation, ...] = ()
    request_id: str = ""
    """Makes a retry safe: a second command with the same id is answered from the first."""


class Noop(_Value, frozen=True, tag=2):
    """Changes nothing; a member that has applied it has applied everything before it."""


class LeaseGrant(_Value, frozen=True, tag=3):
    """Make a lease that ends when it was not renewed for `ttl_ms` of cluster time.

    Applied with `lease` and `ttl_ms`; refused as `ttl` or `full`.
    """

    ttl_ms: Count
    request_id: str = ""


class LeaseRenew(_Value, frozen=True, tag=4):
    """Begin the time of a lease anew: Applied with its `ttl_ms`, or refused as `no_lease`."""

    lease: LeaseId


class LeaseRevoke(_Value, frozen=True, tag=5):
    """End a lease and delete its keys; Applied with what was `deleted`, also when it is gone."""

    lease: LeaseId
    reason: Reason
    request_id: str = ""


class LeaseExpire(_Value, frozen=True, tag=6):
    """End those of `leases` whose time is over when this is applied; what leaders propose."""

    leases: tuple[LeaseId, ...]


Command = Txn | Noop | LeaseGrant | LeaseRenew | LeaseRevoke | LeaseExpire


class Applied(_Value, frozen=True, tag=1):
    """The guards held; `then` took effect at `revision`."""

    revision: Count
    deleted: Count = 0
    lease: LeaseId = NO_LEASE
    """Of a grant: the new lease."""
    ttl_ms: Count = 0
    """Of a grant or a renewal: how long the lease lives from now."""


class Refused(_Value, frozen=True, tag=2):
    """A guard did not hold (or the command was malformed); only `otherwise` took effect."""

    revision: Count
    failed: tuple[Guard, ...] = ()
    message: str = ""
    code: str = ""
    """Empty when guards failed; else `malformed`, `no_lease`, `ttl`, `full` or `too_many`."""


Outcome = Applied | Refused


class Consistency(StrEnum):
    """How fresh a read must be."""

    LINEARIZABLE = "linearizable"
    """Sees every write acknowledged before the read began; needs a quorum."""
    STALE = "stale"
    """Whatever this node has applied; needs nobody."""


class Range(_Value, frozen=True):
    """Answer to a prefix read: entries sorted by key, all as of one revision."""

    revision: int
    entries: tuple[Entry, ...]
    more: bool = False
    """Whether the limit cut the answer off."""


class Change(_Value, frozen=True):
    """One key changed by one transaction; `entry` is None when it was deleted."""

    key: str
    entry: Entry | None


class Changes(_Value, frozen=True):
    """Everything one transaction changed under a watched prefix, with its reason."""

    revision: int
    reason: Reason
    changes: tuple[Change, ...] = ()
