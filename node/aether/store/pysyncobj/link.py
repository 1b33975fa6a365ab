"""One connection to one peer: frames out in batches, frames in one by one."""

import asyncio

from aether.frames import HEADER, FrameError, read_body
from aether.store.pysyncobj.messages import MAX_FRAME_BYTES, Hello, Message, Ping, decode, encode

MAX_WAITING_BYTES = 64 * 1024 * 1024
"""Most bytes a slow peer may be behind before its connection is dropped."""
MAX_HELLO_BYTES = 4096


class Link:
    """A connection after its handshake; `peer` is what the other side said of itself."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Hello
    ) -> None:
        self.peer = peer
        self.heard_at = asyncio.get_running_loop().time()
        self._reader = reader
        self._writer = writer
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._said_at = self.heard_at

    def queue(self, message: Message | Ping) -> bool:
        """Put a message behind what waits; False when it is too large or the peer too slow."""
        body = encode(message)
        waiting = self._outbox_bytes + self._writer.transport.get_write_buffer_size()
        if len(body) > MAX_FRAME_BYTES or waiting + len(body) > MAX_WAITING_BYTES:
            return False
        self._outbox += (HEADER.pack(len(body)), body)
        self._outbox_bytes += HEADER.size + len(body)
        return True

    def flush(self) -> None:
        """Hand everything queued to the socket at once; a connection that has ended drops it."""
        if not self._outbox:
            return
        data = b"".join(self._outbox)
        self._outbox.clear()
        self._outbox_bytes = 0
        # uvloop raises on a write to a closed transport where asyncio only warns.
        if not self._writer.is_closing():
            self._writer.write(data)
            self._said_at = asyncio.get_running_loop().time()

    def is_quiet(self, seconds: float) -> bool:
        """Whether nothing was sent for `seconds`."""
        return asyncio.get_running_loop().time() - self._said_at > seconds

    async def read(self) -> Hello | Ping | Message | None:
        """Return the next message, None at a clean end; raises FrameError or BadMessage."""
        message = await read_message(self._reader, MAX_FRAME_BYTES)
        self.heard_at = asyncio.get_running_loop().time()
        return message

    def close(self) -> None:
        """Cut the connection now; what waits is lost."""
        self._outbox.clear()
        self._outbox_bytes = 0
        self._writer.transport.abort()


async def read_message(reader: asyncio.StreamReader, limit: int) -> Hello | Ping | Message | None:
    """Return the next message of a stream, None at its clean end.

    Raises FrameError for a frame over `limit` bytes or cut short, BadMessage for what is in it.
    """
    body = await read_body(reader, limit)
    return None if body is None else decode(body)


async def send_hello(writer: asyncio.StreamWriter, hello: Hello) -> None:
    """Send the first frame of a connection."""
    body = encode(hello)
    writer.write(HEADER.pack(len(body)) + body)
    await writer.drain()


async def read_hello(reader: asyncio.StreamReader) -> Hello:
    """Return the other side's first frame; raises FrameError or BadMessage."""
    hello = await read_message(reader, MAX_HELLO_BYTES)
    if not isinstance(hello, Hello):
        raise FrameError("the first frame is not a hello")
    return hello
