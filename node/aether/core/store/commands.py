"""The language of the replicated store: what callers ask, what the log holds, what comes back.

Revisions count committed changes, from 1. A key that does not exist has modification revision 0.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from aether.core.model.reason import Reason

LeaseId = NewType("LeaseId", int)
"""Names a lease; 0 is no lease."""

MAX_KEY_BYTES = 1024
MAX_VALUE_BYTES = 1024 * 1024
MAX_OPERATIONS = 512
"""Most guards, and most operations a branch, in one transaction."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One key as it stands."""

    key: str
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    """Number of changes since the key was created, from 1."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Holds while `key` was last changed at `mod_revision`; 0 means the key must be absent."""

    key: str
    mod_revision: int


@dataclass(frozen=True, slots=True)
class Put:
    """Write `value` under `key`."""

    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove `key`; no change when it is absent."""

    key: str


@dataclass(frozen=True, slots=True)
class DeletePrefix:
    """Remove every key that starts with `prefix`."""

    prefix: str


Operation = Put | Delete | DeletePrefix


@dataclass(frozen=True, slots=True)
class Txn:
    """Guarded writes: all of `then` when every guard holds, else all of `otherwise`; or nothing."""

    then: tuple[Operation, ...]
    reason: Reason
    guards: tuple[Guard, ...] = ()
    otherwise: tuple[Operation, ...] = ()
    request_id: str = ""
    """Makes a retry safe: a second command with the same id is answered from the first."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The guards held; `then` took effect at `revision`."""

    revision: int
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """A guard did not hold (or the command was malformed); only `otherwise` took effect."""

    revision: int
    failed: tuple[Guard, ...] = ()
    message: str = ""


Outcome = Applied | Refused


class Consistency(StrEnum):
    """How fresh a read must be."""

    LINEARIZABLE = "linearizable"
    """Sees every write acknowledged before the read began; needs a quorum."""
    STALE = "stale"
    """Whatever this node has applied; needs nobody."""


@dataclass(frozen=True, slots=True)
class Range:
    """Answer to a prefix read: entries sorted by key, all as of one revision."""

    revision: int
    entries: tuple[Entry, ...]
    more: bool = False
    """Whether the limit cut the answer off."""


@dataclass(frozen=True, slots=True)
class Change:
    """One key changed by one transaction; `entry` is None when it was deleted."""

    key: str
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything one transaction changed under a watched prefix, with its reason."""

    revision: int
    reason: Reason
    changes: tuple[Change, ...] = field(default=())
