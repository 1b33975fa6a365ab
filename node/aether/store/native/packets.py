"""What members send each other: Raft's messages and what the replica adds, and their bytes.

A packet is one schema byte, then msgpack of a closed tagged union. Rules for this file: tags and
field order never change; a new field goes last with a default; a change that old members cannot
read raises `SCHEMA`. Who sent a packet is told by the link.
"""

from typing import Annotated

import msgspec

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Peer, SnapshotPoint
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
from aether.core.raft.values import AddLearner, Change, Promote, Remove
from aether.store.native.results import Applied, Refused, Result, Unknown

SCHEMA = 1
MAX_PACKET = 8 * 1024 * 1024
"""Most bytes of one packet, schema byte included."""
MAX_COMMAND = 4 * 1024 * 1024
"""Most bytes of one command; twice that fits a packet with everything around it."""
_HEADER = bytes([SCHEMA])

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Chunk = Annotated[bytes, msgspec.Meta(max_length=4 * 1024 * 1024)]
Short = Annotated[str, msgspec.Meta(max_length=1024)]


class _Wire(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """Base of every packet: an array, closed to fields it does not know."""


class Forward(_Wire, tag=16, frozen=True):
    """Propose these commands for me, in this order, all or none; answered by ForwardAnswer."""

    seq: Count
    """Tells this member's forwards apart; starts at random when it starts."""
    commands: tuple[bytes, ...]


class ForwardAnswer(_Wire, tag=17, frozen=True):
    """The commands stand in the log from (`first_index`, `term`) on, or `code` says why not."""

    seq: Count
    first_index: Count
    term: Count
    code: Short = ""
    """Empty when they were accepted; else a code of Refusal."""
    message: Short = ""


class ChangeRequest(_Wire, tag=18, frozen=True):
    """Change the members for me; answered by RequestAnswer once that is decided."""

    seq: Count
    kind: Annotated[int, msgspec.Meta(ge=1, le=3)]
    """1: let learn, 2: promote, 3: remove."""
    node: Short
    address: Short
    """Of a member to let learn; else empty."""
    timeout_ms: Count


class TransferRequest(_Wire, tag=19, frozen=True):
    """Hand leadership to `target`, or to whoever is most up to date when it is empty."""

    seq: Count
    target: Short
    timeout_ms: Count


class RequestAnswer(_Wire, tag=20, frozen=True):
    """What became of a ChangeRequest or TransferRequest."""

    seq: Count
    kind: Annotated[int, msgspec.Meta(ge=1, le=3)]
    """1: applied, 2: refused, 3: unknown."""
    code: Short
    message: Short
    data: Chunk


class SnapshotChunk(_Wire, tag=21, frozen=True):
    """Bytes of the file of a snapshot from `offset` on; `size` is that of the whole file.

    Without data it asks how much of the file the receiver has.
    """

    term: Count
    point: SnapshotPoint
    size: Count
    offset: Count
    data: Chunk


class SnapshotAnswer(_Wire, tag=22, frozen=True):
    """How far the receiver of the snapshot at (`index`, `point_term`) is."""

    term: Count
    index: Count
    point_term: Count
    offset: Count
    """The next byte it wants."""
    state: Annotated[int, msgspec.Meta(ge=1, le=3)]
    """1: receiving, 2: it holds everything up to `index`, 3: it failed, begin again."""


class Checkpoint(_Wire, tag=23, frozen=True):
    """Digest of the sender's state machine after it applied `index`."""

    index: Count
    digest: Annotated[bytes, msgspec.Meta(max_length=64)]


Own = (
    Forward
    | ForwardAnswer
    | ChangeRequest
    | TransferRequest
    | RequestAnswer
    | SnapshotChunk
    | SnapshotAnswer
    | Checkpoint
)
Packet = Message | Own

MESSAGES = (
    Append,
    AppendAnswer,
    PreVote,
    PreVoteAnswer,
    Vote,
    VoteAnswer,
    TimeoutNow,
    ReadRequest,
    ReadAnswer,
)
"""The packets that are Raft's."""

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Packet] = msgspec.msgpack.Decoder(Packet)


def encode_packet(packet: Packet) -> bytes:
    """Return the bytes of a packet."""
    return _HEADER + _encoder.encode(packet)


def decode_packet(data: bytes | memoryview) -> Packet:
    """Return the packet in `data`; raises ValueError saying what is wrong with it."""
    if len(data) > MAX_PACKET:
        raise ValueError(f"a packet of {len(data)} bytes: {MAX_PACKET} at most")
    view = memoryview(data)
    if view[:1] != _HEADER:
        found = f"schema {view[0]}" if view else "nothing"
        raise ValueError(f"a packet of schema {SCHEMA} was expected, not {found}")
    try:
        return _decoder.decode(view[1:])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a packet: {error}") from error


def change_request(seq: int, change: Change, timeout_ms: int) -> ChangeRequest:
    """Return the request for a change of members."""
    match change:
        case AddLearner(peer):
            return ChangeRequest(seq, 1, peer.node, peer.address, timeout_ms)
        case Promote(node):
            return ChangeRequest(seq, 2, node, "", timeout_ms)
        case Remove(node):
            return ChangeRequest(seq, 3, node, "", timeout_ms)


def requested_change(request: ChangeRequest) -> Change:
    """Return the change a request is about."""
    node = NodeId(request.node)
    if request.kind == 1:
        return AddLearner(Peer(node, request.address))
    return Promote(node) if request.kind == 2 else Remove(node)


def request_answer(seq: int, result: Result) -> RequestAnswer:
    """Return the answer that tells `result`."""
    match result:
        case Applied(data):
            return RequestAnswer(seq, 1, "", "", data)
        case Refused(code, message):
            return RequestAnswer(seq, 2, code, message[:1024], b"")
        case Unknown(message):
            return RequestAnswer(seq, 3, "", message[:1024], b"")


def answered_result(answer: RequestAnswer) -> Result:
    """Return the result an answer tells."""
    if answer.kind == 1:
        return Applied(answer.data)
    if answer.kind == 2:
        return Refused(answer.code, answer.message)
    return Unknown(answer.message)
