"""What the transport adds to the library's messages, with the library played by the test."""

from typing import Any

import pytest
from pysyncobj import FAIL_REASON

from aether.core.model.ids import NodeId
from aether.ports import Member
from aether.store.pysyncobj.commands import Regular, to_local
from aether.store.pysyncobj.members import Voter
from aether.store.pysyncobj.membership import MembershipGate
from aether.store.pysyncobj.messages import Append, AppendAnswer, DumpChunk, Forwarded, LogEntry
from aether.store.pysyncobj.network import Network
from aether.store.pysyncobj.transport import PeerTransport

ME = Member(NodeId("node-1"), "127.0.0.1:6101")
PEER = Voter("node-2@127.0.0.1:6102")
COMMAND = to_local(Regular(b"x"))


class Library:
    """A transport whose network takes all it is given, and what the library hears of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, connected: bool = True) -> None:
        self.term = 3
        self.heard: list[dict[str, Any]] = []
        self.sent: list[object] = []
        self.answers: list[dict[str, Any]] = []
        gate = MembershipGate(Voter("node-1@127.0.0.1:6101"), lambda: 0, lambda _: None)
        self.transport = PeerTransport(
            [], term=lambda: self.term, wake=lambda: None, changed=lambda: None, gate=gate
        )
        self.transport.open(ME, "one", "life")
        self.transport.setOnMessageReceivedCallback(self._received)

        def queue(_: Network, peer: Voter, message: object) -> bool:
            self.sent.append(message)
            return connected

        monkeypatch.setattr(Network, "queue", queue)

    def _received(self, peer: Voter, message: dict[str, Any]) -> None:
        self.heard.append(message)
        for answer in self.answers:
            self.transport.send(peer, answer)


def test_answers_of_another_term_are_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(monkeypatch)
    library.transport._received(PEER, AppendAnswer(2, 9, reset=False, success=True))
    assert library.heard == []
    library.transport._received(PEER, AppendAnswer(3, 9, reset=False, success=True))
    assert [message["next_node_idx"] for message in library.heard] == [9]


def test_acknowledged_entries_are_not_delivered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(monkeypatch)
    library.answers = [
        {"type": "next_node_idx", "next_node_idx": 7, "reset": False, "success": True}
    ]
    entries = [LogEntry(index, 3, Regular(b"x")) for index in (5, 6)]
    library.transport._received(PEER, Append(3, 4, 4, 2, entries))
    assert library.transport.journal_touched
    library.transport._received(PEER, Append(3, 4, 4, 2, entries[:1]))
    assert (library.heard[1]["prevLogIdx"], library.heard[1]["entries"]) == (6, [])
    library.transport._received(PEER, DumpChunk(3, None, first=False, last=False))
    library.transport._received(PEER, Append(3, 4, 4, 2, entries[:1]))
    assert library.heard[3]["prevLogIdx"] == 4


def test_a_refused_append_matches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(monkeypatch)
    library.answers = [
        {"type": "next_node_idx", "next_node_idx": 2, "reset": True, "success": False}
    ]
    message = Append(3, 4, 4, 2, [LogEntry(5, 3, Regular(b"x"))])
    library.transport._received(PEER, message)
    library.transport._received(PEER, message)
    assert len(library.heard[1]["entries"]) == 1


def test_votes_and_entries_ask_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(monkeypatch)
    transport = library.transport
    head = {"type": "append_entries", "term": 3, "commit_index": 1}
    transport.send(PEER, {**head, "prevLogIdx": 1, "prevLogTerm": 1, "entries": []})
    assert not transport.journal_touched
    transport.send(PEER, {**head, "prevLogIdx": 1, "prevLogTerm": 1, "entries": [(COMMAND, 2, 3)]})
    assert transport.journal_touched
    assert not transport.vote_touched
    transport.send(PEER, {"type": "response_vote", "term": 3})
    assert transport.vote_touched


def test_a_forward_that_cannot_leave_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(monkeypatch, connected=False)
    library.transport.send(PEER, {"type": "apply_command", "command": COMMAND, "request_id": 5})
    assert library.heard == [
        {
            "type": "apply_command_response",
            "request_id": 5,
            "error": FAIL_REASON.MISSING_LEADER,
        }
    ]


def test_forwards_on_a_lost_connection_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(monkeypatch)
    for request in (5, 6):
        message = {"type": "apply_command", "command": COMMAND, "request_id": request}
        library.transport.send(PEER, message)
    library.transport._received(PEER, Forwarded(5, 9, 3))
    library.heard.clear()
    library.transport._disconnected(PEER)
    assert [(m["request_id"], m["error"]) for m in library.heard] == [
        (6, FAIL_REASON.UNKNOWN_OUTCOME)
    ]


def test_what_is_not_in_the_protocol_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(monkeypatch)
    evil = {"type": "apply_command", "command": b"\x00cos\nsystem\n.", "request_id": 1}
    assert not library.transport.send(PEER, evil)
    assert library.sent == []
