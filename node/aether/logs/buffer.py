"""Lines that wait to be sent to the node: bounded, in any thread, and nobody who logs waits for them.

Rules for this file. Lines are of less worth than requests and than the log they stand in: beyond a bound
they are dropped and counted. A process that logs nothing does not stir.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from aether.logs.lines import line_of

MOST_WAITING = 1024
MOST_WAITING_BYTES = 1024 * 1024
MOST_A_MESSAGE = 128
MOST_MESSAGE_BYTES = 256 * 1024
"""After a line that goes over it a message has no more."""
MOST_MESSAGES = 4
"""In one period: what is logged beyond 2,048 lines a second is dropped."""
PERIOD_S = 0.25
"""How long the first line waits for others."""
LAST_S = 0.5
"""Longest wait of a process that ends for its node to take the last lines."""
_LOOK_S = 0.005

_encode = msgspec.msgpack.Encoder().encode


class LineBuffer:
    """Of one process."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        # A line may be logged by what garbage collection ends, in the very thread that holds it.
        self._lock = threading.RLock()
        self._dropped = 0
        self._wake: Callable[[], None] | None = None
        self._is_held = False

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._lines)

    def offer(self, event: Mapping[str, Any]) -> None:
        """Take a line as it is written, from any thread (a tap)."""
        try:
            line = _encode(line_of(event))
        except (TypeError, ValueError, OverflowError):
            line = b""
        with self._lock:
            if not line or self._is_full(len(line)):
                self._dropped += 1
                return
            self._lines.append(line)
            self._bytes += len(line)
            wake = self._take_wake()
        if wake is not None:
            wake()

    def _take_wake(self) -> Callable[[], None] | None:
        """Return who is to be woken, if there is something for them."""
        if self._is_held or not self._lines:
            return None
        wake, self._wake = self._wake, None
        return wake

    def _is_full(self, more: int) -> bool:
        return len(self._lines) >= MOST_WAITING or self._bytes + more > MOST_WAITING_BYTES

    def take(self) -> Sequence[msgspec.Raw]:
        """Return the oldest lines, packed, as many as go into a message; they wait no longer."""
        taken: list[msgspec.Raw] = []
        size = 0
        with self._lock:
            while (
                not self._is_held
                and self._lines
                and len(taken) < MOST_A_MESSAGE
                and size < MOST_MESSAGE_BYTES
            ):
                line = self._lines.popleft()
                size += len(line)
                taken.append(msgspec.Raw(line))
            self._bytes -= size
        return taken

    def take_dropped(self) -> int:
        """Return how many were dropped since this was asked last."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        return dropped

    def listen(self, wake: Callable[[], None]) -> None:
        """Have `wake` called once, from any thread, when a line waits; at once when one does already."""
        with self._lock:
            self._wake = wake
            due = self._take_wake()
        if due is not None:
            due()

    def hold(self) -> None:
        """Give nothing away until `release`: lines go on to be taken, and wait."""
        with self._lock:
            self._is_held = True

    def release(self) -> None:
        """Give away what waits."""
        with self._lock:
            self._is_held = False
            wake = self._take_wake()
        if wake is not None:
            wake()

    def forget(self) -> None:
        """Have nothing wait: nobody wants lines any more."""
        with self._lock:
            self._lines.clear()
            self._bytes = self._dropped = 0


Message = Callable[[Sequence[msgspec.Raw], int], bytes]
"""Makes a frame of packed lines, and how many were dropped."""


async def ship_lines(buffer: LineBuffer, writer: asyncio.StreamWriter, message: Message) -> None:
    """Send lines until cancelled or the link is closed.

    While the node has not taken what was sent before, they wait.
    """
    news, loop = asyncio.Event(), asyncio.get_running_loop()
    while True:
        buffer.listen(lambda: _ring(loop, news))
        await news.wait()
        await asyncio.sleep(PERIOD_S)  # what comes meanwhile goes with it
        news.clear()
        if writer.is_closing():
            return
        for _ in range(MOST_MESSAGES):
            if writer.transport.get_write_buffer_size() or not send_lines(buffer, writer, message):
                break
            await asyncio.sleep(0)  # requests come first


async def send_last(buffer: LineBuffer, writer: asyncio.StreamWriter, message: Message) -> None:
    """Send all that waits, and have it taken with what was sent before, within `LAST_S`.

    What the node has not taken by then goes on waiting.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_S):
            while not writer.is_closing():
                if writer.transport.get_write_buffer_size():
                    await asyncio.sleep(_LOOK_S)
                elif send_lines(buffer, writer, message):
                    await asyncio.sleep(0)  # or the deadline would go unseen
                else:
                    return


def send_lines(buffer: LineBuffer, writer: asyncio.StreamWriter, message: Message) -> bool:
    """Send one message; False when there was nothing to send."""
    lines = buffer.take()
    if lines:
        writer.write(message(lines, buffer.take_dropped()))
    return bool(lines)


def _ring(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    """Say from any thread that there are lines."""
    with contextlib.suppress(RuntimeError):  # the loop has ended: nobody ships any more
        loop.call_soon_threadsafe(news.set)
