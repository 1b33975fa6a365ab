"""Laws of the socket between a node and its store: what is said is heard, and nothing else."""

import struct
from contextlib import suppress

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.model.reason import Reason
from aether.core.store.commands import Change, Changes, Entry, Range
from aether.frames import FrameError
from aether.store.protocol import (
    MAX_REQUEST_BYTES,
    AddMember,
    AskStatus,
    Follow,
    Get,
    Inbox,
    List,
    RemoveMember,
    Request,
    Submit,
    Transfer,
    Unfollow,
    add_frame,
    batches,
    found,
    request_decoder,
)

IDS = st.integers(0, 2**63 - 1)
TIMES = st.integers(1, 600_000)
TEXTS = st.text(max_size=30)
REQUESTS: st.SearchStrategy[Request] = st.one_of(
    st.builds(Submit, IDS, TIMES, st.binary(max_size=200)),
    st.builds(Get, IDS, TIMES, st.booleans(), TEXTS),
    st.builds(List, IDS, TIMES, st.booleans(), TEXTS, TEXTS, IDS, st.none() | IDS, TEXTS),
    st.builds(Follow, IDS, TEXTS, st.none() | IDS, TEXTS, st.booleans()),
    st.builds(Unfollow, IDS),
    st.builds(AskStatus, IDS),
    st.builds(AddMember, IDS, TIMES, TEXTS, TEXTS, st.booleans()),
    st.builds(RemoveMember, IDS, TIMES, TEXTS),
    st.builds(Transfer, IDS, TIMES, st.none() | TEXTS),
)
ENTRIES = st.builds(Entry, TEXTS, st.binary(max_size=50), IDS, IDS, IDS)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % (len(data) + 1) for place in places})
    return [data[begin:end] for begin, end in zip([0, *at], [*at, len(data)], strict=True)]


@given(st.lists(REQUESTS, max_size=8), st.lists(st.integers(0, 10_000), max_size=8))
def test_every_request_arrives_once_and_in_order(
    requests: list[Request], places: list[int]
) -> None:
    stream = bytearray()
    for request in requests:
        add_frame(stream, request)
    inbox = Inbox(request_decoder, MAX_REQUEST_BYTES)
    heard = [message for piece in cut(bytes(stream), places) for message in inbox.feed(piece)]
    assert heard == requests
    assert inbox.waiting_bytes == 0


@given(st.lists(st.binary(max_size=300), max_size=5))
@settings(max_examples=400)
def test_any_bytes_are_refused_or_wait(pieces: list[bytes]) -> None:
    inbox = Inbox(request_decoder, 1000)
    for piece in pieces:
        try:
            inbox.feed(piece)
        except FrameError:
            return
        assert inbox.waiting_bytes < 1000 + 4


@given(REQUESTS, st.integers(0, 400), st.integers(0, 255))
@settings(max_examples=400)
def test_a_damaged_request_is_refused_or_another_request(
    request: Request, place: int, byte: int
) -> None:
    stream = bytearray()
    add_frame(stream, request)
    stream[4 + place % (len(stream) - 4)] = byte
    try:
        heard = Inbox(request_decoder, MAX_REQUEST_BYTES).feed(bytes(stream))
    except FrameError:
        return
    assert all(isinstance(message, Request) for message in heard)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | TEXTS,
        lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXTS, inner, max_size=3),
    )
)
@settings(max_examples=400)
def test_any_other_value_is_no_request_but_never_an_accident(value: object) -> None:
    body = msgspec.msgpack.encode(value)
    inbox = Inbox(request_decoder, MAX_REQUEST_BYTES)
    with suppress(FrameError):
        heard = inbox.feed(struct.pack(">I", len(body)) + body)
        assert len(heard) == 1


@given(st.lists(ENTRIES, max_size=20), IDS, st.booleans())
def test_a_read_in_parts_is_the_read(entries: list[Entry], revision: int, more: bool) -> None:
    parts = list(found(1, Range(revision, tuple(entries), more)))
    assert [entry for part in parts for entry in part.entries] == entries
    assert [part.last for part in parts] == [*[False] * (len(parts) - 1), True]


@given(st.lists(st.builds(Change, TEXTS, st.none() | ENTRIES), max_size=20), IDS)
def test_a_transaction_in_parts_is_the_transaction(changes: list[Change], revision: int) -> None:
    parts = list(batches(1, Changes(revision, Reason("a", "b", "c"), tuple(changes))))
    assert [change for part in parts for change in part.changes] == changes
    assert {part.revision for part in parts} == {revision}
