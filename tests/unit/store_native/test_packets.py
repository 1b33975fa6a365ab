"""The bytes of packets: every kind comes back equal, nothing else comes back at all."""

import msgspec
import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.entries import COMMAND, Entry, Members, Peer, SnapshotPoint
from aether.core.raft.messages import (
    Append,
    AppendAnswer,
    PreVote,
    PreVoteAnswer,
    ReadAnswer,
    ReadRequest,
    TimeoutNow,
    Vote,
    VoteAnswer,
)
from aether.core.raft.values import AddLearner, Promote, Remove
from aether.store.native import packets
from aether.store.native.results import Applied, Refused, Unknown

POINT = SnapshotPoint(9, 2, 77, Members((Peer(NodeId("a"), "h:1"),)))
EVERY_KIND: list[packets.Packet] = [
    PreVote(3, 4, 2),
    PreVoteAnswer(3, True),
    Vote(3, 4, 2, False),
    VoteAnswer(3, False),
    Append(3, 8, 4, 2, 4, (Entry(5, 3, COMMAND, 12, b"put"), Entry(6, 3, COMMAND, 12, b"")), 6),
    AppendAnswer(3, 8, True, 4, 6, 0),
    TimeoutNow(3),
    ReadRequest(3, 2**52),
    ReadAnswer(3, 2**52, -1),
    packets.Forward(1, (b"one", b"two")),
    packets.ForwardAnswer(1, 5, 3),
    packets.ForwardAnswer(1, 0, 3, "not_leader", "b leads"),
    packets.ChangeRequest(2, 1, "d", "h:4", 5000),
    packets.TransferRequest(3, "", 5000),
    packets.RequestAnswer(3, 1, "", "", b"b"),
    packets.SnapshotChunk(3, POINT, 100, 0, b"bytes"),
    packets.SnapshotAnswer(3, 9, 2, 5, 1),
    packets.Checkpoint(1000, b"\x01" * 16),
]


@pytest.mark.parametrize("packet", EVERY_KIND, ids=lambda packet: type(packet).__name__)
def test_every_packet_comes_back_equal(packet: packets.Packet) -> None:
    data = packets.encode_packet(packet)
    assert packets.decode_packet(data) == packet
    assert packets.decode_packet(memoryview(data)) == packet


def test_every_kind_has_a_sample() -> None:
    kinds = {type(packet) for packet in EVERY_KIND}
    assert kinds == set(packets.Packet.__args__)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\x02" + packets.encode_packet(EVERY_KIND[0])[1:],
        packets.encode_packet(EVERY_KIND[0]) + b"\x00",
        packets.encode_packet(EVERY_KIND[9])[:-1],
        b"\x01" + msgspec.msgpack.encode([16, -1, [b"x"]]),
        b"\x01" + msgspec.msgpack.encode([16, 1, [b"x"], "more"]),
        b"\x01" + msgspec.msgpack.encode([99, 1]),
        b"\x01" + b"\x91" * 100_000,
        b"\x80\x04\x95pickle",
        b"\x01" + bytes(packets.MAX_PACKET),
    ],
)
def test_anything_else_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="packet"):
        packets.decode_packet(data)


@pytest.mark.parametrize(
    "change",
    [AddLearner(Peer(NodeId("d"), "h:4")), Promote(NodeId("d")), Remove(NodeId("d"))],
)
def test_changes_travel(change: AddLearner | Promote | Remove) -> None:
    request = packets.change_request(7, change, 1000)
    assert (request.seq, request.timeout_ms) == (7, 1000)
    assert packets.requested_change(request) == change


@pytest.mark.parametrize("result", [Applied(b"x"), Refused("lagging", "why"), Unknown("why")])
def test_results_travel(result: Applied | Refused | Unknown) -> None:
    assert packets.answered_result(packets.request_answer(7, result)) == result
