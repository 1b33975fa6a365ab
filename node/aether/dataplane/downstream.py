"""One client connection: requests are read one after the other and answered in that order."""

import asyncio
from typing import cast

from aether.core.dataplane.route_counts import NO_ROUTE
from aether.dataplane.asker import FarEnd
from aether.dataplane.context import Context
from aether.dataplane.exchange import Exchange
from aether.dataplane.forwarded import Door
from aether.dataplane.forwarding import new_request_id
from aether.dataplane.framing import BodyReader, FramingError
from aether.dataplane.header_lines import BadHead
from aether.dataplane.heads import HEAD_END, RequestHead, RequestReader, too_long
from aether.dataplane.pacing import BodyPace, Holds, ReadProgress, unsent_bytes
from aether.dataplane.problems import (
    Problem,
    bad_request,
    body_too_slow,
    crowded,
    overloaded,
    rate_limited,
    render,
    render_health,
    request_timeout,
)
from aether.dataplane.request_log import RequestLog
from aether.dataplane.routing import Forward, Health, Listener, Routing

_NEVER = float("inf")
_CARRIAGE_RETURN = 13
_LINGER_BYTES = 16 * 1024 * 1024
"""How much of a refused request is taken in at most before the connection is cut."""


class ClientConnection(asyncio.Protocol):
    """Reads requests off one connection and writes the answers.

    `deadline` is the one instant at which something must have happened by; what that is follows
    from the state: a first or further request, the rest of a head, progress of an exchange, or
    the end of lingering. After a switch of protocols the far end sets it.
    """

    def __init__(self, context: Context, listener: Listener, scheme: str = "http") -> None:
        """Make a connection; `scheme` is what the client used, `https` behind TLS."""
        self.deadline = _NEVER
        self.wants_close = True
        """See Asker."""
        self._context = context
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._scheme = scheme
        self._admitted = ""
        self._reader = RequestReader()
        self._buffer = b""
        self._scanned = 0
        self._body: BodyReader | None = None
        self._trailers = b""
        self._carrier = Exchange(
            context,
            self,
            is_mesh=listener is Listener.MESH,
            is_trusted=listener is not Listener.PUBLIC,
        )
        self._exchange: Exchange | None = None
        self._far_end: FarEnd | None = None
        self._request_id = ""
        self._head: RequestHead | None = None
        self._known_head: RequestHead | None = None
        self._known_routing: Routing | None = None
        self._choice: Forward | Health | Problem = Health()
        self._log: RequestLog | None = None
        self._pace = BodyPace()
        self._progress = ReadProgress()
        self._advancing = False
        self._aside = False
        self._lingering = False
        self._lingered = 0
        self._write_held = False
        self._holds = Holds()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = self._holds.transport = cast("asyncio.Transport", transport)
        context = self._context
        context.clients.add(self)
        if context.closing:
            transport.close()  # it slipped in while the listener was closing
            return
        self.deadline = context.now() + context.limits.idle_s
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        if context.access_log is not None and self._listener is not Listener.MESH:
            self._log = RequestLog(context.access_log, address)
        if self._listener is Listener.PUBLIC:
            self._admit(address)
        if len(context.clients) > context.limits.clients:
            self._turn_away(overloaded(context.limits.clients))

    def _admit(self, address: str) -> None:
        """Let a client from outside in, unless its address holds too many connections."""
        context = self._context
        admitted = context.admission.enter(address)
        if admitted is None:
            context.admission.log_refusal(address, context.now())
            self._turn_away(crowded(context.limits.most_of_address))
            return
        self._admitted = admitted
        trusted = context.admission.is_trusted(address)
        self._reader = RequestReader(
            Door(is_public=True, client=address, scheme=self._scheme, is_trusted=trusted)
        )

    def _turn_away(self, problem: Problem) -> None:
        """Answer and close at once: whoever is turned away must not take room by lingering."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(render(problem, new_request_id(), body_wanted=True, close=True))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """See asyncio.Protocol."""
        context = self._context
        context.clients.discard(self)
        if context.draining and not context.clients:
            context.emptied.set()
        if self._admitted:
            context.admission.leave(self._admitted)
        self._transport = None
        exchange, self._exchange = self._exchange, None
        far_end, self._far_end = self._far_end, None
        if exchange is not None:
            exchange.client_lost()
        if far_end is not None:
            far_end.client_lost()
        if self._log is not None and (exchange or far_end):
            self._write_down(self._log, context.now())

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._exchange is None and not (self._buffer or self._aside or self._write_held):
            known = self._reader.known(data)
            if known is not None:
                self._take(known)
                return
            end = data.find(HEAD_END)
            if (
                end == len(data) - 4
                and end <= self._context.limits.header_bytes
                and data[0] != _CARRIAGE_RETURN
            ):
                self._read(data)  # one whole head and nothing else, as it mostly is
                return
        self._receive(data)

    def _receive(self, data: bytes) -> None:
        """Take bytes that are not just a head."""
        if self._far_end is not None:
            self._far_end.received(data)
        elif self._lingering:
            self._lingered += len(data)
            if self._lingered > _LINGER_BYTES:
                self.abort()
        elif self._exchange is None:
            if not self._buffer:
                self.deadline = self._context.now() + self._context.limits.header_s
            self._buffer = self._buffer + data if self._buffer else data
            self._advance()
            self._hold_pipeline()
        elif self._body is not None:
            self._feed(data)
        else:
            self._buffer += data
            self._hold_pipeline()

    def eof_received(self) -> None:
        """See asyncio.Protocol. TLS may tell the end in the same turn as what was asked before it."""
        self._context.writes.flush()

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self._write_held = True
        self._progress.forget()
        if self._far_end is not None:
            self._far_end.hold(held=True)
        elif self._exchange is not None:
            self._exchange.hold_answer(held=True)

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self._write_held = False
        if self._far_end is not None:
            self._far_end.hold(held=False)
        elif self._exchange is not None:
            self._exchange.hold_answer(held=False)
        elif not self._lingering:
            self._advance()
            self._hold_pipeline()

    # -- reading requests

    def _hold_pipeline(self) -> None:
        """Read no more while many requests wait for an answer, or for the client to take one."""
        waits = self._exchange is not None or self._write_held
        self._holds.pipeline = waits and len(self._buffer) > self._context.limits.pipeline_bytes
        self._holds.apply()

    def _advance(self) -> None:
        """Begin requests for as long as whole heads are there and nothing is being answered."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._may_begin() and self._begin():
                pass
        finally:
            self._advancing = False

    def _may_begin(self) -> bool:
        """Whether the next request's turn has come; a slow reader waits before it gets more."""
        return (
            bool(self._buffer)
            and self._exchange is None
            and not self._aside
            and not self._write_held
            and self._transport is not None
            and not self._transport.is_closing()
        )

    def _begin(self) -> bool:
        """Begin the next request; False while its head is not whole."""
        if self._buffer.startswith(b"\r\n"):
            self._buffer = self._buffer.lstrip(b"\r\n")  # RFC 9112 §2.2 allows an empty line
        limit = self._context.limits.header_bytes
        end = self._buffer.find(HEAD_END, self._scanned)
        if end > limit or (end < 0 and len(self._buffer) > limit):
            self._refuse(too_long(self._buffer, limit))
            return False
        if end < 0:
            self._scanned = max(0, len(self._buffer) - 3)
            return False
        head, self._buffer = self._buffer[: end + 4], self._buffer[end + 4 :]
        self._scanned = 0
        self._read(head)
        return True

    def _read(self, data: bytes) -> None:
        """Read one whole head."""
        try:
            head = self._reader.read(data)
        except BadHead as problem:
            self._refuse(problem)
        else:
            self._take(head)

    def _refuse(self, problem: BadHead) -> None:
        self._reject(bad_request(str(problem), problem.status))

    def _take(self, head: RequestHead) -> None:
        context = self._context
        context.requests += 1
        self._head = head
        self.wants_close = not head.keep_alive
        self._request_id = head.request_id or new_request_id()
        now = context.now()
        if head.length:
            self._body = head.body_reader()
            self._trailers = b""
            self._pace.begin(now)
        if head is not self._known_head or context.routing is not self._known_routing:
            self._known_head, self._known_routing = head, context.routing
            self._choice = context.routing.decide(self._listener, head)
        choice = self._choice
        if type(choice) is Forward:  # asked for every request: isinstance takes four times as long
            row = choice.row
            # Of what came by the mesh another router has asked that already.
            if row is not None and row.rate and self._listener is not Listener.MESH:
                wait_s = context.rates.admit(choice.series, row.rate, row.burst, now)
                if wait_s:
                    self._answer_here(head, choice.series, rate_limited(wait_s))
                    return
            self._exchange = exchange = self._carrier
            exchange.begin(head, choice, self._request_id, now)
            if self._body is not None and self._exchange is exchange and self._buffer:
                rest, self._buffer = self._buffer, b""
                self._feed(rest)
        elif isinstance(choice, Problem):
            self._answer_here(head, NO_ROUTE, choice)
        else:
            self._answer_health()

    def _answer_here(self, head: RequestHead, series: str, problem: Problem) -> None:
        """Answer a request that no instance gets, and count it where it came first."""
        if self._listener is not Listener.MESH:
            self._context.observer.answered(series, head.method, problem.status)
        if self._log is not None:
            self._log.answered(head, self._request_id, problem.status)
        self._answer(problem)

    def _feed(self, data: bytes) -> None:
        """Take more of the body of the request being answered."""
        exchange, body = self._exchange, self._body
        if exchange is None or body is None:
            return
        try:
            payload, rest, done = body.feed(data)
        except FramingError as problem:
            exchange.refuse(bad_request(f"The request's body is broken: {problem}."))
            return
        context = self._context
        if self._pace.is_too_slow(exchange.bytes_in, context.now(), context.limits):
            exchange.refuse(body_too_slow(context.limits.least_bytes_per_s))
            return
        if done:
            self._trailers = body.trailers
            self._body = None
            self._buffer = rest
        exchange.body(payload, done=done, trailers=self._trailers)

    @property
    def trailers(self) -> bytes:
        """Header lines that came after the body of the present request; whole once it ended."""
        return self._trailers

    def hold_body(self, *, held: bool) -> None:
        """See Asker and FarEnd."""
        if held is not self._holds.body:
            self._holds.body = held
            self._pace.hold(self._context.now(), held=held)
            self._holds.apply()

    # -- answering

    @property
    def is_write_held(self) -> bool:
        """See Asker."""
        return self._write_held

    def write(self, data: bytes) -> None:
        """See Asker."""
        transport = self._transport
        if transport is not None:
            self._context.writes.to_client(transport, data)

    def switch(self, far_end: FarEnd) -> None:
        """Carry raw bytes from here on, after the head of a 101 was written; the exchange is over.

        What the client has sent after its request goes to the far end at once.
        """
        self._exchange = None
        self._far_end = far_end
        self._aside = True
        self._holds.release()
        early, self._buffer = self._buffer, b""
        if self._write_held:
            far_end.hold(held=True)
        if early:
            far_end.received(early)

    def close(self) -> None:
        """Close once all that was written is sent."""
        if self._transport is not None:
            self._context.writes.flush()
            self._transport.close()

    def finish(self, now: float, problem: Problem | None = None) -> None:
        """See Asker."""
        self._exchange = None
        if self._log is not None:
            self._write_down(self._log, now)
        if problem is not None:
            self._answer(problem)
        else:
            self._next(now)

    def _write_down(self, log: RequestLog, now: float) -> None:
        exchange = self._carrier
        if log.wants(exchange.status, now - exchange.began):
            head, forward = self._head, self._choice
            if head is not None and isinstance(forward, Forward):
                log.carried(head, self._request_id, forward, exchange, now)

    def _answer(self, problem: Problem) -> None:
        """Answer with a problem, then go on or close as the request allows."""
        head = self._head
        self._skip_body()
        close = self.wants_close or self._context.draining or self._body is not None
        data = render(
            problem,
            self._request_id,
            body_wanted=head is None or head.method != "HEAD",
            close=close,
        )
        self.write(data)
        self._next(self._context.now())

    def _skip_body(self) -> None:
        """Pass over the body of a request answered here when the whole of it has come already."""
        if self._body is None or not self._buffer:
            return
        try:
            _, self._buffer, done = self._body.feed(self._buffer)
        except FramingError:
            return
        if done:
            self._body = None

    def _reject(self, problem: Problem) -> None:
        """Answer bytes that are no request: nothing after them can be trusted."""
        request_id = new_request_id()
        if self._log is not None:
            self._log.answered(None, request_id, problem.status)
        self.write(render(problem, request_id, body_wanted=True, close=True))
        self._linger()

    def _answer_health(self) -> None:
        is_head = self._head is not None and self._head.method == "HEAD"
        self.write(render_health(self._context.health(), self._request_id, body_wanted=not is_head))
        self._next(self._context.now())

    def _next(self, now: float) -> None:
        """Go on after an answer: the next request, or the end of the connection."""
        close = self.wants_close or self._context.draining
        self._head = None
        holds = self._holds
        holds.body = False
        if self._body is None and not close and not self._buffer and not holds.is_held:
            self.deadline = now + self._context.limits.idle_s
        elif self._body is not None:
            self._linger()  # what is left of the body would be taken for a request
        elif close:
            self.close()
        else:
            limits = self._context.limits
            self.deadline = now + (limits.header_s if self._buffer else limits.idle_s)
            holds.apply()
            self._advance()
            self._hold_pipeline()

    def _linger(self) -> None:
        """Close for writing and take in what still comes, so that the answer is not lost.

        Closing at once with bytes unread would have the kernel reset the connection, and the
        client might never see the answer.
        """
        transport = self._transport
        self._buffer, self._body = b"", None
        self._lingering = self._aside = True
        if transport is None or transport.is_closing():
            return
        self.deadline = self._context.now() + self._context.limits.linger_s
        self._holds.release()
        if transport.can_write_eof():
            self._context.writes.flush()
            transport.write_eof()

    # -- deadlines and ends

    @property
    def trace_id(self) -> str:
        """See Client."""
        return "" if self._exchange is None else self._exchange.trace_id

    def expire(self) -> None:
        """See Client."""
        if self._far_end is not None:
            self._far_end.expire()
        elif self._takes_answer():
            self.deadline = self._context.now() + self._context.limits.stall_s
        elif self._exchange is not None:
            is_slow = self._exchange.waits_for_body and not self._holds.body
            self._exchange.expire(client_is_slow=is_slow)
        elif self._buffer and not self._lingering and not self._write_held:
            self._reject(request_timeout(self._context.limits.header_s))
        else:
            self.abort()

    def _takes_answer(self) -> bool:
        """Whether the client is behind with reading, and reads."""
        transport = self._transport
        if transport is None or self._lingering or not transport.get_write_buffer_size():
            return False
        return self._progress.is_enough(unsent_bytes(transport), self._context.limits)

    def drain(self) -> None:
        """See Client."""
        is_idle = self._exchange is None and self._far_end is None and not self._lingering
        if is_idle:
            self.close()

    def abort(self) -> None:
        """See Client. What was written gets as far as the socket takes it."""
        if self._transport is not None:
            self._context.writes.flush()
            self._transport.abort()
