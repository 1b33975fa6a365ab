"""A member's settings."""

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Members, Peer
from aether.core.raft.values import RaftConfig
from aether.ports import Member
from aether.store.disk.entry_log import LogLimits
from aether.store.native.settings import ReplicaSpec

A, B, C = (NodeId(name) for name in "abc")


def test_founders_are_sorted_whatever_their_order() -> None:
    members = [Member(C, "c:1", voter=False), Member(B, "b:1"), Member(A, "a:1")]
    spec = ReplicaSpec(node=A, cluster_id="x", members=members, raft=RaftConfig(node=A))
    assert spec.founders() == Members((Peer(A, "a:1"), Peer(B, "b:1")), (Peer(C, "c:1"),))


def test_a_disk_has_space_again_when_log_and_ballast_fit() -> None:
    limits = LogLimits(segment_bytes=1000)
    spec = ReplicaSpec(
        node=A, cluster_id="x", raft=RaftConfig(node=A), log=limits, ballast_bytes=500
    )
    assert spec.needed_bytes == 2500
    assert spec.founders() == Members(())
