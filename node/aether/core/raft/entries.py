"""What stands in the log and on disk: entries, members, snapshot points, votes.

Indexes count entries from 1; index 0 with term 0 is the empty log. `time_ms` is cluster time: it
stands still while nobody leads, and never goes back.
"""

import msgspec

from aether.core.model.ids import NodeId

COMMAND = 0
"""Kind of an entry whose data the state machine applies."""
NOOP = 1
"""Kind of the entry with which a leader begins its term."""
MEMBERS = 2
"""Kind of an entry whose data is the msgpack of a `Members`; it counts from when it is appended."""


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One entry of the replicated log."""

    index: int
    term: int
    kind: int
    time_ms: int
    """Cluster time in milliseconds when the leader appended it; never less than its predecessor's."""
    data: bytes


class Peer(msgspec.Struct, frozen=True, array_like=True):
    """A member of the group and where its Raft port is."""

    node: NodeId
    address: str


class Members(msgspec.Struct, frozen=True, array_like=True):
    """Who votes and who only learns, each sorted by node."""

    voters: tuple[Peer, ...]
    learners: tuple[Peer, ...] = ()


class SnapshotPoint(msgspec.Struct, frozen=True, array_like=True):
    """Where in the log a snapshot stands: it holds everything up to `index`."""

    index: int
    term: int
    time_ms: int
    members: Members


class HardState(msgspec.Struct, frozen=True, array_like=True):
    """What a member must not forget: its term, and whom it voted for in it ('' for nobody)."""

    term: int
    vote: str
