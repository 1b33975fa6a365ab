"""One connection to an instance or to another router: writes a request, reads its answer."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from aether.core.dataplane.table import Endpoint
from aether.core.model.ids import InstanceId
from aether.dataplane.forwarding import AnswerStart
from aether.dataplane.framing import BodyReader, FramingError, UntilClose
from aether.dataplane.header_lines import BadHead
from aether.dataplane.heads import HEAD_END, ResponseHead, ResponseReader
from aether.write_batch import WriteBatch

_SWITCHING = 101
_MOST_STARTS = 16
"""Begins of answers kept: instances of another node share the connections to its router."""


class Receiver(Protocol):
    """Who waits for a connection to open, and for the answer on it."""

    def connected(self, connection: "UpstreamConnection") -> None:
        """Send the request: the connection is open."""
        ...

    def not_connected(self, connection: "UpstreamConnection", reason: str) -> None:
        """Hear that nobody listens at the address: nothing was sent."""
        ...

    def answered(
        self, connection: "UpstreamConnection", head: ResponseHead, payload: bytes, *, done: bool
    ) -> None:
        """Take the head and what came of the body with it."""
        ...

    def more(self, connection: "UpstreamConnection", payload: bytes, *, done: bool) -> None:
        """Take more of the body."""
        ...

    def switched(
        self, connection: "UpstreamConnection", head: ResponseHead, payload: bytes
    ) -> None:
        """Take a 101, and what follows it in the other protocol; `more` brings the rest."""
        ...

    def lost(self, connection: "UpstreamConnection", reason: str) -> None:
        """Hear that the answer ends here, before its end."""
        ...

    def hold_request(self, *, held: bool) -> None:
        """Send no more of the request for now, or go on."""
        ...


class UpstreamConnection(asyncio.Protocol):
    """A keep-alive connection; carries one request at a time, and belongs to its pool between.

    `on_closed` is called at its end, more than once perhaps. The receiver is let go of before it
    is told that the answer is done or lost. `endpoint` and `began` are the receiver's
    notes about the request under way; the connection itself does not look at them.
    """

    def __init__(
        self,
        address: str,
        header_limit: int,
        on_closed: Callable[["UpstreamConnection"], None],
        writes: WriteBatch | None = None,
    ) -> None:
        self.address = address
        self.idle_since = 0.0
        self.served = 0
        """Answers read in full: 0 on a fresh connection."""
        self.receiver: Receiver | None = None
        self.may_switch = False
        """Whether the request asks for another protocol, so that a 101 is an answer to it."""
        self.endpoint: Endpoint | None = None
        self.began = 0.0
        self._starts: dict[InstanceId, AnswerStart] = {}
        self._header_limit = header_limit
        self._on_closed = on_closed
        self._writes = writes or WriteBatch()
        self.transport: asyncio.Transport | None = None
        """None until it is open."""
        self._is_abandoned = False
        self._method = ""
        self._reader = ResponseReader()
        self._head = b""
        self._body: BodyReader | None = None
        self._in_head = True
        self.may_be_kept = True
        """Whether the answer read last, if there was one, lets the connection be used again."""

    @property
    def is_open(self) -> bool:
        """Whether bytes may be sent; not so while the connection is being made either."""
        transport = self.transport
        return transport is not None and not transport.is_closing()

    @property
    def is_opening(self) -> bool:
        """Whether nobody answered at the address yet, and nobody gave it up."""
        return self.transport is None and not self._is_abandoned

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent."""
        transport = self.transport
        return transport is not None and not transport.is_closing() and self.receiver is None

    def send(self, receiver: Receiver, method: str, data: bytes) -> None:
        """Begin a request; `data` is its head, with as much of the body as there is."""
        self.receiver = receiver
        self._method = method
        self._in_head = True
        self.may_be_kept = False
        transport = self.transport
        if transport is not None:
            self._writes.to_instance(transport, data)

    def write(self, data: bytes) -> None:
        """Send more of the request's body."""
        transport = self.transport
        if transport is not None:
            self._writes.to_instance(transport, data)

    def hold_answer(self, *, held: bool) -> None:
        """Read no more of the answer for now, or go on."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        if held:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def answer_start(self, head: ResponseHead, endpoint: Endpoint, notices: bytes) -> bytes:
        """Return the begin of the head for the client; mostly the last answer began alike."""
        start = self._starts.get(endpoint.instance)
        if (
            start is None
            or start.head is not head
            or start.endpoint is not endpoint
            or start.notices is not notices
        ):
            if len(self._starts) >= _MOST_STARTS:
                self._starts.clear()
            start = self._starts[endpoint.instance] = AnswerStart(head, endpoint, notices)
        return start.bytes

    @property
    def trailers(self) -> bytes:
        """Trailers of the answer just read that may travel on, each with its line end."""
        return self._body.trailers if self._body is not None else b""

    def abandon(self) -> None:
        """Close at once, whatever is under way; the receiver hears no more."""
        self.receiver = None
        self._is_abandoned = True
        self._on_closed(self)
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        """Close once everything written is sent; the receiver hears no more."""
        self.receiver = None
        self._is_abandoned = True
        self._on_closed(self)
        if self.transport is not None:
            self._writes.flush()
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = cast("asyncio.Transport", transport)
        if self._is_abandoned:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._on_closed(self)
        receiver, self.receiver = self.receiver, None
        if receiver is None:
            return
        if exc is None and not self._in_head and isinstance(self._body, UntilClose):
            receiver.more(self, b"", done=True)
        else:
            receiver.lost(self, str(exc) if exc is not None else "the connection was closed")

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        if self.receiver is not None:
            self.receiver.hold_request(held=True)

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        if self.receiver is not None:
            self.receiver.hold_request(held=False)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        receiver = self.receiver
        if receiver is None:
            self.abandon()  # bytes nobody asked for: this connection is out of step
            return
        if self._in_head and not self._head:
            head = self._reader.at_begin_of(data, self._method)
            if head is not None and head.length == len(data) - self._reader.size:
                self._finish(receiver, head, data[self._reader.size :])
                return
        try:
            if self._in_head:
                self._read_head(receiver, self._head + data if self._head else data)
            else:
                self._read_body(receiver, data)
        except (BadHead, FramingError) as problem:
            self.abandon()
            receiver.lost(self, f"its answer is not HTTP/1.1: {problem}")

    def _read_head(self, receiver: Receiver, data: bytes) -> None:
        head, rest = self._next_head(data)
        while head is not None and head.status < 200 and head.status != _SWITCHING:
            head, rest = self._next_head(rest)  # 100 and 103 are between the instance and us
        if head is None:
            return
        self._in_head = False
        if head.status == _SWITCHING:
            self._switch(receiver, head, rest)
            return
        if head.length == len(rest):
            self._finish(receiver, head, rest)
            return
        self._body = body = head.body_reader()
        payload, rest, done = body.feed(rest) if body else (b"", rest, True)
        self.may_be_kept = head.keep_alive and not rest
        if done:
            self.receiver = None
            self.served += 1
        receiver.answered(self, head, payload, done=done)

    def _finish(self, receiver: Receiver, head: ResponseHead, payload: bytes) -> None:
        """Hand on an answer that came as a whole, as small ones do."""
        self._body = None
        self.may_be_kept = head.keep_alive
        self.receiver = None
        self.served += 1
        receiver.answered(self, head, payload, done=True)

    def _switch(self, receiver: Receiver, head: ResponseHead, rest: bytes) -> None:
        if not self.may_switch:
            raise BadHead("it switches protocols, which nobody asked for")
        self._body = UntilClose()
        receiver.switched(self, head, rest)

    def _next_head(self, data: bytes) -> tuple[ResponseHead | None, bytes]:
        """Cut one head off `data`; without a whole one keep the bytes and return None."""
        end = data.find(HEAD_END)
        if end > self._header_limit or (end < 0 and len(data) > self._header_limit):
            raise BadHead(f"its head is over {self._header_limit} bytes")
        if end < 0:
            self._head = data
            return None, b""
        self._head = b""
        end += 4
        return self._reader.read(data[:end], self._method), data[end:]

    def _read_body(self, receiver: Receiver, data: bytes) -> None:
        if self._body is None:
            raise FramingError("bytes after its end")
        payload, rest, done = self._body.feed(data)
        self.may_be_kept = self.may_be_kept and not rest
        if done:
            self.receiver = None
            self.served += 1
        if payload or done:
            receiver.more(self, payload, done=done)
