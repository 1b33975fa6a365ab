"""What a member knows of itself, shared by the parts that decide."""

from collections.abc import Callable

from aether.core.model.ids import NodeId
from aether.core.raft.entries import HardState
from aether.core.raft.log import Log
from aether.core.raft.membership import Membership
from aether.core.raft.outbox import Outbox
from aether.core.raft.values import EntryReader, LogStart, RaftConfig, Role

NEVER = float("inf")


class Local:
    """One member's own state. `deadline` is when it loses patience with whoever should lead."""

    __slots__ = (
        "config",
        "deadline",
        "dice",
        "heard",
        "leader",
        "log",
        "membership",
        "node",
        "now",
        "outbox",
        "recovering",
        "role",
        "saved",
        "suspecting",
        "term",
        "vote",
        "writable",
    )

    def __init__(
        self,
        config: RaftConfig,
        start: LogStart,
        reader: EntryReader,
        dice: Callable[[], float],
        now: float,
    ) -> None:
        self.config = config
        self.node = config.node
        self.dice = dice
        self.now = now
        self.log = Log(start, reader, config.tail_bytes)
        self.membership = Membership(start.snapshot.index, start.snapshot.members)
        for index, members in start.members:
            self.membership.append(index, members)
        self.membership.changed = False
        self.outbox = Outbox()
        self.term = start.hard_state.term
        self.vote = start.hard_state.vote
        self.saved = start.hard_state
        self.role = Role.FOLLOWER
        self.leader: NodeId | None = None
        self.recovering = config.recovering
        self.writable = True
        self.heard = -NEVER
        """When the leader was last heard."""
        self.suspecting = False
        """Whether the connection from the leader closed since."""
        self.deadline = now
        if self.membership.voters != {self.node}:  # who votes alone need not wait for others
            self.be_patient()

    def be_patient(self) -> None:
        """Give whoever leads or stands a fresh time-out."""
        self.deadline = self.now + self.config.election_s * (1.0 + self.dice())

    def enter(self, term: int) -> None:
        """Go to a higher term, in which nobody has this member's vote yet."""
        self.term = term
        self.vote = ""

    def take_hard_state(self) -> HardState | None:
        """Return term and vote when they changed since the last call."""
        if self.term == self.saved.term and self.vote == self.saved.vote:
            return None
        self.saved = HardState(self.term, self.vote)
        return self.saved

    def is_voter(self) -> bool:
        """Whether this member has a vote, as far as it knows."""
        return self.node in self.membership.voters

    def may_stand(self) -> bool:
        """Whether this member may become leader.

        One that took itself out may until that is committed: perhaps nobody else holds the entry,
        and those who lack it could not win without this member's vote.
        """
        has_vote = self.is_voter() or any(
            peer.node == self.node for peer in self.membership.at(self.log.commit).voters
        )
        return has_vote and self.writable and not self.recovering

    def is_loyal(self) -> bool:
        """Whether a leader was heard so lately that no other is wanted."""
        if self.role is Role.LEADER:
            return True
        return (
            self.leader is not None
            and not self.suspecting
            and self.now - self.heard < self.config.election_s
        )
