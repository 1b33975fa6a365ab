"""One member as it sees itself, in the words of the port."""

from aether.core.model.ids import NodeId
from aether.core.raft.values import RaftStatus
from aether.ports import Member, MemberStatus, PeerProgress
from aether.store.native.conditions import Health


def member_status(
    node: NodeId, raft: RaftStatus, health: Health, applied: int, snapshot_index: int
) -> MemberStatus:
    """Put together what the parts of a member know."""
    members = [Member(peer.node, peer.address) for peer in raft.members.voters]
    members += [Member(peer.node, peer.address, voter=False) for peer in raft.members.learners]
    return MemberStatus(
        node=node,
        engine="native",
        role=raft.role.value,
        condition=health.condition.value,
        detail=health.detail,
        term=raft.term,
        leader=raft.leader if health.takes_part else None,
        commit=raft.commit,
        applied=applied,
        first_index=raft.first_index,
        last_index=raft.last_index,
        snapshot_index=snapshot_index,
        members=tuple(sorted(members, key=lambda member: member.node)),
        peers=tuple(
            PeerProgress(
                node=peer.node, match=peer.match, state=str(peer.state), silent_s=peer.silent_s
            )
            for peer in raft.peers
        ),
    )
