"""One term of leading: proposing, committing, heartbeats, and when to stop.

Rules: only entries of the own term are committed by counting; a leader counts itself only for
what is on its disk, and only while it has a vote; it steps down when it has not heard a quorum.
"""

from collections import deque
from collections.abc import Sequence

from aether.core.model.ids import NodeId
from aether.core.raft.entries import COMMAND, MEMBERS, NOOP, Entry, Members
from aether.core.raft.local import Local
from aether.core.raft.membership import changed, encode_members, majority_value
from aether.core.raft.messages import TimeoutNow
from aether.core.raft.progress import Stage
from aether.core.raft.read_index import LeaderReads
from aether.core.raft.replication import Replication
from aether.core.raft.transfer import Transfer
from aether.core.raft.values import Change, PeerStatus, Promote, Proposed, Refusal, Remove


class Leadership:
    """What a member does and knows while it leads."""

    def __init__(self, local: Local) -> None:
        self._local = local
        self._began = local.now
        self._base_ms = local.log.last_time_ms
        self._uncommitted: deque[tuple[int, int]] = deque()  # (last index, bytes) of each proposal
        self._uncommitted_bytes = 0
        self.heartbeat_at = local.now
        self._was_late = False
        self._commit_before = (0, 0)  # as of the last heartbeat and the one before
        self.replication = Replication(local)
        self.reads = LeaderReads(local, self.replication)
        self.transfer = Transfer(local, self.replication)
        self._noop_index = local.log.last_index + 1
        self._append(NOOP, (b"",))

    def time_ms(self, now: float) -> int:
        """Cluster time: what the log said when this term began and what passed since."""
        elapsed = self._base_ms + int((now - self._began) * 1000)
        return max(elapsed, self._local.log.last_time_ms)

    def _append(self, kind: int, data: Sequence[bytes]) -> Proposed:
        local = self._local
        first, term, time_ms = local.log.last_index + 1, local.term, self.time_ms(local.now)
        entries = [
            Entry(index, term, kind, time_ms, each) for index, each in enumerate(data, first)
        ]
        size = local.log.append(entries)
        self._uncommitted.append((local.log.last_index, size))
        self._uncommitted_bytes += size
        return Proposed(first, term)

    def _refusal(self) -> Refusal | None:
        local = self._local
        if not local.writable:
            return Refusal("full", f"the disk of {local.node} is full: it accepts no entries")
        if self.transfer.target is not None:
            return Refusal("transferring", f"leadership is being handed to {self.transfer.target}")
        if self._uncommitted_bytes >= local.config.max_uncommitted_bytes:
            return Refusal("busy", f"{self._uncommitted_bytes} bytes wait to be committed")
        return None

    def propose(self, data: Sequence[bytes]) -> Proposed | Refusal:
        """Append commands."""
        refusal = self._refusal()
        if refusal is not None:
            return refusal
        if not data:
            return Proposed(self._local.log.last_index + 1, self._local.term)
        return self._append(COMMAND, data)

    def change(self, change: Change) -> Proposed | Refusal:
        """Append a change of members, one at a time."""
        local = self._local
        if local.log.commit < self._noop_index:
            return Refusal("not_ready", f"term {local.term} has not committed anything yet")
        refusal = self._refusal()
        if refusal is not None:
            return refusal
        if local.membership.index > local.log.commit:
            return Refusal(
                "pending_change", f"the change at {local.membership.index} is not committed"
            )
        members = changed(local.membership.current, change)
        if isinstance(members, Refusal):
            return members
        if members == local.membership.current:
            return Proposed(local.log.commit, local.term)
        return self._lagging(change, members) or self._append_members(members)

    def _lagging(self, change: Change, members: Members) -> Refusal | None:
        """Refuse to promote who does not keep up, and to remove whom a quorum then would miss."""
        if isinstance(change, Promote) and not self._keeps_up(change.node):
            return Refusal("lagging", f"{change.node} does not keep up with the log yet")
        if isinstance(change, Remove):
            keeping_up = sum(self._keeps_up(peer.node) for peer in members.voters)
            if 2 * keeping_up <= len(members.voters):
                return Refusal(
                    "lagging",
                    f"without {change.node} only {keeping_up} of {len(members.voters)} voters keep up",
                )
        return None

    def _keeps_up(self, node: NodeId) -> bool:
        """Whether a member answers and has what was committed two heartbeats ago."""
        if node == self._local.node:
            return True
        peer = self.replication.peers[node]
        silent = self._local.now - peer.heard > self._local.config.election_s
        needed = max(self._commit_before[1], self._noop_index)
        return not silent and peer.match >= needed and peer.stage is Stage.REPLICATE

    def _append_members(self, members: Members) -> Proposed:
        proposed = self._append(MEMBERS, (encode_members(members),))
        self._local.membership.append(proposed.first_index, members)
        self.replication.follow_members()
        return proposed

    def advance(self) -> None:
        """Commit what a quorum holds."""
        local, peers = self._local, self.replication.peers
        log = local.log
        index = majority_value(
            [
                log.persisted if node == local.node else peers[node].match
                for node in local.membership.voters
            ]
        )
        if index < self._noop_index or not log.commit_to(index):
            return
        waiting = self._uncommitted
        while waiting and waiting[0][0] <= log.commit:
            self._uncommitted_bytes -= waiting.popleft()[1]

    def has_quorum(self) -> bool:
        """Whether a quorum, this member included if it votes, was heard within the election time."""
        local, peers = self._local, self.replication.peers
        voters = local.membership.voters
        since = local.now - local.config.election_s
        heard = sum(node == local.node or peers[node].heard >= since for node in voters)
        return 2 * heard > len(voters)

    def tick(self) -> bool:
        """Do what is due; False when this member should stop leading."""
        local = self._local
        if self.transfer.expire(local.now) and not local.writable:
            return False
        if local.now >= self.heartbeat_at:
            # Who was not given the processor could not hear either: one more round before judging.
            late = local.now - self.heartbeat_at > local.config.election_s / 2
            self._was_late = late and not self._was_late
            self.heartbeat_at = local.now + local.config.heartbeat_s
            self.replication.round += 1
            self._commit_before = (local.log.commit, self._commit_before[0])
            return self._was_late or self.has_quorum()
        return True

    def wake_at(self) -> float:
        """When tick has something to do."""
        return min(self.heartbeat_at, self.transfer.deadline, self.replication.notice_at)

    def flush(self) -> bool:
        """Send what waits to be sent; False when this member took itself out and is done."""
        local = self._local
        if local.log.commit >= self._noop_index:
            self.reads.begin()
        self.reads.settle()
        self.replication.flush()
        self.transfer.settle()
        removed = local.node not in local.membership.all
        if removed and local.membership.index <= local.log.commit:
            self._name_successor()
            return False
        return True

    def _name_successor(self) -> None:
        """Let a voter that holds everything stand at once, so that nobody waits for a time-out."""
        local = self._local
        ready = [
            node
            for node, peer in sorted(self.replication.peers.items())
            if node in local.membership.voters and peer.match == local.log.last_index
        ]
        if ready:
            local.outbox.messages.append((ready[0], TimeoutNow(local.term)))

    def peers(self) -> tuple[PeerStatus, ...]:
        """Return every other member as this leader sees it."""
        now = self._local.now
        return tuple(
            PeerStatus(node=node, match=peer.match, state=peer.stage, silent_s=now - peer.heard)
            for node, peer in sorted(self.replication.peers.items())
        )
