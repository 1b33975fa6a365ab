"""What reads bytes it has no reason to trust: name, good inputs, the reader, its one way to refuse."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.raft.entries import COMMAND, NOOP, Entry, Members, Peer, SnapshotPoint
from aether.core.raft.messages import Append, AppendAnswer, PreVote, ReadRequest, TimeoutNow, Vote
from aether.core.store.codec import decode_command, decode_result, encode_command, encode_result
from aether.core.store.commands import Applied, Delete, DeletePrefix, Guard, Put, Refused, Txn
from aether.core.store.machine import KvMachine
from aether.dataplane.forwarded import Door
from aether.dataplane.framing import ChunkedBody, FramingError
from aether.dataplane.header_lines import BadHead
from aether.dataplane.heads import HEAD_END, RequestHead, RequestReader, read_response
from aether.frames import FrameError
from aether.store import protocol
from aether.store.native import handshake, packets
from aether.store.native.splitter import MAX_FRAME_BYTES, Splitter

Refusals = tuple[type[Exception], ...]
PEERS = (Peer(NodeId("n1"), "10.0.0.1:6100"), Peer(NodeId("n2"), "10.0.0.2:6100"))
REASON = Reason(actor="api:fuzz", rule="test", text="a text", inputs={"a": "b"})


@dataclass(frozen=True, slots=True)
class Decoder:
    """One reader of bytes."""

    name: str
    seeds: list[bytes]
    read: Callable[[bytes], object]
    refusals: Refusals
    """What it may raise; anything else is a fault."""


def _commands() -> list[bytes]:
    return [
        encode_command(Txn(then=(Put("app/a", b"value"),), reason=REASON, request_id="r1")),
        encode_command(
            Txn(
                then=(Delete("app/a"), DeletePrefix("app/b/")),
                otherwise=(Put("app/c", b""),),
                guards=(Guard("app/a", 7), Guard("app/b", 0)),
                reason=REASON,
            )
        ),
    ]


def _packets() -> list[bytes]:
    entries = (Entry(8, 3, NOOP, 1000, b""), Entry(9, 3, COMMAND, 1001, _commands()[0]))
    point = SnapshotPoint(7, 3, 900, Members(PEERS))
    said = (
        PreVote(3, 9, 3),
        Vote(4, 9, 3, True),
        Append(3, 12, 7, 3, 6, entries, 9),
        AppendAnswer(3, 12, True, 7, 9, 0),
        TimeoutNow(3),
        ReadRequest(3, 17),
        packets.Forward(1, tuple(_commands())),
        packets.ForwardAnswer(1, 10, 3),
        packets.ChangeRequest(2, 1, "n3", "10.0.0.3:6100", 5000),
        packets.TransferRequest(3, "n2", 5000),
        packets.RequestAnswer(2, 2, "lagging", "it has not caught up", b""),
        packets.SnapshotChunk(3, point, 1000, 0, b"chunk" * 20),
        packets.SnapshotAnswer(3, 7, 3, 100, 1),
        packets.Checkpoint(1000, b"d" * 32),
    )
    return [packets.encode_packet(one) for one in said]


def _frames(messages: Sequence[protocol.Request | protocol.Answer]) -> list[bytes]:
    found = []
    for message in messages:
        frame = bytearray()
        protocol.add_frame(frame, message)
        found.append(bytes(frame))
    return [*found, b"".join(found)]


def _requests() -> list[bytes]:
    return _frames(
        (
            protocol.Submit(1, 5000, _commands()[0]),
            protocol.Get(2, 5000, True, "app/a"),
            protocol.List(3, 5000, False, "app/", "app/b", 10, 7),
            protocol.Follow(4, "app/", 7),
            protocol.Unfollow(4),
            protocol.AskStatus(5),
            protocol.AddMember(6, 5000, "n3", "10.0.0.3:6100", True),
            protocol.RemoveMember(7, 5000, "n3"),
            protocol.Transfer(8, 5000, None),
        )
    )


def _answers() -> list[bytes]:
    members = [protocol.WireMember("n1", "10.0.0.1:6100", True)]
    return _frames(
        (
            protocol.Hello(1, "n1", "c", 77),
            protocol.Done(1, encode_result(Applied(5))),
            protocol.Failed(2, "refused", "no_quorum", "nobody leads", {"term": 3}),
            protocol.Progress(4, 9),
            protocol.Shape("n1", 3, members),
        )
    )


def _read_requests(data: bytes) -> object:
    return protocol.Inbox(protocol.request_decoder, protocol.MAX_REQUEST_BYTES).feed(data)


def _read_answers(data: bytes) -> object:
    return protocol.Inbox(protocol.answer_decoder, protocol.MAX_ANSWER_BYTES).feed(data)


def _read_packet(data: bytes) -> object:
    """Read a packet; what was taken for one must come back from its own bytes."""
    packet = packets.decode_packet(data)
    assert packets.decode_packet(packets.encode_packet(packet)) == packet
    return packet


def _read_command(data: bytes) -> object:
    """Read a command; one command has one form in bytes."""
    command = decode_command(data)
    assert encode_command(command) == bytes(data)
    return command


def _read_stream(data: bytes) -> object:
    """Cut a stream into frames: in one piece and byte by byte it is the same."""
    whole = [bytes(body) for body in Splitter(MAX_FRAME_BYTES).feed(data)]
    splitter = Splitter(MAX_FRAME_BYTES)
    drops = [bytes(body) for at in range(len(data)) for body in splitter.feed(data[at : at + 1])]
    assert drops == whole
    return whole


def _apply(data: bytes) -> object:
    """Apply anything at all: two machines answer the same, and none raises."""
    one, other = KvMachine(), KvMachine()
    answer = one.apply(data, 1000)
    assert other.apply(data, 1000) == answer
    assert one.digest() == other.digest()
    return decode_result(answer)


def _hello() -> list[bytes]:
    hello = handshake.Hello("cluster", "n1", "n2", "abcdef", 3, "10.0.0.1:6100")
    return [handshake.encode(hello)]


def _welcome() -> list[bytes]:
    denial = handshake.Denial(handshake.WRONG_NODE, "this is n3")
    return [handshake.encode(handshake.Welcome("n2")), handshake.encode(denial)]


def _read_welcome(data: bytes) -> None:
    handshake.check_answer(data, NodeId("n2"))


def _outcomes() -> list[bytes]:
    refused = Refused(9, (Guard("app/a", 7),), "it is at 8")
    return [encode_result(Applied(12)), encode_result(refused)]


_HEAD_LINES = (
    b"Host: a.example\r\nAccept: */*\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\n\r\n",
    b"Host: a\r\nContent-Length: 12\r\nExpect: 100-continue\r\nX-Request-Id: r1\r\n\r\n",
    b"Host: a\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\nTE: trailers\r\n\r\n",
    b"Host: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nForwarded: for=1.2.3.4\r\n\r\n",
    b"Host: a\r\nX_Forwarded_For: 1\r\nX-Aether-Slice: a:b\r\nTraceparent: 00-1-2-3\r\n\r\n",
)
_START_LINES = (b"GET /a?b HTTP/1.1\r\n", b"POST http://a/b HTTP/1.1\r\n", b"PUT / HTTP/1.0\r\n")


def _heads() -> list[bytes]:
    return [start + lines for start in _START_LINES[:2] for lines in _HEAD_LINES]


def _read_head(data: bytes) -> object:
    """Read a request's head twice, the second time by a reader that knows its lines.

    Both say the same, and what is passed on has one framing, no blank line and nothing spoofed.
    """
    data = _one_head(data)
    door = Door(is_public=True, client="10.0.0.1")
    fresh = RequestReader(door).read(data)
    warm = RequestReader(door)
    _, line_end, lines = data.partition(b"\r\n")
    for start in _START_LINES:
        with contextlib.suppress(BadHead):
            warm.read(start[:-2] + line_end + lines)
    assert warm.read(data) == fresh
    _check_passed_on(fresh)
    return fresh


def _check_passed_on(head: RequestHead) -> None:
    names = [line.partition(b":")[0].strip().lower() for line in head.lines.split(b"\r\n")]
    assert head.line.count(b"\r\n") == 1
    assert b"" not in names[:-1]
    assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1
    assert not [name for name in names if name.replace(b"_", b"-").startswith(b"x-aether-")]
    assert names.count(b"x-forwarded-for") == 1


def _answers_of_instances() -> list[bytes]:
    return [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n",
        b"HTTP/1.0 404 No\r\nConnection: close\r\n\r\n",
    ]


def _read_answer(data: bytes) -> object:
    return read_response(_one_head(data), "GET")


def _one_head(data: bytes) -> bytes:
    """Return the bytes up to the first blank line: the readers are never given others."""
    end = data.find(HEAD_END)
    if end < 0:
        raise BadHead("it has no end")
    return data[: end + 4]


def _chunked_bodies() -> list[bytes]:
    return [b"3\r\nabc\r\n0\r\n\r\n", b"a;x=y\r\n0123456789\r\n1\r\nz\r\n0\r\nx-sum: 1\r\n\r\nGET"]


def _read_chunks(data: bytes) -> object:
    """Take a chunked body apart: in one piece and byte by byte it is the same."""
    whole = ChunkedBody(frozenset({b"x-sum"}))
    payload, rest, done = whole.feed(data)
    drops, taken, position, ended = ChunkedBody(frozenset({b"x-sum"})), b"", 0, False
    while position < len(data) and not ended:
        piece, _, ended = drops.feed(data[position : position + 1])
        taken, position = taken + piece, position + 1
    assert (taken, data[position:], ended) == (payload, rest if done else b"", done)
    assert drops.trailers == whole.trailers
    return payload


def decoders() -> list[Decoder]:
    """Return every reader of untrusted bytes that is a function of them."""
    framed = _frames([protocol.AskStatus(1)])
    return [
        Decoder("packet", _packets(), _read_packet, (ValueError,)),
        Decoder("command", _commands(), _read_command, (ValueError,)),
        Decoder("result", _outcomes(), decode_result, (ValueError,)),
        Decoder("machine", _commands(), _apply, ()),
        Decoder("request", _requests(), _read_requests, (FrameError,)),
        Decoder("answer", _answers(), _read_answers, (FrameError,)),
        Decoder("request head", _heads(), _read_head, (BadHead,)),
        Decoder("response head", _answers_of_instances(), _read_answer, (BadHead,)),
        Decoder("chunks", _chunked_bodies(), _read_chunks, (FramingError,)),
        Decoder("stream", framed, _read_stream, (FrameError,)),
        Decoder("hello", _hello(), handshake.decode_hello, (handshake.Denied,)),
        Decoder("welcome", _welcome(), _read_welcome, (handshake.Denied,)),
    ]
