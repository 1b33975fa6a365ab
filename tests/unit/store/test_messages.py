import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether.core.store.limits import MAX_COMMAND_BYTES
from aether.store.pysyncobj.commands import Membership, NoOp, Regular
from aether.store.pysyncobj.messages import (
    Append,
    AppendAnswer,
    BadMessage,
    DumpChunk,
    Forward,
    Hello,
    LogEntry,
    Message,
    Ping,
    decode,
    encode,
)

MESSAGES: list[Hello | Ping | Message] = [
    Hello(1, "cluster", "node-1@h:1", "life", 3),
    Ping(),
    Append(2, 1, None, None, []),
    Append(2, 1, 4, 1, [LogEntry(5, 1, Regular(b"\x00")), LogEntry(6, 2, NoOp())]),
    DumpChunk(1, None, first=False, last=False),
    AppendAnswer(1, 2, reset=False, success=True),
    Forward(Membership("add", "node-2@h:2"), 9),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_messages_round_trip(message: Hello | Ping | Message) -> None:
    assert decode(encode(message)) == message


@given(st.binary(max_size=100))
def test_any_bytes_are_a_message_or_refused(body: bytes) -> None:
    try:
        message = decode(body)
    except BadMessage:
        return
    assert decode(encode(message)) == message


def test_what_is_outside_the_protocol_is_refused() -> None:
    pack = msgspec.msgpack.encode
    for value in (
        [99],
        [2, 0],
        [1, 1, "c" * 257, "n", "i", 1],
        [3, -1, 0, 0],
        [3, 2**63, 0, 0],
        [8, [4, b"x"], 1],
        [8, [3, "set", "node-1@h:1"], 1],
        [8, [1, bytes(MAX_COMMAND_BYTES + 1)], 1],
        {"type": "append_entries"},
    ):
        with pytest.raises(BadMessage):
            decode(pack(value))


@pytest.mark.parametrize("indexes", [(5, 7), (5, 5), (6, 5), (7, 8)])
def test_entries_must_follow_each_other(indexes: tuple[int, ...]) -> None:
    entries = [LogEntry(index, 1, NoOp()) for index in indexes]
    with pytest.raises(BadMessage):
        decode(encode(Append(1, 0, 4, 1, entries)))
