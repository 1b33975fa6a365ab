"""Chunked bodies that are broken, and bounds; the laws are in tests/property."""

import pytest

from aether.dataplane.framing import ChunkedBody, FramingError, LengthBody, UntilClose, chunk


@pytest.mark.parametrize(
    "wire",
    [
        b"x\r\n",
        b"\r\n",
        b"-1\r\n",
        b"0x1\r\n",
        b"1 2\r\n",
        b"3\r\nabcd",
        b"3\r\nabc\n",
        b"3\nabc\r\n",
        b"1" * 16 + b"\r\n",
        b"1;a\x00\r\n",
        b"1" * 300,
        b"1;" + b"a" * 300,
        b"0\r\nno trailer\r\n\r\n",
        b"0\r\na: b\n\r\n\r\n",
        b"0\r\n" + b"a: b\r\n" * 3000,
        b"0\r\na: " + b"b" * 9000,
    ],
)
def test_broken_chunks_are_refused(wire: bytes) -> None:
    with pytest.raises(FramingError):
        ChunkedBody().feed(wire)


def test_broken_chunks_are_refused_byte_by_byte() -> None:
    body = ChunkedBody()
    for byte in b"3\r\nabc":
        body.feed(bytes([byte]))
    with pytest.raises(FramingError):
        body.feed(b"XY")


def test_extensions_and_trailers_are_passed_over() -> None:
    wire = b'3 ;name="value"\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\nGET'
    assert ChunkedBody().feed(wire) == (b"abc", b"GET", True)


def test_what_is_held_between_pieces_is_bounded() -> None:
    body = ChunkedBody()
    assert body.feed(b"1" * 10) == (b"", b"", False)
    assert body.feed(b"1") == (b"", b"", False)
    for _ in range(22):
        assert body.feed(b";" + b"a" * 10) == (b"", b"", False)
    with pytest.raises(FramingError):
        body.feed(b";" + b"a" * 10)


def test_no_payload_is_no_chunk() -> None:
    assert chunk(b"") == b""
    assert chunk(b"a" * 17) == b"11\r\n" + b"a" * 17 + b"\r\n"


def test_bodies_without_chunks() -> None:
    assert LengthBody(3).feed(b"abcd") == (b"abc", b"d", True)
    assert LengthBody(3).feed(b"ab") == (b"ab", b"", False)
    assert UntilClose().feed(b"ab") == (b"ab", b"", False)
