"""PySyncObj's transport: its messages in our form, over our connections, after our fsync.

What PySyncObj sends during a turn of the event loop waits until `flush`, which first makes the
journal durable when a message promises that it is. Three faults of the library are mended on the
way: answers carry their term (`messages`), followers do not cut off what they have acknowledged
(`matched`), and a forwarded command whose connection is lost is answered at once.
"""

from collections.abc import Callable, Iterable
from typing import Any

import structlog
from pysyncobj import FAIL_REASON
from pysyncobj.transport import Transport

from aether.ports import Member
from aether.store.pysyncobj.matched import MatchedPrefix
from aether.store.pysyncobj.members import Voter
from aether.store.pysyncobj.membership import MembershipGate
from aether.store.pysyncobj.messages import (
    Append,
    AppendAnswer,
    DumpChunk,
    Forward,
    Forwarded,
    ForwardRefused,
    Message,
    VoteGranted,
    VoteRequest,
)
from aether.store.pysyncobj.network import Events, Network
from aether.store.pysyncobj.translation import from_library, refusal, to_library

log = structlog.get_logger()


class PeerTransport(Transport):  # type: ignore[misc]  # the library has no annotations
    """Carries PySyncObj's messages between voters.

    `term` is the present term; `wake` asks for a tick soon; `changed` is called when the voters
    may have changed.
    """

    def __init__(
        self,
        others: Iterable[Voter],
        *,
        term: Callable[[], int],
        wake: Callable[[], None],
        changed: Callable[[], None],
        gate: MembershipGate,
    ) -> None:
        super().__init__(None, None, [])
        self._others = list(others)
        self._term = term
        self._wake = wake
        self._changed = changed
        self._gate = gate
        self._network: Network | None = None
        self._matched = MatchedPrefix()
        self._delivering: Append | None = None
        self._forwarded: dict[str, set[int]] = {}
        self.journal_touched = False
        """Whether something was promised of the journal since it was last made durable."""
        self.vote_touched = False
        """The same for term and vote."""

    def open(self, me: Member, cluster_id: str, incarnation: str) -> Network:
        """Make the network this transport speaks through; the caller listens with it."""
        events = Events(self._connected, self._disconnected, self._received)
        self._network = Network(me, cluster_id, incarnation, events)
        for other in self._others:
            self._network.add(other)
        return self._network

    def addNode(self, node: Voter) -> None:  # noqa: N802 - the library's name
        """Let a voter in: PySyncObj added it."""
        if self._network is not None:
            self._network.add(node)
        self._changed()

    def dropNode(self, node: Voter) -> None:  # noqa: N802 - the library's name
        """Cut a voter off: PySyncObj removed it."""
        if self._network is not None:
            self._network.remove(node)
        self._changed()

    def send(self, node: Voter, message: dict[str, Any]) -> bool:
        """Queue a message of PySyncObj until the end of this turn."""
        try:
            ours = from_library(message, self._term())
        except ValueError:
            log.exception("raft message not sent", peer=node.id)
            return False
        self._note(node, ours)
        sent = self._network is not None and self._network.queue(node, ours)
        if isinstance(ours, Forward):
            if sent:
                self._forwarded.setdefault(node.id, set()).add(ours.request)
            else:
                self._answer(node, ours.request, FAIL_REASON.MISSING_LEADER)
        return sent

    def _note(self, peer: Voter, message: Message) -> None:
        """Remember what must be durable before `message` leaves."""
        match message:
            case Append(entries=[_, *_]):
                self.journal_touched = True
            case AppendAnswer(success=True):
                if self._delivering is not None:
                    self._matched.accepted(self._delivering)
            case VoteRequest() | VoteGranted():
                self.vote_touched = True
            case Forwarded() | ForwardRefused():
                self._gate.answered(peer, message)
            case _:
                pass

    def _connected(self, peer: Voter) -> None:
        self._onNodeConnected(peer)
        self._wake()

    def _disconnected(self, peer: Voter) -> None:
        self._onNodeDisconnected(peer)
        for request in sorted(self._forwarded.pop(peer.id, ())):
            self._answer(peer, request, FAIL_REASON.UNKNOWN_OUTCOME)

    def _answer(self, peer: Voter, request: int, error: int) -> None:
        """Answer a forwarded command in the stead of a leader that cannot."""
        self._onMessageReceived(peer, refusal(request, error))

    def _received(self, peer: Voter, message: Message) -> None:
        match message:
            case AppendAnswer(term=term) if term != self._term():
                return
            case Forwarded(request=request) | ForwardRefused(request=request):
                self._forwarded.get(peer.id, set()).discard(request)
            case Forward(request=request):
                if (error := self._gate.refuses(peer, message)) is not None:
                    self.send(peer, refusal(request, error))
                    self._wake()
                    return
            case DumpChunk():
                self._matched.forget()
            case _:
                pass
        self._deliver(peer, message)
        self._wake()

    def _deliver(self, peer: Voter, message: Message) -> None:
        if not isinstance(message, Append):
            self._onMessageReceived(peer, to_library(message))
            return
        message = self._matched.shortened(message)
        self.journal_touched = self.journal_touched or bool(message.entries)
        self._delivering = message
        try:
            self._onMessageReceived(peer, to_library(message))
        finally:
            self._delivering = None
