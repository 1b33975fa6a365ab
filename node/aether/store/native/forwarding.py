"""Hands what callers ask of this member to whoever leads, and decides what other members hand to it."""

import math
from collections.abc import Callable

from aether.core.model.ids import NodeId
from aether.core.raft.raft import Raft
from aether.core.raft.values import Refusal
from aether.store.native.applying import Applying
from aether.store.native.leading import Leading
from aether.store.native.packets import (
    ChangeRequest,
    Forward,
    ForwardAnswer,
    Packet,
    RequestAnswer,
    TransferRequest,
    answered_result,
    request_answer,
    requested_change,
)
from aether.store.native.proposals import Proposals, Waiting
from aether.store.native.reading import Reads
from aether.store.native.requests import Request, Requests, Transfer, Wish
from aether.store.native.results import Applied, Refused, Result, Unknown

HOLD_S = 0.02
"""Before what a leader refused for a while is handed to a leader again."""
MOST_FORWARDED = 1024
"""Commands in one Forward."""
MOST_FORWARDED_BYTES = 1024 * 1024
"""Data in one Forward; a larger command travels alone."""

_HEALS_ITSELF = frozenset({"not_leader", "transferring", "full", "not_ready"})


class Forwarding:
    """The way of one member's requests to the leader, itself or another."""

    def __init__(
        self,
        applying: Applying,
        leading: Leading,
        reads: Reads,
        requests: Requests,
        send: Callable[[NodeId, Packet], None],
        node: NodeId,
    ) -> None:
        self._node = node
        self._applying = applying
        self._raft: Raft = applying.raft
        self._leading = leading
        self._proposals: Proposals = applying.proposals
        self._reads = reads
        self._requests = requests
        self._send = send
        self._hold_until = -math.inf
        self._reign: tuple[NodeId | None, int] = (None, 0)
        self.unreachable: NodeId | None = None
        """A leader whose connection closed and which was not heard since: nothing is handed to it."""

    @property
    def wake_at(self) -> float:
        """When `hand_on` may have something to do again."""
        waits = self._proposals.queued or self._reads.unasked
        return self._hold_until if waits and self._leader() is not None else math.inf

    def ready(self, now: float) -> bool:
        """Whether `hand_on` would hand something to a leader now."""
        return bool(
            (self._proposals.queued or self._reads.unasked)
            and now >= self._hold_until
            and self._leader() is not None
        )

    def hand_on(self, now: float) -> None:
        """Hand commands and reads to the leader, if there is one."""
        if now < self._hold_until:
            return
        leader = self._leader()
        if leader is None:
            return
        if self._proposals.queued:
            waiting = self._proposals.take_queued()
            if leader == self._node:
                self._propose(waiting, now)
            else:
                self._forward(leader, waiting)
        if self._reads.unasked:
            self._raft.read(self._reads.ask(now), now)

    def carry_requests(self, now: float) -> None:
        """Hand the membership requests that are due to the leader, if there is one."""
        if not len(self._requests):
            return
        self._requests.expire(now)
        leader = self._leader()
        for request in self._requests.due(now):
            if leader is None:
                self._requests.undecided(request, now)
            elif isinstance(request.wish, Transfer) and request.asked not in (None, leader):
                # The one that was asked leads no longer: that is what was wished for.
                self._requests.decided(request, Applied(leader.encode()))
            elif leader == self._node:
                self._decide_own(request, now)
            else:
                self._send(leader, self._requests.sent(request, leader, now))

    def link_lost(self, node: NodeId, now: float) -> None:
        """Give up on what a member was asked, and ask it nothing until it is heard again."""
        if node == self._raft.leader:
            self.unreachable = node
        self._proposals.lost(node, f"the connection from {node} closed before it answered")
        self._requests.lost(node, now)

    def hold(self, now: float) -> None:
        """Hand nothing on for a moment."""
        self._hold_until = now + HOLD_S

    def follow(self, now: float) -> bool:
        """Note who leads; when that changed, give up on answers of the last one and return True."""
        reign = (self._raft.leader, self._raft.term)
        if reign == self._reign:
            return False
        former, self._reign = self._reign[0], reign
        if former is not None:
            self._proposals.lost(None, f"leadership of {former} ended before it answered")
            self._requests.lost(None, now)
        self._hold_until = -math.inf
        self.unreachable = None
        return True

    def on_forward(self, sender: NodeId, packet: Forward, now: float) -> None:
        """Propose for another member."""
        raft = self._raft
        if not packet.commands:
            return
        known = raft.members
        if not any(peer.node == sender for peer in (*known.voters, *known.learners)):
            answer = ForwardAnswer(packet.seq, 0, raft.term, "unknown_member", "not a member")
        else:
            proposed = raft.propose(packet.commands, now, sender)
            if isinstance(proposed, Refusal):
                code, message = proposed.code, proposed.message
                answer = ForwardAnswer(packet.seq, 0, raft.term, code, message)
            else:
                answer = ForwardAnswer(packet.seq, proposed.first_index, proposed.term)
        self._send(sender, answer)

    def on_forward_answer(self, sender: NodeId, packet: ForwardAnswer, now: float) -> None:
        """Take word of where forwarded commands stand."""
        waiting = self._proposals.answered(sender, packet.seq)
        if packet.code:
            self._refused(waiting, packet.code, packet.message, now)
        elif packet.first_index <= self._applying.applied:
            for each in waiting:
                each.done(Unknown("it was applied before the leader told where it stands"))
        else:
            self._proposals.accepted(packet.first_index, packet.term, waiting)

    def on_request(
        self, sender: NodeId, packet: ChangeRequest | TransferRequest, now: float
    ) -> None:
        """Decide a membership request of another member."""
        wish: Wish
        if isinstance(packet, ChangeRequest):
            wish = requested_change(packet)
        else:
            wish = Transfer(NodeId(packet.target) if packet.target else None)

        def decided(result: Result) -> None:
            self._send(sender, request_answer(packet.seq, result))

        self._leading.decide(wish, decided, now + packet.timeout_ms / 1000, now)

    def on_request_answer(self, sender: NodeId, packet: RequestAnswer, now: float) -> None:
        """Take word of what became of a membership request."""
        request = self._requests.answered(sender, packet.seq)
        if request is not None:
            self._settle(request, answered_result(packet), now)

    def _leader(self) -> NodeId | None:
        leader = self._raft.leader
        return None if leader == self.unreachable else leader

    def _decide_own(self, request: Request, now: float) -> None:
        self._requests.sent(request, self._node, now)
        seq = request.seq

        def decided(result: Result) -> None:
            # Unless leadership moved meanwhile and it is asked elsewhere.
            if request.seq == seq:
                self._settle(request, result, now)

        self._leading.decide(request.wish, decided, request.deadline, now)

    def _settle(self, request: Request, result: Result, now: float) -> None:
        if isinstance(result, Refused) and result.code in _HEALS_ITSELF:
            self._requests.undecided(request, now)
        else:
            self._requests.decided(request, result)

    def _propose(self, waiting: list[Waiting], now: float) -> None:
        answer = self._raft.propose([each.command for each in waiting], now)
        if isinstance(answer, Refusal):
            self._refused(waiting, answer.code, answer.message, now)
        else:
            self._proposals.accepted(answer.first_index, answer.term, waiting)

    def _forward(self, leader: NodeId, waiting: list[Waiting]) -> None:
        start = size = 0
        for place, each in enumerate(waiting):
            if place > start and (
                place - start >= MOST_FORWARDED or size + len(each.command) > MOST_FORWARDED_BYTES
            ):
                self._forward_one(leader, waiting[start:place])
                start, size = place, 0
            size += len(each.command)
        self._forward_one(leader, waiting[start:])

    def _forward_one(self, leader: NodeId, waiting: list[Waiting]) -> None:
        seq = self._proposals.forwarded(leader, waiting)
        self._send(leader, Forward(seq, tuple(each.command for each in waiting)))

    def _refused(self, waiting: list[Waiting], code: str, message: str, now: float) -> None:
        if code in _HEALS_ITSELF:
            self.hold(now)
            self._proposals.give_back(waiting)
            return
        for each in waiting:
            each.done(Refused(code, message))
