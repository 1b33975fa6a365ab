"""Handing leadership over: wait until the target holds everything, then let it stand at once."""

from aether.core.model.ids import NodeId
from aether.core.raft.local import NEVER, Local
from aether.core.raft.messages import TimeoutNow
from aether.core.raft.progress import Stage
from aether.core.raft.replication import Replication
from aether.core.raft.values import Refusal


class Transfer:
    """At most one handing-over of a leader."""

    __slots__ = ("_local", "_replication", "_told_round", "deadline", "target")

    def __init__(self, local: Local, replication: Replication) -> None:
        self._local = local
        self._replication = replication
        self._told_round = -1
        self.target: NodeId | None = None
        self.deadline = NEVER

    def begin(self, target: NodeId | None) -> Refusal | None:
        """Begin to hand over to a voter; None: to the one that is furthest."""
        local = self._local
        if target == local.node:
            return None
        if self.target is not None:
            if target in (None, self.target):
                return None
            return Refusal("transferring", f"leadership is being handed to {self.target}")
        if target is not None and target not in local.membership.voters:
            return Refusal("unknown_member", f"{target} has no vote, so it cannot lead")
        candidates = [node for node in self._ready() if target in (None, node)]
        if not candidates:
            return Refusal("lagging", f"{target or 'no other voter'} does not keep up with the log")
        peers = self._replication.peers
        self.target = max(candidates, key=lambda node: (peers[node].match, node))
        self.deadline = local.now + local.config.election_s
        self._told_round = -1
        return None

    def _ready(self) -> list[NodeId]:
        """Voters that answered within the election time and need no snapshot."""
        local = self._local
        since = local.now - local.config.election_s
        return [
            node
            for node, peer in self._replication.peers.items()
            if node in local.membership.voters
            and peer.heard >= since
            and peer.stage is not Stage.SNAPSHOT
        ]

    def settle(self) -> None:
        """Tell the target to stand once it holds everything; again in every round."""
        if self.target is None:
            return
        peer = self._replication.peers.get(self.target)
        if peer is None:
            self.give_up()
        elif (
            peer.match == self._local.log.last_index and self._told_round < self._replication.round
        ):
            self._told_round = self._replication.round
            self._local.outbox.messages.append((self.target, TimeoutNow(self._local.term)))

    def expire(self, now: float) -> bool:
        """Give up when it took too long; whether that happened."""
        if now < self.deadline:
            return False
        self.give_up()
        return True

    def give_up(self) -> None:
        """Lead on."""
        self.target = None
        self.deadline = NEVER
