"""How one member is set up."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Members, Peer
from aether.core.raft.values import RaftConfig
from aether.ports import Member
from aether.store.disk.entry_log import LogLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSpec:
    """One member of the consensus group and its limits."""

    node: NodeId
    cluster_id: str
    members: Sequence[Member] = ()
    """Founding members, ignored once log or snapshot know better; empty for a node that joins:
    it waits until a leader sends it the log."""
    term: int = 0
    """With an empty disk it takes part in no earlier term and does not vote in this one: its name
    may have voted before on a disk that is gone, and was taken out by this term at the latest."""
    raft: RaftConfig
    log: LogLimits = field(default_factory=LogLimits)
    snapshot_entries: int = 50_000
    snapshot_bytes: int = 64 * 1024 * 1024
    keep_entries: int = 10_000
    """Entries before a snapshot that stay in the log."""
    checkpoint_entries: int = 1_000
    apply_budget_s: float = 0.005
    """Longest time given to the state machine in one turn."""
    chunk_bytes: int = 256 * 1024
    ballast_bytes: int = 10 * 1024 * 1024
    """Room kept on the disk, given up when it is full."""
    max_waiting: int = 10_000
    """Most commands, and most reads, in hand at once."""

    @property
    def needed_bytes(self) -> int:
        """Free space from which a disk that was full counts as having space again."""
        return 2 * self.log.segment_bytes + self.ballast_bytes

    def founders(self) -> Members:
        """Return the founding members as Raft keeps them."""
        peers = [
            (member.voter, Peer(member.node, member.address))
            for member in sorted(self.members, key=lambda member: member.node)
        ]
        return Members(
            tuple(peer for voter, peer in peers if voter),
            tuple(peer for voter, peer in peers if not voter),
        )
