import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether.frames import HEADER, FrameError
from aether.store.native.splitter import PING, Splitter


def framed(*bodies: bytes) -> bytes:
    return b"".join(HEADER.pack(len(body)) + body for body in bodies)


def fed(splitter: Splitter, *pieces: bytes) -> list[bytes]:
    return [bytes(body) for piece in pieces for body in splitter.feed(piece)]


@given(st.lists(st.binary(max_size=40), max_size=8), st.data())
def test_however_a_stream_is_cut_its_frames_are_the_same(
    bodies: list[bytes], data: st.DataObject
) -> None:
    stream = framed(*bodies)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    ends = [*cuts, len(stream)]
    pieces = [stream[start:end] for start, end in zip([0, *cuts], ends, strict=True)]
    assert fed(Splitter(40), *pieces) == bodies


def test_a_ping_is_an_empty_frame() -> None:
    assert fed(Splitter(10), PING) == [b""]


def test_a_length_over_the_limit_is_refused_before_its_body() -> None:
    splitter = Splitter(10)
    assert fed(splitter, framed(bytes(10))) == [bytes(10)]
    with pytest.raises(FrameError, match="2147483648 bytes is over the limit of 10"):
        splitter.feed(HEADER.pack(2**31))


def test_a_length_cut_in_two_is_refused_too() -> None:
    splitter = Splitter(10)
    assert splitter.feed(HEADER.pack(2**31)[:3]) == []
    with pytest.raises(FrameError, match="over the limit"):
        splitter.feed(HEADER.pack(2**31)[3:])


def test_a_large_frame_in_small_pieces_is_held_once() -> None:
    splitter = Splitter(1 << 20)
    stream = framed(bytes(1 << 20))
    pieces = [stream[at : at + 1000] for at in range(0, len(stream), 1000)]
    assert fed(splitter, *pieces) == [bytes(1 << 20)]
    assert splitter._held == b""
