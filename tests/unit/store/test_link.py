import asyncio
from collections.abc import AsyncIterator

import pytest

from aether.frames import HEADER, FrameError
from aether.store.pysyncobj import link as link_module
from aether.store.pysyncobj.link import Link, read_hello, read_message
from aether.store.pysyncobj.messages import MAX_FRAME_BYTES, DumpChunk, Hello, Ping, encode

HELLO = Hello(1, "one", "node-1@127.0.0.1:6101", "life", 1)


def stream(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


def framed(body: bytes) -> bytes:
    return HEADER.pack(len(body)) + body


async def test_frames_are_read_to_the_end() -> None:
    reader = stream(framed(encode(HELLO)) + framed(encode(Ping())))
    assert await read_hello(reader) == HELLO
    assert await read_message(reader, 100) == Ping()
    assert await read_message(reader, 100) is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x00\x00", "header"),
        (HEADER.pack(5) + b"\x00", "inside a frame"),
        (HEADER.pack(101), "over the limit of 100"),
        (HEADER.pack(2**32 - 1), "over the limit"),
    ],
)
async def test_what_is_no_frame_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(FrameError, match=said):
        await read_message(stream(data), 100)


async def test_the_first_frame_must_be_a_hello() -> None:
    with pytest.raises(FrameError, match="hello"):
        await read_hello(stream(framed(encode(Ping()))))


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Link, asyncio.StreamReader]]:
    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    server = await asyncio.start_server(lambda *ends: accepted.put_nowait(ends), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    there_reader, there_writer = await accepted.get()
    yield Link(reader, writer, HELLO), there_reader
    for end in (writer, there_writer):
        end.close()
    server.close()
    await asyncio.sleep(0)


async def test_what_is_queued_leaves_with_the_flush(
    pair: tuple[Link, asyncio.StreamReader],
) -> None:
    link, there = pair
    assert link.queue(Ping())
    assert link.queue(DumpChunk(1, b"x" * 100_000, first=True, last=False))
    link.flush()
    assert await read_message(there, MAX_FRAME_BYTES) == Ping()
    piece = await read_message(there, MAX_FRAME_BYTES)
    assert isinstance(piece, DumpChunk)
    assert piece.data == b"x" * 100_000


async def test_a_peer_too_far_behind_gets_no_more(
    pair: tuple[Link, asyncio.StreamReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    link, _ = pair
    monkeypatch.setattr(link_module, "MAX_WAITING_BYTES", 1000)
    assert link.queue(DumpChunk(1, bytes(900), first=True, last=False))
    assert not link.queue(DumpChunk(1, bytes(900), first=False, last=False))
    assert not link.queue(DumpChunk(1, bytes(MAX_FRAME_BYTES), first=False, last=False))
    link.close()


async def test_a_connection_the_loop_has_closed_takes_nothing_and_raises_nothing(
    pair: tuple[Link, asyncio.StreamReader],
) -> None:
    """Uvloop raises on a write to a closed transport; a tick of the engine must survive that."""
    link, _ = pair
    link.close()
    assert link.queue(Ping())
    link._writer.write = _closed  # type: ignore[method-assign] # what uvloop does then
    link.flush()
    assert link._outbox == []


def _closed(data: bytes | bytearray | memoryview) -> None:
    raise RuntimeError(f"the handler is closed: {len(data)} bytes")
