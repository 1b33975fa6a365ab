"""Raft of one member: inputs change its state, `take` gives out all that follows from them.

It knows no clock, disk or network: time comes with every input, and the caller keeps the order in
which Output must be carried out. No message makes it raise.
"""

from collections.abc import Callable, Sequence

from aether.core.model.ids import NodeId
from aether.core.raft.election import Election
from aether.core.raft.entries import Entry, Members, SnapshotPoint
from aether.core.raft.following import Following, is_sound
from aether.core.raft.leadership import Leadership
from aether.core.raft.local import Local
from aether.core.raft.messages import (
    Append,
    AppendAnswer,
    Message,
    PreVote,
    PreVoteAnswer,
    ReadAnswer,
    ReadRequest,
    TimeoutNow,
    Vote,
    VoteAnswer,
)
from aether.core.raft.read_index import FollowerReads
from aether.core.raft.values import (
    Change,
    EntryReader,
    LogStart,
    Output,
    Proposed,
    RaftConfig,
    RaftStatus,
    Refusal,
    Role,
)

_MOST = 1 << 62
"""Terms and indexes from here on are nonsense; what is encoded must fit 64 bits."""


class Raft:
    """One member of a Raft group."""

    def __init__(
        self,
        config: RaftConfig,
        start: LogStart,
        reader: EntryReader,
        dice: Callable[[], float],
        now: float,
    ) -> None:
        """`dice` draws from [0, 1); it is called when a time-out is set."""
        self._local = Local(config, start, reader, dice, now)
        self._election = Election(self._local, self._step_down, self._lead)
        self._following = Following(self._local)
        self._reads = FollowerReads(self._local)
        self._leadership: Leadership | None = None
        self._changed = True
        self._nothing = Output(commit=self._local.log.commit)

    # Inputs

    def tick(self, now: float) -> None:
        """Let time pass; nothing happens before `wake_at()`."""
        self._at(now)
        if now < self.wake_at():
            return
        self._changed = True
        if self._leadership is not None:
            if not self._leadership.tick():
                self._step_down(self._local.term)
            return
        self._reads.expire(now)
        if now >= self._local.deadline:
            self._reads.lose()
            self._election.lose_patience()

    def receive(self, sender: NodeId, message: Message, now: float) -> None:
        """Take a message, whatever it says: duplicated, late, of another term, or nonsense."""
        self._at(now)
        if sender == self._local.node or not 0 <= message.term < _MOST:
            return
        self._changed = True
        match message:
            case Append():
                self._on_append(sender, message)
            case AppendAnswer():
                self._on_append_answer(sender, message)
            case PreVote():
                self._election.on_pre_vote(sender, message)
            case PreVoteAnswer():
                self._election.on_pre_vote_answer(sender, message)
            case Vote():
                self._election.on_vote(sender, message)
            case VoteAnswer():
                self._election.on_vote_answer(sender, message)
            case _:
                self._receive_request(sender, message)

    def _receive_request(
        self, sender: NodeId, message: TimeoutNow | ReadRequest | ReadAnswer
    ) -> None:
        local = self._local
        if isinstance(message, ReadAnswer):
            self._reads.on_answer(sender, message)
        elif isinstance(message, ReadRequest):
            if self._leadership is None or sender not in local.membership.all:
                answer = ReadAnswer(local.term, message.context, -1)
                local.outbox.messages.append((sender, answer))
            else:
                self._leadership.reads.add_asked(sender, message.context)
        elif message.term == local.term and sender == local.leader and local.may_stand():
            self._reads.lose()
            self._election.stand(transfer=True)

    def propose(
        self, data: Sequence[bytes], now: float, asker: NodeId | None = None
    ) -> Proposed | Refusal:
        """Append commands to the log of a leader; `asker` is the peer that wants them applied."""
        self._at(now)
        if self._leadership is None:
            return self._not_leader()
        self._changed = True
        proposed = self._leadership.propose(data)
        if asker is not None:
            self._leadership.replication.hasten(asker, self._local.log.last_index)
        return proposed

    def change(self, change: Change, now: float) -> Proposed | Refusal:
        """Change who the members are; done when `first_index` of the answer commits."""
        self._at(now)
        if self._leadership is None:
            return self._not_leader()
        self._changed = True
        return self._leadership.change(change)

    def read(self, context: int, now: float) -> None:
        """Ask which index a linearizable read needs; answered in `Output.reads`."""
        self._at(now)
        self._changed = True
        if self._leadership is not None:
            self._leadership.reads.add(context)
        else:
            self._reads.add(context)

    def transfer(self, target: NodeId | None, now: float) -> Refusal | None:
        """Hand leadership to a voter, or to the one that is furthest."""
        self._at(now)
        if self._leadership is None:
            return self._not_leader()
        self._changed = True
        return self._leadership.transfer.begin(target)

    def persisted(self, index: int, term: int) -> None:
        """Entries up to `index`, whose term is `term`, are on disk."""
        if not self._local.log.persisted_to(index, term):
            return
        self._changed = True
        self._following.check_cure()
        if self._leadership is not None:
            self._leadership.advance()

    def link_lost(self, node: NodeId, now: float) -> None:
        """Note that the connection from a member closed: if that led, it may be dead."""
        self._at(now)
        local = self._local
        if node != local.leader or self._leadership is not None or local.suspecting:
            return
        self._changed = True
        self._reads.lose()
        local.suspecting = True
        wait = local.config.suspicion_s * (1.0 + local.dice())
        local.deadline = min(local.deadline, now + wait)

    def snapshot_sent(self, node: NodeId, index: int | None, now: float) -> None:
        """Note that a peer holds a snapshot up to `index`; None when the transfer failed."""
        self._at(now)
        if self._leadership is not None:
            self._changed = True
            self._leadership.replication.snapshot_sent(node, index)

    def needs_snapshot(self, point: SnapshotPoint) -> bool:
        """Whether an offered snapshot is of use: not when the log already continues it."""
        log = self._local.log
        return point.index > log.commit and log.term_at(point.index) != point.term

    def installed(self, point: SnapshotPoint, now: float) -> None:
        """Begin after a snapshot beyond `commit` that the caller restored, its log emptied.

        Syncs begun before must not be told any more.
        """
        self._at(now)
        local = self._local
        if point.index <= local.log.commit:
            return
        self._changed = True
        local.log.reset(point)
        local.membership.reset(point.index, point.members)

    def compacted(self, first_index: int) -> None:
        """Entries before `first_index` can no longer be read."""
        self._local.log.compact(first_index)
        self._local.membership.drop_before(self._local.log.first_index)

    def set_writable(self, writable: bool, now: float) -> None:  # noqa: FBT001 the contract's
        """Tell whether the disk takes entries; a leader that cannot write hands over or stops."""
        self._at(now)
        self._local.writable = writable
        if writable or self._leadership is None:
            return
        self._changed = True
        if self._leadership.transfer.begin(None) is not None:
            self._step_down(self._local.term)

    def take(self) -> Output:
        """Give out everything that follows from what was put in since the last call."""
        if not self._changed:
            return self._nothing
        self._changed = False
        local = self._local
        if self._leadership is None:
            self._reads.flush()
        elif not self._leadership.flush():
            self._step_down(local.term)
        outbox, membership = local.outbox, local.membership
        output = Output(
            hard_state=local.take_hard_state(),
            entries=local.log.take_unwritten(),
            messages=tuple(outbox.messages),
            promises=tuple(outbox.promises),
            commit=local.log.commit,
            reads=tuple(outbox.reads),
            snapshots=tuple(outbox.snapshots),
            members=membership.current if membership.changed else None,
        )
        outbox.clear()
        membership.changed = False
        if self._nothing.commit != output.commit:
            self._nothing = Output(commit=output.commit)
        return output

    # Questions

    def wake_at(self) -> float:
        """When tick has something to do."""
        if self._leadership is not None:
            return self._leadership.wake_at()
        return min(self._local.deadline, self._reads.deadline)

    @property
    def term(self) -> int:
        """The present term."""
        return self._local.term

    @property
    def leader(self) -> NodeId | None:
        """Who leads, as far as this member knows."""
        return self._local.leader

    @property
    def role(self) -> Role:
        """What this member is doing."""
        role = self._local.role
        return Role.LEARNER if role is Role.FOLLOWER and not self._local.is_voter() else role

    @property
    def recovering(self) -> bool:
        """Whether this member still lacks what it may have promised."""
        return self._local.recovering

    @property
    def commit(self) -> int:
        """Highest index known to be committed."""
        return self._local.log.commit

    @property
    def first_index(self) -> int:
        """Lowest index that can be read."""
        return self._local.log.first_index

    @property
    def last_index(self) -> int:
        """Highest index in the log."""
        return self._local.log.last_index

    @property
    def members(self) -> Members:
        """The members now, the last change counted even if it is not committed."""
        return self._local.membership.current

    def members_at(self, index: int) -> Members:
        """Return the members as of an index not yet compacted: what a snapshot there carries."""
        return self._local.membership.at(index)

    def entries(self, first: int, last: int, max_bytes: int) -> Sequence[Entry]:
        """Return entries from `first` to at most `last`, at least one, no more than fit."""
        return self._local.log.entries(first, last, max_bytes)

    def term_at(self, index: int) -> int | None:
        """Return the term of an entry, None when it is not there or forgotten."""
        return self._local.log.term_at(index)

    def time_ms(self, now: float) -> int:
        """Cluster time as the leader counts it; elsewhere that of the newest entry."""
        if self._leadership is not None:
            return self._leadership.time_ms(now)
        return self._local.log.last_time_ms

    def status(self, now: float) -> RaftStatus:
        """Describe this member."""
        self._at(now)
        local, leadership = self._local, self._leadership
        return RaftStatus(
            role=self.role,
            term=local.term,
            leader=local.leader,
            commit=local.log.commit,
            first_index=local.log.first_index,
            last_index=local.log.last_index,
            members=local.membership.current,
            recovering=local.recovering,
            peers=() if leadership is None else leadership.peers(),
        )

    # Changes of role

    def _at(self, now: float) -> None:
        self._local.now = max(self._local.now, now)

    def _not_leader(self) -> Refusal:
        leader = self._local.leader
        return Refusal("not_leader", f"{self._local.node} does not lead; {leader or 'nobody'} does")

    def _lead(self) -> None:
        local = self._local
        self._reads.lose()
        local.role = Role.LEADER
        local.leader = local.node
        local.suspecting = False
        self._leadership = Leadership(local)

    def _step_down(self, term: int) -> None:
        """Follow nobody yet, in this or a higher term."""
        local = self._local
        if term > local.term:
            local.enter(term)
        if self._leadership is not None:
            self._leadership.reads.lose()
            self._leadership = None
        self._reads.lose()
        self._following.forget_cure()
        local.role = Role.FOLLOWER
        local.leader = None
        local.suspecting = False
        local.be_patient()

    def _on_append(self, sender: NodeId, append: Append) -> None:
        local = self._local
        if append.term < local.term:
            answer = AppendAnswer(
                term=local.term,
                round=append.round,
                accepted=False,
                prev_index=append.prev_index,
                index=0,
                hint_term=0,
            )
            local.outbox.messages.append((sender, answer))
            return
        if not is_sound(append) or (append.term == local.term and self._leadership is not None):
            return  # nonsense: one term has one leader
        if append.term > local.term or local.leader != sender:
            self._step_down(append.term)
            local.leader = sender
        local.role = Role.FOLLOWER
        local.heard = local.now
        local.suspecting = False
        local.be_patient()
        self._following.on_append(sender, append)

    def _on_append_answer(self, sender: NodeId, answer: AppendAnswer) -> None:
        local = self._local
        if answer.term > local.term:
            if sender in local.membership.all:
                self._step_down(answer.term)
            return
        if self._leadership is None or answer.term != local.term:
            return
        peer = self._leadership.replication.peers.get(sender)
        if peer is not None:
            self._leadership.replication.on_answer(peer, answer)
            self._leadership.advance()
