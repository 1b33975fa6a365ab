"""What only the leader does for the group: changes of members, handing over, commands that fall due."""

import math
from dataclasses import dataclass

from aether.core.model.ids import NodeId
from aether.core.raft.raft import Raft
from aether.core.raft.values import Change, Refusal, Role
from aether.ports import StateMachine
from aether.store.native.proposals import Proposals
from aether.store.native.requests import MOST_REQUESTS, Transfer, Wish
from aether.store.native.results import Applied, Done, Refused, Unknown

DUE_S = 0.5
"""Between two questions to the state machine what has fallen due."""


@dataclass(slots=True, eq=False)
class _Handover:
    """A transfer of leadership somebody waits for."""

    done: Done
    deadline: float
    give_up_at: float


class Leading:
    """The part of a member that has work while it leads."""

    def __init__(
        self,
        node: NodeId,
        raft: Raft,
        machine: StateMachine,
        proposals: Proposals,
        election_s: float,
    ) -> None:
        self._node = node
        self._raft = raft
        self._machine = machine
        self._proposals = proposals
        self._election_s = election_s
        self._handovers: list[_Handover] = []
        self._due_at = -math.inf

    @property
    def wake_at(self) -> float:
        """When `step` may have something to do."""
        ends = (min(each.deadline, each.give_up_at) for each in self._handovers)
        due_at = self._due_at if self._raft.role is Role.LEADER else math.inf
        return min(due_at, min(ends, default=math.inf))

    def decide(self, wish: Wish, done: Done, deadline: float, now: float) -> None:
        """Carry out a wish; refused as `not_leader` when this member does not lead."""
        if self._raft.role is not Role.LEADER:
            done(Refused("not_leader", f"{self._node} does not lead"))
        elif isinstance(wish, Transfer):
            self._hand_over(wish.target, done, deadline, now)
        else:
            self._change(wish, done, deadline, now)

    def step(self, now: float) -> None:
        """Propose what fell due; tell those whose handover has ended."""
        if self._handovers:
            self._settle(now)
        if self._raft.role is Role.LEADER and self._due_at <= now:
            self._due_at = now + DUE_S
            command = self._machine.due(self._raft.time_ms(now))
            if command is not None:
                self._raft.propose((command,), now)

    def close(self, why: str) -> None:
        """End every handover."""
        handovers, self._handovers = self._handovers, []
        for each in handovers:
            each.done(Unknown(why))

    def _change(self, change: Change, done: Done, deadline: float, now: float) -> None:
        answer = self._raft.change(change, now)
        if isinstance(answer, Refusal):
            done(Refused(answer.code, answer.message))
        elif answer.first_index <= self._raft.commit:
            done(Applied(b""))
        else:
            self._proposals.await_index(answer.first_index, answer.term, done, deadline)

    def _hand_over(self, target: NodeId | None, done: Done, deadline: float, now: float) -> None:
        if target == self._node:
            done(Applied(target.encode()))
            return
        if len(self._handovers) >= MOST_REQUESTS:
            done(Refused("busy", f"{MOST_REQUESTS} handovers are waited for already"))
            return
        refusal = self._raft.transfer(target, now)
        if refusal is not None:
            done(Refused(refusal.code, refusal.message))
            return
        self._handovers.append(_Handover(done, deadline, now + 2 * self._election_s))

    def _settle(self, now: float) -> None:
        leader = self._raft.leader
        if leader is not None and leader != self._node:
            self._end(self._handovers, Applied(leader.encode()))
        still_leads = self._raft.role is Role.LEADER
        failed = [each for each in self._handovers if each.give_up_at <= now and still_leads]
        self._end(failed, Refused("lagging", "nobody took over in time"))
        late = [each for each in self._handovers if each.deadline <= now]
        self._end(late, Unknown("the deadline passed before anybody led again"))
        for each in self._handovers:
            if each.give_up_at <= now:
                each.give_up_at = each.deadline

    def _end(self, ended: list[_Handover], result: Applied | Refused | Unknown) -> None:
        self._handovers = [each for each in self._handovers if each not in ended]
        for each in ended:
            each.done(result)
