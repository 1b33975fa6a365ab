"""A request's body between the socket and its reader: bounded, with back-pressure."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from aether.sdk import HttpError

HIGH_WATER_BYTES = 256 * 1024
LOW_WATER_BYTES = 64 * 1024
DEFAULT_LIMIT_BYTES = 16 * 1024 * 1024


class Disconnected(ConnectionError):
    """The client went away before its request was over."""


class Body:
    """Chunks as they come in. `limit` (bytes) may be set until the first read."""

    __slots__ = (
        "_chunks",
        "_complete",
        "_failure",
        "_flow",
        "_held",
        "_received",
        "_waiter",
        "_wanted",
        "limit",
    )

    def __init__(self, flow: Callable[[], None], wanted: Callable[[], None]) -> None:
        self.limit = DEFAULT_LIMIT_BYTES
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._received = 0
        self._complete = False
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._flow = flow
        self._wanted = wanted

    @property
    def is_complete(self) -> bool:
        """Whether the last byte has arrived."""
        return self._complete

    @property
    def is_congested(self) -> bool:
        """Whether the sender should wait for the reader."""
        return self._held > HIGH_WATER_BYTES

    @property
    def holds_more(self) -> bool:
        """Whether a chunk is here that nobody has taken."""
        return bool(self._chunks)

    def feed(self, chunk: bytes) -> None:
        """Take what arrived."""
        self._received += len(chunk)
        if self._failure is not None:
            return
        self._chunks.append(chunk)
        self._held += len(chunk)
        self._wake()

    def end(self) -> None:
        """No more will come."""
        self._complete = True
        self._wake()

    def fail(self, failure: Exception) -> None:
        """Have the reader see `failure`, and drop what comes from now on."""
        if self._failure is None:
            self._failure = failure
        self._chunks.clear()
        self._held = 0
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def read(self) -> bytes:
        """Return the whole body; raise HttpError 413 when it is over the limit."""
        if self._complete and self._failure is None and len(self._chunks) <= 1:
            self._check_limit()
            if self._failure is None:
                self._held = 0
                return self._chunks.popleft() if self._chunks else b""
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield chunks as they arrive; raise HttpError 413 or Disconnected."""
        while True:
            chunk = await self.next_chunk()
            if chunk is None:
                return
            yield chunk

    async def next_chunk(self) -> bytes | None:
        """Wait for the next chunk; None at the end of the body."""
        while True:
            self._check_limit()
            if self._failure is not None:
                raise self._failure
            if self._chunks:
                return self._take()
            if self._complete:
                return None
            self._wanted()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def _take(self) -> bytes:
        chunk = self._chunks.popleft()
        before = self._held
        self._held -= len(chunk)
        if before > LOW_WATER_BYTES >= self._held:
            self._flow()
        return chunk

    def _check_limit(self) -> None:
        if self._received > self.limit and self._failure is None:
            self.fail(HttpError(413, f"the body is over this route's limit of {self.limit} bytes"))
            self._flow()
