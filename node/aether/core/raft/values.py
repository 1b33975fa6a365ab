"""What Raft is told and what it answers: settings, requests, refusals and the one value it gives out.

Times are seconds of the caller's monotonic clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Entry, HardState, Members, Peer, SnapshotPoint
from aether.core.raft.messages import Message


class Role(StrEnum):
    """What a member is doing."""

    FOLLOWER = "follower"
    CANDIDATE = "candidate"
    """Asks for votes, or whether votes could be had (pre-vote)."""
    LEADER = "leader"
    LEARNER = "learner"
    """Receives the log and does not vote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaftConfig:
    """How one member behaves. Times in seconds; a time-out is drawn from election_s to twice that."""

    node: NodeId
    heartbeat_s: float = 0.1
    election_s: float = 1.0
    """Least silence before an election; also how long a voter stays loyal to a leader it heard."""
    suspicion_s: float = 0.05
    """Silence before a pre-vote once the connection to the leader was lost: at most twice this."""
    notice_s: float = 0.0
    """How long a commit may wait for an Append that tells a peer of it along with its entries; a
    peer that waits for the commit itself is told at once."""
    max_append_bytes: int = 1024 * 1024
    """Most bytes of data in one Append; a larger entry travels alone."""
    max_in_flight: int = 64
    """Most Appends a peer has not answered."""
    max_in_flight_bytes: int = 8 * 1024 * 1024
    max_uncommitted_bytes: int = 64 * 1024 * 1024
    """Proposals are refused while this much waits to be committed."""
    tail_bytes: int = 16 * 1024 * 1024
    """Entries kept in memory behind the newest; older ones are read from disk."""
    recovering: bool = False
    """Whether this member lost part of what it had promised: it neither votes nor stands for
    election until it holds all that a leader it hears had committed."""


class EntryReader(Protocol):
    """Entries that are no longer in memory."""

    def read(self, first: int, last: int, max_bytes: int) -> Sequence[Entry]:
        """Return entries from `first` to at most `last`, at least one, no more than fit."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStart:
    """What is on disk when a member starts."""

    hard_state: HardState
    snapshot: SnapshotPoint
    """The snapshot the state machine was restored from; index 0 for none."""
    first_index: int
    """First entry that can be read: `snapshot.index + 1` or less."""
    last_index: int
    term_starts: tuple[tuple[int, int], ...]
    """(index, term) wherever a term begins in the log, ascending; term of `first_index` included."""
    members: tuple[tuple[int, Members], ...]
    """(index, members) of each MEMBERS entry after the snapshot, ascending."""
    tail: tuple[Entry, ...]
    """The newest entries, ending at `last_index`."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """Entries stand in the leader's log from `first_index` on; they commit only in `term`."""

    first_index: int
    term: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that changes nothing: why, in one word and in a sentence."""

    code: str
    """`not_leader`, `busy` (too much uncommitted), `transferring`, `pending_change`,
    `not_ready` (nothing of this term committed yet), `unknown_member`, `last_voter`, `lagging`,
    `other_address` (a member already, elsewhere), `full` (this member cannot write)."""
    message: str


@dataclass(frozen=True, slots=True)
class AddLearner:
    """Let a member receive the log without a vote; no change when it is a member already."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class Promote:
    """Give a learner that has caught up a vote; refused as `lagging` while it has not."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Remove:
    """Take a member out; a leader that removes itself leads until that is committed."""

    node: NodeId


Change = AddLearner | Promote | Remove


@dataclass(frozen=True, slots=True)
class Read:
    """A read that may be served once `index` is applied; `index` is None when it was lost."""

    context: int
    index: int | None


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that follows from what was put in since the last Output.

    The caller, in this order: sends `messages` (in order, any may be lost); writes `hard_state`
    and `entries` and has them synced; then sends `promises` and tells `persisted`. Applies up to
    `commit`. Begins a snapshot transfer to each of `snapshots`.
    """

    hard_state: HardState | None = None
    entries: tuple[Entry, ...] = ()
    """To append. What stands at and after the first of them is replaced."""
    messages: tuple[tuple[NodeId, Message], ...] = ()
    promises: tuple[tuple[NodeId, Message], ...] = ()
    commit: int = 0
    """Highest committed index, unchanged or more."""
    reads: tuple[Read, ...] = ()
    snapshots: tuple[NodeId, ...] = ()
    members: Members | None = None
    """The members now, when they changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStatus:
    """A peer as its leader sees it."""

    node: NodeId
    match: int
    """Highest index known to be on its disk."""
    state: str
    """`probe`, `replicate` or `snapshot`."""
    silent_s: float
    """Seconds since it answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaftStatus:
    """A member as it sees itself."""

    role: Role
    term: int
    leader: NodeId | None
    commit: int
    first_index: int
    last_index: int
    members: Members
    recovering: bool
    peers: tuple[PeerStatus, ...] = ()
    """Of a leader: every other member."""
