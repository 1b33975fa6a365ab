"""Takes a backup from the store process, on a connection of its own: a slow taker delays nobody."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from aether.errors import NoQuorum, Unavailable
from aether.frames import FrameError
from aether.store.failures import error_of
from aether.store.protocol import (
    MAX_ANSWER_BYTES,
    PROTOCOL,
    Answer,
    Backup,
    Failed,
    Hello,
    Inbox,
    Piece,
    add_frame,
    answer_decoder,
)

RETRY_S = 0.2
SILENT_S = 30.0
"""Longest silence of the store process in the middle of a backup."""
_READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBackups:
    """Where the store process listens, and who it must be."""

    path: Path
    node: str
    cluster_id: str

    async def take(self, timeout_s: float) -> AsyncGenerator[bytes, None]:
        """Yield a backup of everything acknowledged before the call, piece by piece.

        Tries to begin for `timeout_s`. Raises NoQuorum when no quorum confirmed it, Conflict when
        too many are under way, Unavailable when the store process went away.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout_s
        begun = False
        while True:
            try:
                async with aclosing(self._try(max(0.1, deadline - clock()))) as pieces:
                    async for data in pieces:
                        begun = True
                        yield data
            except (Unavailable, OSError, FrameError) as problem:
                if not begun and clock() + RETRY_S < deadline:
                    await asyncio.sleep(RETRY_S)
                elif isinstance(problem, Unavailable):
                    raise
                else:
                    message = f"the store process of this node broke off: {problem}"
                    raise Unavailable(message) from problem
            else:
                return

    async def _try(self, timeout_s: float) -> AsyncGenerator[bytes, None]:
        reader, writer = await asyncio.open_unix_connection(str(self.path), limit=_READ_BYTES)
        try:
            frames = bytearray()
            add_frame(frames, Backup(1, max(1, int(timeout_s * 1000))))
            writer.write(bytes(frames))
            inbox = Inbox(answer_decoder, MAX_ANSWER_BYTES)
            silent_s = timeout_s
            while True:
                for message in inbox.feed(await _read(reader, silent_s)):
                    piece = self._piece(message)
                    if piece is not None:
                        silent_s = SILENT_S
                        yield piece.data
                        if piece.last:
                            return
        finally:
            writer.transport.abort()

    def _piece(self, message: Answer) -> Piece | None:
        match message:
            case Piece():
                return message
            case Failed():
                raise error_of(message)
            case Hello(protocol, node, cluster_id):
                if (protocol, node, cluster_id) != (PROTOCOL, self.node, self.cluster_id):
                    raise Unavailable(f"{node} of {cluster_id} answers in place of {self.node}")
        return None


async def _read(reader: asyncio.StreamReader, silent_s: float) -> bytes:
    try:
        async with asyncio.timeout(silent_s):
            data = await reader.read(_READ_BYTES)
    except TimeoutError as late:
        raise NoQuorum(f"no backup came from the store process within {silent_s:g} s") from late
    if not data:
        raise Unavailable("the store process ended the connection in the middle of a backup")
    return data
