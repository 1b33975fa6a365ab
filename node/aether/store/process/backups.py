"""Backups on their way to clients: a piece a turn, and only as fast as they are taken."""

import asyncio
from collections.abc import Iterator

from aether.store.outbox import Outbox
from aether.store.protocol import Piece

MOST_BACKUPS = 2
"""Backups of a store process under way at once: each keeps a moment of the whole state."""
STALLED_S = 60.0
"""A client that takes nothing for so long is cut off."""


class BackupStream:
    """One backup being sent; `pump` whenever there may be room."""

    def __init__(self, number: int, pieces: Iterator[bytes], out: Outbox) -> None:
        self.number = number
        self.is_ended = False
        self._pieces: Iterator[bytes] | None = pieces
        self._out = out
        self._loop = asyncio.get_running_loop()
        self._scheduled = False
        self._moved_at = self._loop.time()
        self._ready = next(pieces, b"")

    @property
    def is_stalled(self) -> bool:
        """Whether the client has taken nothing for too long."""
        return not self.is_ended and self._loop.time() - self._moved_at > STALLED_S

    def pump(self) -> None:
        """Send the next piece in the next turn, when there is room for it."""
        if not (self._scheduled or self.is_ended or self._out.is_full()):
            self._scheduled = True
            self._loop.call_soon(self._send)

    def close(self) -> None:
        """Send nothing any more and let the state go."""
        self.is_ended = True
        self._pieces = None

    def _send(self) -> None:
        self._scheduled = False
        if self._pieces is None:
            return
        # One piece is kept back, so that the last one can say that it is.
        data, following = self._ready, next(self._pieces, None)
        self._out.add(Piece(self.number, data, last=following is None))
        self._moved_at = self._loop.time()
        if following is None:
            self.close()
        else:
            self._ready = following
            self.pump()
