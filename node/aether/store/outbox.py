"""Frames on their way out: everything one turn of the event loop says leaves in one write."""

import asyncio
from collections.abc import Callable

from aether.store.protocol import Answer, Request, add_frame

ROOM_BYTES = 1024 * 1024
"""What can wait does, while the other side has not taken this much."""
RETRY_S = 0.02
"""How soon to look for room again: transports do not always tell when there is some."""


class Outbox:
    """Collects the frames of one connection and writes them at the end of the turn.

    `before` is called once ahead of every write and may add what has to go along; `drained` when
    there is room after `is_full` said that there was none.
    """

    def __init__(
        self,
        transport: asyncio.WriteTransport,
        before: Callable[[], None] | None = None,
        drained: Callable[[], None] | None = None,
    ) -> None:
        self._transport = transport
        self._before = before
        self._drained = drained
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._scheduled = False
        self._closed = False
        self._somebody_waits = False
        self._retry: asyncio.TimerHandle | None = None

    @property
    def queued_bytes(self) -> int:
        """Bytes the other side has not taken yet, as far as the transport knows."""
        if self._transport.is_closing():
            return len(self._buffer)
        return len(self._buffer) + self._transport.get_write_buffer_size()

    def is_full(self) -> bool:
        """Whether what can wait should; `drained` is called when it need not any more."""
        full = self.queued_bytes >= ROOM_BYTES
        self._somebody_waits = self._somebody_waits or full
        return full

    def add(self, message: Request | Answer) -> None:
        """Send `message` with this turn."""
        if self._closed or self._transport.is_closing():
            return
        add_frame(self._buffer, message)
        if not self._scheduled:
            self.wake()

    def wake(self) -> None:
        """Have `before` called and the frames written at the end of this turn."""
        if not self._scheduled and not self._closed:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        # A transport may be closed before its end is told; those of uvloop then refuse to write.
        if self._closed or self._transport.is_closing():
            return
        if self._before is not None:
            # What it adds belongs to this write and schedules none of its own.
            self._scheduled = True
            self._before()
            self._scheduled = False
        if self._buffer:
            frames, self._buffer = self._buffer, bytearray()
            self._transport.write(frames)
        if self._somebody_waits:
            self.look_for_room()

    def look_for_room(self) -> None:
        """Call `drained` when there is room for those who wait, now or in a moment."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._closed or not self._somebody_waits or self._drained is None:
            return
        self._somebody_waits = False
        if self.is_full():
            self._retry = self._loop.call_later(RETRY_S, self.look_for_room)
        else:
            self._drained()

    def close(self) -> None:
        """Send nothing any more."""
        self._closed = True
        self._buffer = bytearray()
        if self._retry is not None:
            self._retry.cancel()
