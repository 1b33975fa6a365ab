"""Ending a stream so that nothing of it is left behind."""

import asyncio
import contextlib


async def end_stream(writer: asyncio.StreamWriter) -> None:
    """Close at once, what is not sent yet included, and wait until the socket is closed."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
