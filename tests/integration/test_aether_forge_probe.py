"""A node is ready when it says so, and not for any other reason."""

import asyncio

import pytest

from aether_forge import probe


async def answering(reply: bytes) -> tuple[asyncio.Server, str]:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("reply", "ready"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", True),
        (b"HTTP/1.1 503 Not Ready\r\ncontent-length: 0\r\n\r\n", False),
        (b"220 smtp.example\r\n", False),
        (b"", False),
    ],
)
async def test_only_200_is_ready(reply: bytes, ready: bool) -> None:
    server, url = await answering(reply)
    async with server:
        assert await probe.is_ready(url) is ready


async def test_nobody_and_silence_are_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "PROBE_S", 0.1)
    released = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        assert not await probe.is_ready(url)
        released.set()
    assert not await probe.is_ready(url)
