"""One connection to an instance or to another router: writes a request, reads its answer."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from aether.dataplane.framing import BodyReader, FramingError, UntilClose
from aether.dataplane.heads import HEAD_END, BadHead, ResponseHead, ResponseReader


class Receiver(Protocol):
    """Who waits for the answer on a connection."""

    def answered(self, head: ResponseHead, payload: bytes, *, done: bool) -> None:
        """Take the head and what came of the body with it."""
        ...

    def more(self, payload: bytes, *, done: bool) -> None:
        """Take more of the body."""
        ...

    def lost(self, reason: str) -> None:
        """Hear that the answer ends here, before its end."""
        ...

    def hold_request(self, *, held: bool) -> None:
        """Send no more of the request for now, or go on."""
        ...


class UpstreamConnection(asyncio.Protocol):
    """A keep-alive connection; carries one request at a time, and belongs to its pool between.

    `on_closed` is called at its end, more than once perhaps. The receiver is let go of before it is told that the answer is done or lost.
    """

    def __init__(
        self,
        address: str,
        header_limit: int,
        on_closed: Callable[["UpstreamConnection"], None],
    ) -> None:
        self.address = address
        self.idle_since = 0.0
        self.served = 0
        """Answers read in full: 0 on a fresh connection."""
        self._header_limit = header_limit
        self._on_closed = on_closed
        self._transport: asyncio.Transport | None = None
        self._receiver: Receiver | None = None
        self._method = ""
        self._reader = ResponseReader()
        self._head = b""
        self._body: BodyReader | None = None
        self._in_head = True
        self._keep_alive = False

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and self._receiver is None

    def send(self, receiver: Receiver, method: str, data: bytes) -> None:
        """Begin a request; `data` is its head, with as much of the body as there is."""
        self._receiver = receiver
        self._method = method
        self._in_head = True
        self._keep_alive = False
        self.write(data)

    def write(self, data: bytes) -> None:
        """Send more of the request's body."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def hold_answer(self, *, held: bool) -> None:
        """Read no more of the answer for now, or go on."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if held:
            transport.pause_reading()
        else:
            transport.resume_reading()

    @property
    def may_be_kept(self) -> bool:
        """Whether the answer just read lets the connection be used again."""
        return self._keep_alive and self.is_usable

    def abandon(self) -> None:
        """Close at once, whatever is under way; the receiver hears no more."""
        self._receiver = None
        self._on_closed(self)
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._on_closed(self)
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        if exc is None and not self._in_head and isinstance(self._body, UntilClose):
            receiver.more(b"", done=True)
        else:
            receiver.lost(str(exc) if exc is not None else "the connection was closed")

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        if self._receiver is not None:
            self._receiver.hold_request(held=True)

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        if self._receiver is not None:
            self._receiver.hold_request(held=False)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._receiver is None:
            self.abandon()  # bytes nobody asked for: this connection is out of step
            return
        try:
            if self._in_head:
                self._read_head(self._head + data if self._head else data)
            else:
                self._read_body(data)
        except (BadHead, FramingError) as problem:
            receiver = self._receiver
            self.abandon()
            if receiver is not None:
                receiver.lost(f"its answer is not HTTP/1.1: {problem}")

    def _read_head(self, data: bytes) -> None:
        head, rest = self._next_head(data)
        while head is not None and head.status < 200:
            head, rest = self._next_head(rest)  # 100 and 103 are between the instance and us
        if head is None:
            return
        self._in_head = False
        self._body = body = head.body_reader()
        payload, rest, done = body.feed(rest) if body else (b"", rest, True)
        self._keep_alive = head.keep_alive and not rest
        receiver = self._let_go(done=done)
        receiver.answered(head, payload, done=done)

    def _next_head(self, data: bytes) -> tuple[ResponseHead | None, bytes]:
        """Cut one head off `data`; without a whole one keep the bytes and return None."""
        end = data.find(HEAD_END)
        if max(end, len(data) if end < 0 else 0) > self._header_limit:
            raise BadHead(f"its head is over {self._header_limit} bytes")
        if end < 0:
            self._head = data
            return None, b""
        self._head = b""
        head = self._reader.read(data[: end + 4], self._method)
        if head.status == 101:
            raise BadHead("it switches protocols")
        return head, data[end + 4 :]

    def _read_body(self, data: bytes) -> None:
        if self._body is None:
            raise FramingError("bytes after its end")
        payload, rest, done = self._body.feed(data)
        self._keep_alive = self._keep_alive and not rest
        receiver = self._let_go(done=done)
        if payload or done:
            receiver.more(payload, done=done)

    def _let_go(self, *, done: bool) -> Receiver:
        receiver = self._receiver
        if receiver is None:
            raise FramingError("an answer nobody waits for")
        if done:
            self._receiver = None
            self.served += 1
        return receiver
