"""Frames between local processes."""

import asyncio

import pytest

from aether.core.model.ids import Artifact
from aether.frames import HEADER, FrameError, pack, read_frame, unpack


def fed(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


async def test_a_value_comes_back_and_the_end_is_none() -> None:
    reader = fed(pack({"op": "hello", "id": Artifact("a:b:1.0.0")}) + pack([1, b"\x00"]))
    assert await read_frame(reader) == {"op": "hello", "id": "a:b:1.0.0"}
    assert await read_frame(reader) == [1, b"\x00"]
    assert await read_frame(reader) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00",
        HEADER.pack(10) + b"short",
        HEADER.pack(2**31) + b"x",
        HEADER.pack(2) + b"\xc1\xc1",
        b"GET / HTTP/1.1\r\n\r\n",
        HEADER.pack(2) + b"\xa1\xff",  # text that is no UTF-8
        HEADER.pack(100_000) + b"\x91" * 100_000,  # deeper than any stack
    ],
)
async def test_what_is_no_frame_is_refused_before_it_is_buffered(data: bytes) -> None:
    with pytest.raises(FrameError):
        await read_frame(fed(data))


def test_limits_hold_on_the_way_out_too() -> None:
    with pytest.raises(ValueError, match="limit of 16"):
        pack(b"x" * 100, limit=16)
    with pytest.raises(FrameError):
        unpack(b"\xc1")
