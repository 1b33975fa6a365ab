"""Length-prefixed msgpack frames on asyncio streams: how processes of Aether talk to each other.

A frame is four bytes of length, big-endian, then one msgpack value. A frame over the limit is a
broken or hostile peer: reading raises `FrameError` before any of it is buffered.
"""

import asyncio
import struct
from typing import Any

import msgspec

from aether.core.model.ids import write_id

MAX_FRAME_BYTES = 8 * 1024 * 1024
HEADER = struct.Struct(">I")


class FrameError(ConnectionError):
    """The peer sent something that is not a frame."""


def pack(value: object, limit: int = MAX_FRAME_BYTES) -> bytes:
    """Return `value` as one frame; raise ValueError when it is over `limit` bytes."""
    body = msgspec.msgpack.encode(value, enc_hook=write_id)
    if len(body) > limit:
        raise ValueError(f"a frame of {len(body)} bytes is over the limit of {limit}")
    return HEADER.pack(len(body)) + body


def unpack(body: bytes) -> Any:  # noqa: ANN401 - the caller converts to the type it expects
    """Return the value of a frame's body; raise FrameError when it is not msgpack."""
    try:
        return msgspec.msgpack.decode(body)
    except (ValueError, RecursionError) as problem:  # msgspec's errors, bad UTF-8, and too deep
        raise FrameError(f"not msgpack: {problem}") from problem


async def read_body(reader: asyncio.StreamReader, limit: int = MAX_FRAME_BYTES) -> bytes | None:
    """Return the next frame's body, or None at a clean end of the stream."""
    try:
        header = await reader.readexactly(HEADER.size)
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise FrameError("the stream ended inside a frame's header") from end
        return None
    (size,) = HEADER.unpack(header)
    if size > limit:
        raise FrameError(f"a frame of {size} bytes is over the limit of {limit}")
    try:
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError as end:
        raise FrameError("the stream ended inside a frame") from end


async def read_frame(reader: asyncio.StreamReader, limit: int = MAX_FRAME_BYTES) -> Any | None:  # noqa: ANN401 - see unpack
    """Return the next frame's value, or None at a clean end of the stream."""
    body = await read_body(reader, limit)
    return None if body is None else unpack(body)


async def write_frame(writer: asyncio.StreamWriter, value: object) -> None:
    """Send one frame and wait while the peer is slower than we are."""
    writer.write(pack(value))
    await writer.drain()
