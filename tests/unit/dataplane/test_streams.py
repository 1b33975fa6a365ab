"""Ending a stream."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from aether.dataplane.streams import end_stream


async def test_the_peer_sees_the_end_even_with_bytes_unsent() -> None:
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    ended = asyncio.Event()

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()
        await end_stream(writer)

    server = await asyncio.start_unix_server(peer, str(folder / "s"))
    _, writer = await asyncio.open_unix_connection(str(folder / "s"))
    writer.write(b"x" * 10_000_000)
    await end_stream(writer)
    await end_stream(writer)
    async with asyncio.timeout(5):
        await ended.wait()
    server.close()
    shutil.rmtree(folder)
