"""Reads that see every write acknowledged before: one quorum round for all that wait.

A leader notes its commit index, then asks a quorum whether it still leads. A follower asks its
leader for that index.
"""

from aether.core.model.ids import NodeId
from aether.core.raft.local import Local
from aether.core.raft.membership import majority_value
from aether.core.raft.messages import ReadAnswer, ReadRequest
from aether.core.raft.replication import Replication
from aether.core.raft.values import Read

_CONTEXTS = 1 << 48  # requests of different lives of a member begin at different numbers


class LeaderReads:
    """Reads a leader was asked for, its own and those of others."""

    __slots__ = ("_asked", "_local", "_own", "_replication", "_round", "_round_asked", "_round_own")

    def __init__(self, local: Local, replication: Replication) -> None:
        self._local = local
        self._replication = replication
        self._own: list[int] = []
        self._asked: dict[
            NodeId, int
        ] = {}  # the newest request of each peer; it waits for no other
        self._round: tuple[int, int] | None = None  # (round under way, commit index when it began)
        self._round_own: list[int] = []
        self._round_asked: list[tuple[NodeId, int]] = []

    def add(self, context: int) -> None:
        """Take a read of this member."""
        self._own.append(context)

    def add_asked(self, node: NodeId, context: int) -> None:
        """Take a read of a peer."""
        self._asked[node] = context

    def begin(self) -> None:
        """Begin a round for all that wait, unless one is under way."""
        if self._round is not None or not (self._own or self._asked):
            return
        self._replication.round += 1
        self._round = (self._replication.round, self._local.log.commit)
        self._round_own, self._own = self._own, []
        self._round_asked = list(self._asked.items())
        self._asked = {}

    def settle(self) -> None:
        """Release the reads of the round under way once a quorum answered it."""
        if self._round is None:
            return
        round_, index = self._round
        local, peers = self._local, self._replication.peers
        rounds = [
            round_ if node == local.node else peers[node].round for node in local.membership.voters
        ]
        if majority_value(rounds) < round_:
            return
        self._round = None
        local.outbox.reads += [Read(context, index) for context in self._round_own]
        self._answer(self._round_asked, index)

    def _answer(self, asked: list[tuple[NodeId, int]], index: int) -> None:
        term = self._local.term
        for node, _ in asked:
            self._replication.hasten(node, index)
        self._local.outbox.messages += [
            (node, ReadAnswer(term, context, index)) for node, context in asked
        ]

    def lose(self) -> None:
        """Give back everything that waits: this member no longer leads."""
        contexts = [*self._round_own, *self._own] if self._round else self._own
        self._local.outbox.reads += [Read(context, None) for context in contexts]
        asked = [*self._round_asked, *self._asked.items()] if self._round else self._asked.items()
        self._answer(list(asked), -1)


class FollowerReads:
    """Reads of a member that does not lead: one request to the leader at a time."""

    __slots__ = ("_context", "_local", "_sent", "_waiting", "deadline")

    def __init__(self, local: Local) -> None:
        self._local = local
        self._context = int(local.dice() * _CONTEXTS)
        self._waiting: list[int] = []
        self._sent: list[int] = []
        self.deadline = float("inf")
        """When the request under way counts as lost."""

    def add(self, context: int) -> None:
        """Take a read."""
        self._waiting.append(context)

    def flush(self) -> None:
        """Ask the leader for all that wait, or give them back when none is known."""
        local = self._local
        if not self._waiting:
            return
        if local.leader is None:
            self.lose()
        elif not self._sent:
            self._context += 1
            self._sent, self._waiting = self._waiting, []
            self.deadline = local.now + local.config.election_s
            request = ReadRequest(local.term, self._context)
            local.outbox.messages.append((local.leader, request))

    def on_answer(self, sender: NodeId, answer: ReadAnswer) -> None:
        """Release the reads of the request under way."""
        local = self._local
        if sender != local.leader or answer.term != local.term or answer.context != self._context:
            return
        index = answer.index if answer.index >= 0 else None
        local.outbox.reads += [Read(context, index) for context in self._sent]
        self._sent = []
        self.deadline = float("inf")

    def expire(self, now: float) -> None:
        """Give the request under way back when no answer came."""
        if now >= self.deadline:
            self._give_back(self._sent)
            self._sent = []
            self.deadline = float("inf")

    def lose(self) -> None:
        """Give back everything: the leader changed or is not known."""
        self._give_back(self._sent + self._waiting)
        self._sent = []
        self._waiting = []
        self.deadline = float("inf")

    def _give_back(self, contexts: list[int]) -> None:
        self._local.outbox.reads += [Read(context, None) for context in contexts]
