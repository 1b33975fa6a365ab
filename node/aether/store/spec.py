"""What any engine of consensus must know to take part as one member."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aether.core.model.ids import NodeId
from aether.ports import Member, StateMachine

OnMembers = Callable[[Sequence[Member]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files of mutual TLS between members; read again for new connections when they changed.

    `certificate` names its node: a URI SAN `spiffe://.../node/{node}`, or a DNS SAN `{node}`.
    """

    ca: Path
    certificate: Path
    """The member's certificate, then those between it and the CA."""
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How fast a member notices a leader that is gone, in seconds; equal on all members."""

    heartbeat_s: float = 0.2
    election_s: float = 1.0
    """Least silence before an election."""
    suspicion_s: float = 0.05
    """Silence before an election once the connection to the leader was lost."""
    notice_s: float = 0.003
    """How much later an idle member learns what was committed: whoever writes again sooner, as one
    writer does, spares every member a message and a turn for each write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLimits:
    """How much a member keeps in its log, and how many callers may wait."""

    snapshot_entries: int = 50_000
    """A snapshot is made after so many entries."""
    snapshot_bytes: int = 64 * 1024 * 1024
    """... or after so many bytes of log."""
    keep_entries: int = 10_000
    """Entries kept behind a snapshot for members that are a little late."""
    checkpoint_entries: int = 1_000
    """How often members compare their states."""
    segment_bytes: int = 16 * 1024 * 1024
    max_waiting: int = 10_000
    """Callers that may wait for an answer; more are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusSpec:
    """What any engine must know to take part as one member."""

    node: NodeId
    cluster_id: str
    members: Sequence[Member]
    """Voters as last known, this one included; a member's address never changes.

    `native`: the founding voters, ignored once the log knows better; empty for a node that joins
    and waits for a leader to send it the log.
    """
    bind: tuple[str, int]
    """Host and Raft port to listen on; the port of this member's address."""
    data_dir: Path
    """The node's data directory; the engine keeps to `store/` below it."""
    machine: StateMachine
    incarnation: str
    on_members: OnMembers | None = None
    """Told of every change of the voters, so that the node can keep them for its next start."""
    address: str = ""
    """`host:port` at which other members reach this one; that of its member, else `bind`."""
    tls: TlsFiles | None = None
    """`native`: mutual TLS between members; None for plain TCP."""
    term: int = 0
    """`native`: with an empty disk it takes part in no earlier term and does not vote in this one."""
    timing: Timing = field(default_factory=Timing)
    """`native` only."""
    limits: StoreLimits = field(default_factory=StoreLimits)
    """`native` only."""
