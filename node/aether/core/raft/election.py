"""Who leads: asking whether votes could be had, asking for them, giving them.

Rules: a member votes once in a term, after its vote is on disk; asking first (pre-vote) raises
nobody's term; whoever hears a leader stays loyal to it, unless that leader itself asked for the
election.
"""

from collections.abc import Callable
from enum import Enum

from aether.core.model.ids import NodeId
from aether.core.raft.local import Local
from aether.core.raft.messages import PreVote, PreVoteAnswer, Vote, VoteAnswer
from aether.core.raft.values import Role


class Phase(Enum):
    """How far a candidate is."""

    ASKING = 1
    """Asks whether votes could be had; its term is still the old one."""
    STANDING = 2
    """Asks for votes in its new term."""


class Election:
    """One member's part in elections."""

    def __init__(
        self, local: Local, step_down: Callable[[int], None], lead: Callable[[], None]
    ) -> None:
        """`step_down` makes a follower of a term, `lead` the leader of the present one."""
        self._local = local
        self._step_down = step_down
        self._lead = lead
        self._phase = Phase.ASKING
        self._granted: set[NodeId] = set()
        self._denied: set[NodeId] = set()

    def lose_patience(self) -> None:
        """Stop to count on the leader; stand for election if that is allowed, asking first."""
        local = self._local
        if not local.may_stand():
            local.role = Role.FOLLOWER
            local.leader = None
            local.be_patient()
            return
        self._begin(Phase.ASKING)
        log = local.log
        question = PreVote(local.term + 1, log.last_index, log.last_term)
        for node in sorted(local.membership.voters - {local.node}):
            local.outbox.messages.append((node, question))
        self._count()

    def stand(self, *, transfer: bool = False) -> None:
        """Ask for votes in a new term; `transfer` when the leader wants it so."""
        local = self._local
        local.enter(local.term + 1)
        local.vote = local.node
        self._begin(Phase.STANDING)
        log = local.log
        question = Vote(local.term, log.last_index, log.last_term, transfer)
        for node in sorted(local.membership.voters - {local.node}):
            local.outbox.promises.append((node, question))
        self._count()

    def _begin(self, phase: Phase) -> None:
        local = self._local
        local.role = Role.CANDIDATE
        local.leader = None
        self._phase = phase
        self._granted = {local.node}
        self._denied = set()
        # Half as long as for a silent leader: nobody leads, and a split vote should end soon.
        local.deadline = local.now + local.config.election_s * (0.5 + 0.5 * local.dice())

    def _count(self) -> None:
        voters = self._local.membership.voters
        if 2 * len(self._granted & voters) > len(voters):
            if self._phase is Phase.ASKING:
                self.stand()
            else:
                self._lead()
        elif 2 * len(self._denied & voters) >= len(voters):
            self._give_up()

    def _give_up(self) -> None:
        deadline = self._local.deadline
        self._step_down(self._local.term)
        self._local.deadline = deadline

    def on_pre_vote(self, sender: NodeId, asked: PreVote) -> None:
        """Say whether the vote could be had; yields when both ask at once and the other is ahead."""
        local = self._local
        granted = (
            asked.term > local.term
            and not local.recovering
            and not local.is_loyal()
            and local.log.is_behind(asked.last_index, asked.last_term)
        )
        term = asked.term if granted else local.term
        local.outbox.messages.append((sender, PreVoteAnswer(term, granted)))
        if granted and self._is_asking() and self._yields_to(sender, asked):
            self._step_down(local.term)

    def _is_asking(self) -> bool:
        return self._local.role is Role.CANDIDATE and self._phase is Phase.ASKING

    def _yields_to(self, sender: NodeId, asked: PreVote) -> bool:
        log = self._local.log
        mine = (log.last_term, log.last_index, self._local.node)
        return (asked.last_term, asked.last_index, sender) > mine

    def on_pre_vote_answer(self, sender: NodeId, answer: PreVoteAnswer) -> None:
        """Count an answer to the question whether votes could be had."""
        local = self._local
        if not answer.granted and answer.term > local.term:
            if sender in local.membership.all:
                self._step_down(answer.term)
            return
        if not self._is_asking() or (answer.granted and answer.term != local.term + 1):
            return
        (self._granted if answer.granted else self._denied).add(sender)
        self._count()

    def on_vote(self, sender: NodeId, asked: Vote) -> None:
        """Give the vote or not; a loyal member does not even take the term."""
        local = self._local
        if asked.term > local.term:
            if local.is_loyal() and not asked.transfer:
                return
            self._step_down(asked.term)
        granted = (
            asked.term == local.term
            and local.vote in ("", sender)
            and local.role is not Role.LEADER
            and not local.recovering
            and local.log.is_behind(asked.last_index, asked.last_term)
        )
        if granted:
            local.vote = sender
            local.be_patient()
        local.outbox.promises.append((sender, VoteAnswer(local.term, granted)))

    def on_vote_answer(self, sender: NodeId, answer: VoteAnswer) -> None:
        """Count a vote."""
        local = self._local
        if answer.term > local.term:
            if sender in local.membership.all:
                self._step_down(answer.term)
            return
        is_standing = local.role is Role.CANDIDATE and self._phase is Phase.STANDING
        if not is_standing or answer.term != local.term:
            return
        (self._granted if answer.granted else self._denied).add(sender)
        self._count()
