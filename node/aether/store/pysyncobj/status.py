"""What the library's own status says, in the words of `ports.MemberStatus`."""

from collections.abc import Mapping
from typing import Any

from aether.core.model.ids import NodeId
from aether.ports import Member, MemberStatus

# PySyncObj's numbers of its states.
_ROLES = {0: "follower", 1: "candidate", 2: "leader"}


def member_status(
    node: NodeId, members: tuple[Member, ...], leader: NodeId | None, told: Mapping[str, Any]
) -> MemberStatus:
    """Return the status of one member from what `SyncObj.getStatus` told.

    The library tells neither where its log begins or ends nor where its dump stands, and nothing
    of peers that can be relied on: `first_index` and `snapshot_index` are 0, `last_index` is the
    commit index, and there are no `peers`.
    """
    commit = int(told["commit_idx"])
    return MemberStatus(
        node=node,
        engine="pysyncobj",
        role=_ROLES[int(told["state"])],
        condition="ok",
        detail="",
        term=int(told["raft_term"]),
        leader=leader,
        commit=commit,
        applied=int(told["last_applied"]),
        first_index=0,
        last_index=commit,
        snapshot_index=0,
        members=members,
    )
