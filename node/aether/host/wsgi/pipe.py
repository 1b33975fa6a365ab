"""An answer on its way from the thread that makes it to the event loop that sends it.

Rules for this file: the thread appends and the loop takes, which a deque bears without a lock, and
each count has one writer. The thread waits in `_wait_for_room` only, the loop in `carry` only.
"""

import asyncio
import threading
from collections import deque
from dataclasses import dataclass

from aether.host.body import HIGH_WATER_BYTES, LOW_WATER_BYTES, Disconnected
from aether.host.exchange import Exchange
from aether.host.wsgi.answer import Fields

STALL_S = 600.0
"""How long a thread waits for its client: at the 500 bytes/s a router insists on, what is held here is
gone in 524 s."""


@dataclass(frozen=True, slots=True)
class _Start:
    status: int
    headers: Fields


@dataclass(frozen=True, slots=True)
class _Over:
    """The thread has let go of the request."""

    failure: BaseException | None


_FINISH = object()


class Pipe:
    """Blocks between one thread and the loop: about `HIGH_WATER_BYTES` at most, then the thread waits."""

    def __init__(self, exchange: Exchange) -> None:
        self._loop = asyncio.get_running_loop()
        self._exchange = exchange
        self._items: deque[object] = deque()
        self._added = 0
        self._taken = 0
        self._is_closed = False
        self._is_told = False
        self._room = threading.Event()
        self._arrived = asyncio.Event()

    # the thread's side: a Sink

    def start(self, status: int, headers: Fields) -> None:
        """Send the head; raises Disconnected as everything here does when the client has left."""
        self._add(_Start(status, headers))

    def put(self, block: bytes) -> None:
        """Send a block; waits while the client is slower than the application."""
        if self._added - self._taken >= HIGH_WATER_BYTES:
            self._wait_for_room()
        self._added += len(block)
        self._add(block)

    def finish(self) -> None:
        """Send the end."""
        self._add(_FINISH)

    def _add(self, item: object) -> None:
        if self._is_closed or self._exchange.gone:
            raise Disconnected("the client went away")
        self._tell(item)

    def _tell(self, item: object) -> None:
        self._items.append(item)
        if not self._is_told:
            self._is_told = True
            self._loop.call_soon_threadsafe(self._arrived.set)

    def _wait_for_room(self) -> None:
        while self._added - self._taken > LOW_WATER_BYTES and not self._is_closed:
            self._room.clear()
            # The loop may have taken the last block, or closed, just before the line above.
            if self._added - self._taken <= LOW_WATER_BYTES or self._is_closed:
                return
            if not self._room.wait(STALL_S):
                raise Disconnected(f"the client took nothing for {STALL_S:g} s")

    def over(self, failure: BaseException | None) -> None:
        """Tell the loop, which calls this, that the thread is done with the request."""
        self._items.append(_Over(failure))
        self._arrived.set()

    # the loop's side

    async def carry(self) -> BaseException | None:
        """Send what comes until the thread is done; return what it failed with.

        A client that leaves stops the thread at its next block; this waits for that, as until then
        the request is still being worked on. Cancelled, it leaves the thread behind.
        """
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                self._is_told = False
                while self._items:
                    item = self._items.popleft()
                    if isinstance(item, _Over):
                        return item.failure
                    if not self._is_closed:
                        await self._pass(item)
        finally:
            self._close()

    async def _pass(self, item: object) -> None:
        exchange = self._exchange
        try:
            match item:
                case bytes():
                    await exchange.write(item)
                    self._taken += len(item)
                    if self._added - self._taken <= LOW_WATER_BYTES:
                        self._room.set()
                case _Start():
                    await exchange.start(item.status, item.headers)
                case _:
                    await exchange.finish()
        except Disconnected:
            self._close()

    def _close(self) -> None:
        self._is_closed = True
        self._room.set()
