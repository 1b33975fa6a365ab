import struct

import pytest

from aether.core.model.reason import Reason
from aether.core.store.commands import Change, Changes, Entry, Range
from aether.frames import FrameError
from aether.store.protocol import (
    MAX_ANSWER_BYTES,
    MAX_REQUEST_BYTES,
    PART_BYTES,
    Get,
    Inbox,
    Request,
    Submit,
    Unfollow,
    add_frame,
    batches,
    found,
    request_decoder,
)

ASKED: list[Request] = [Submit(1, 1500, b"command"), Get(2, 10, True, "k"), Unfollow(2**63 - 1)]


def frames(*messages: Request) -> bytes:
    buffer = bytearray()
    for message in messages:
        add_frame(buffer, message)
    return bytes(buffer)


def inbox(limit: int = MAX_REQUEST_BYTES) -> Inbox[Request]:
    return Inbox(request_decoder, limit)


@pytest.mark.parametrize("piece", [1, 3, 7, 1000])
def test_requests_arrive_however_the_stream_is_cut(piece: int) -> None:
    stream, box = frames(*ASKED), inbox()
    arrived = [
        message
        for begin in range(0, len(stream), piece)
        for message in box.feed(stream[begin : begin + piece])
    ]
    assert arrived == ASKED
    assert box.waiting_bytes == 0


def test_an_incomplete_frame_waits() -> None:
    box, stream = inbox(), frames(*ASKED)
    assert box.feed(stream[:-1]) == ASKED[:-1]
    assert box.waiting_bytes == len(frames(ASKED[-1])) - 1
    assert box.feed(stream[-1:]) == ASKED[-1:]


def test_a_frame_over_the_limit_is_refused_before_it_comes() -> None:
    with pytest.raises(FrameError, match="2147483648"):
        inbox().feed(struct.pack(">I", 2**31))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x80\x04\x95.",
        b"\x93\x01\x01\x01",
        b"\x94\x63\x01\x01\xc4\x00",
        b"\xdd\xff\xff\xff\xff",
        b"\x94\x01\x01\x00\xc4\x01x",
        b"\x92\x05\xff",
        b"\x95\x02\x01\x0a\xc3\xa1\xff",
    ],
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(FrameError, match="not a message"):
        inbox().feed(struct.pack(">I", len(body)) + body)


def test_what_cannot_be_written_leaves_the_buffer_as_it_was() -> None:
    buffer = bytearray(frames(ASKED[0]))
    with pytest.raises(UnicodeEncodeError):
        add_frame(buffer, Get(1, 1, True, "\ud800"))
    assert bytes(buffer) == frames(ASKED[0])


def test_long_answers_come_in_parts_of_one_revision() -> None:
    entries = tuple(Entry(f"k/{n}", bytes(PART_BYTES // 2), 1, 1, 1) for n in range(7))
    parts = list(found(5, Range(9, entries, more=True)))
    assert [entry for part in parts for entry in part.entries] == list(entries)
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert {(part.revision, part.more) for part in parts} == {(9, True)}
    assert len(parts) > 2
    for part in parts:
        buffer = bytearray()
        add_frame(buffer, part)
        assert len(buffer) < MAX_ANSWER_BYTES


def test_an_empty_answer_is_one_part() -> None:
    (part,) = found(5, Range(0, ()))
    assert part.last


def test_a_transaction_that_deleted_much_is_told_in_parts() -> None:
    changes = Changes(
        3, Reason("a", "b", "c"), tuple(Change("k" * 1000, None) for _ in range(5000))
    )
    parts = list(batches(1, changes))
    assert sum(len(part.changes) for part in parts) == 5000
    assert [part.last for part in parts].count(True) == 1
    assert parts[-1].last
