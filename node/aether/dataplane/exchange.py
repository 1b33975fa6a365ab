"""One request's life: an endpoint, another when that fails, the answer streamed back.

Rules for this file. A request goes to another endpoint when connecting failed, or when a peer
router says it was not delivered. When it was written and no byte of an answer came, it is sent
again only if doing so twice is harmless (an idempotent method, or the caller's word for it) and
its body is still at hand. Once a byte of the answer has gone to the client there is no way back:
the client's connection is closed so that it can tell the answer is cut short.
"""

from typing import Protocol

import msgspec
import structlog

from aether.core.dataplane.table import Endpoint
from aether.core.model.ids import InstanceId
from aether.dataplane.context import Context
from aether.dataplane.forwarding import CONTINUE, response_head
from aether.dataplane.framing import LAST_CHUNK, chunk
from aether.dataplane.heads import RequestHead, ResponseHead
from aether.dataplane.problems import (
    Problem,
    body_too_large,
    no_endpoint,
    refused,
    request_timeout,
    upstream_lost,
    upstream_timeout,
)
from aether.dataplane.routing import Forward
from aether.dataplane.upstream import UpstreamConnection

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})

log = structlog.get_logger()


class Asker(Protocol):
    """The client connection, as an exchange uses it."""

    deadline: float

    @property
    def wants_close(self) -> bool:
        """Whether the connection ends with this answer."""
        ...

    @property
    def is_write_held(self) -> bool:
        """Whether the client is slower than the answer."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes of the answer."""
        ...

    def hold_body(self, *, held: bool) -> None:
        """Read no more of the request's body for now, or go on."""
        ...

    def finish(self, problem: Problem | None = None) -> None:
        """End the exchange: the answer is whole, or `problem` is."""
        ...

    def abort(self) -> None:
        """Close: the answer is cut short."""
        ...


class Request(msgspec.Struct, frozen=True, gc=False):
    """A request as it was read and decided upon."""

    head: RequestHead
    forward: Forward
    lines: bytes
    """Its head for an instance, without the closing blank line."""
    request_id: str
    is_mesh: bool
    """Whether another router asks, which can try elsewhere itself."""
    is_trusted: bool = True
    """Whether the asker is one of us, whose word counts that a repetition is harmless."""


class Exchange:
    """Carries one request to an instance and its answer back."""

    __slots__ = (
        "_answered",
        "_asker",
        "_body",
        "_body_dropped",
        "_body_ended",
        "_body_seen",
        "_chunked",
        "_connection",
        "_context",
        "_endpoint",
        "_forward",
        "_fresh_only",
        "_head",
        "_last_failure",
        "_lines",
        "_mesh",
        "_on_demand",
        "_over",
        "_request_id",
        "_sends",
        "_tried",
        "_trusted",
    )

    def __init__(
        self,
        context: Context,
        asker: Asker,
        request: Request,
    ) -> None:
        head = request.head
        self._context = context
        self._asker = asker
        self._head = head
        self._forward = request.forward
        self._lines = request.lines
        self._request_id = request.request_id
        self._mesh = request.is_mesh
        self._trusted = request.is_trusted
        self._tried: set[InstanceId] = set()
        self._endpoint: Endpoint | None = None
        self._connection: UpstreamConnection | None = None
        self._body = bytearray()
        self._body_seen = 0
        self._body_dropped = False
        self._body_ended = not head.has_body
        self._sends = 0
        self._fresh_only = False
        self._answered = False
        self._chunked = False
        self._over = False
        self._on_demand = head.expects_continue
        self._last_failure = "none is active"

    def start(self) -> None:
        """Look for an endpoint."""
        self._touch()
        self._try_next()

    def _touch(self) -> None:
        self._asker.deadline = self._context.now() + self._forward.timeout_s

    # -- finding an endpoint

    def _try_next(self) -> None:
        context = self._context
        while not self._over:
            endpoint = context.balancer.pick(
                self._forward.slice, self._forward.endpoints, self._tried, context.now()
            )
            if endpoint is None:
                if self._has_newer_endpoints():
                    continue
                self._give_up()
                return
            self._endpoint = endpoint
            connection = None if self._fresh_only else context.pool.take_idle(endpoint.address)
            if connection is not None:
                self.connected(connection)
                return
            if context.pool.connect(endpoint.address, self):
                return
            self._tried.add(endpoint.instance)
            self._last_failure = f"{endpoint.address} has as many connections as it may have"

    def _has_newer_endpoints(self) -> bool:
        """Take the endpoints of a table that came meanwhile; whether one of them is untried."""
        endpoints = self._context.routing.endpoints(self._forward.slice)
        if self._mesh or endpoints == self._forward.endpoints:
            return False
        self._forward = msgspec.structs.replace(self._forward, endpoints=endpoints)
        return self._has_untried()

    def _give_up(self) -> None:
        endpoint = self._endpoint
        if self._mesh and endpoint is not None:
            self._fail(refused(endpoint.instance, endpoint.node))
        else:
            self._fail(no_endpoint(self._forward.slice, self._last_failure))

    def connected(self, connection: UpstreamConnection) -> None:
        """See Waiter: send what there is of the request."""
        endpoint = self._endpoint
        if self._over or endpoint is None:
            self._context.pool.put(connection)
            return
        self._connection = connection
        self._sends += 1
        self._asker.hold_body(held=False)
        ending = b"\r\n"
        if endpoint.mesh:
            ending = f"x-aether-instance: {endpoint.instance}\r\n\r\n".encode()
        connection.send(self, self._head.method, b"".join((self._lines, ending, self._body)))
        if self._asker.is_write_held:
            connection.hold_answer(held=True)
        self._drop_long_body()
        if self._on_demand:
            self._on_demand = False
            if self._body_seen == 0:
                self._asker.write(CONTINUE)

    def not_connected(self, reason: str) -> None:
        """See Waiter: nothing was sent, so any request may go elsewhere."""
        if self._over or self._endpoint is None:
            return
        self._eject(self._endpoint, reason)
        self._tried.add(self._endpoint.instance)
        self._last_failure = reason
        self._context.retries += 1
        self._try_next()

    def _eject(self, endpoint: Endpoint, reason: str) -> None:
        seconds = self._context.balancer.failed(endpoint.address, self._context.now())
        if seconds is not None:
            log.warning(
                "endpoint is set aside",
                instance=endpoint.instance,
                node=endpoint.node,
                seconds=seconds,
                reason=reason,
                request_id=self._request_id,
            )

    # -- the request's body

    def _drop_long_body(self) -> None:
        """Keep no body that is too long to be sent again."""
        if len(self._body) > self._context.limits.replay_bytes:
            self._body = bytearray()
            self._body_dropped = True

    def body(self, payload: bytes, *, done: bool) -> None:
        """Take more of the request's body from the client."""
        if self._over:
            return
        self._touch()
        self._body_seen += len(payload)
        self._body_ended = done
        if self._body_seen > self._forward.body_limit:
            self._fail(body_too_large(self._forward.body_limit))
            return
        wire = payload
        if self._head.length < 0:
            wire = chunk(payload) + (LAST_CHUNK if done else b"")
        if not self._body_dropped:
            self._body += wire
        if self._connection is not None:
            self._connection.write(wire)
            self._drop_long_body()
        elif len(self._body) > self._context.limits.replay_bytes:
            self._asker.hold_body(held=True)

    def hold_request(self, *, held: bool) -> None:
        """See Receiver."""
        self._touch()
        self._asker.hold_body(held=held)

    # -- the answer

    def answered(self, head: ResponseHead, payload: bytes, *, done: bool) -> None:
        """See Receiver."""
        endpoint, connection = self._endpoint, self._connection
        if endpoint is None or connection is None:
            return
        if endpoint.mesh and b"x-aether-refused" in head.aether:
            if self._go_elsewhere(endpoint, head.aether[b"x-aether-refused"]):
                self._let_go(reusable=done and self._body_ended)
                self._try_next()
                return
        else:
            self._context.balancer.succeeded(endpoint.address)
        self._answered = True
        asker = self._asker
        self._chunked = not head.is_framed and self._head.is_http11
        start = response_head(
            head,
            self._request_id,
            endpoint.instance,
            chunked=self._chunked,
            close=asker.wants_close,
        )
        self._pass_on(start + (chunk(payload) if self._chunked else payload), done=done)

    def _go_elsewhere(self, endpoint: Endpoint, refusal: str) -> bool:
        """Whether a peer router's refusal is one to try another endpoint after."""
        if not (refusal == "not-here" or self._is_repeatable()) or self._body_dropped:
            return False
        self._tried.add(endpoint.instance)
        self._last_failure = f"{endpoint.node} refused {endpoint.instance} ({refusal})"
        self._context.retries += 1
        return True

    def more(self, payload: bytes, *, done: bool) -> None:
        """See Receiver."""
        self._pass_on(chunk(payload) if self._chunked else payload, done=done)

    def _pass_on(self, data: bytes, *, done: bool) -> None:
        if self._over:
            return
        if done and self._chunked:
            data += LAST_CHUNK
        self._touch()
        self._asker.write(data)
        if done:
            self._over = True
            self._let_go(reusable=self._body_ended)
            self._asker.finish()

    def _let_go(self, *, reusable: bool) -> None:
        """Give the connection back: to the pool only when both directions are complete."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if reusable:
            connection.hold_answer(held=False)
            self._context.pool.put(connection)
        else:
            connection.abandon()

    def hold_answer(self, *, held: bool) -> None:
        """Take no more of the answer for now, or go on: the client is slow."""
        self._touch()
        if self._connection is not None:
            self._connection.hold_answer(held=held)

    # -- what goes wrong

    def lost(self, reason: str) -> None:
        """See Receiver."""
        endpoint, connection = self._endpoint, self._connection
        self._connection = None
        if self._over or endpoint is None or connection is None:
            return
        stale = connection.served > 0 and not self._answered
        if not stale:
            self._eject(endpoint, reason)
        if self._answered:
            self._cut_short(reason)
            return
        if self._is_repeatable() and not self._body_dropped:
            self._context.retries += 1
            if stale:
                self._fresh_only = True  # the instance may be well: it let an idle connection go
            else:
                self._tried.add(endpoint.instance)
            self._last_failure = f"{endpoint.instance} was lost ({reason})"
            if self._sends < self._context.limits.sends and self._has_untried():
                self._try_next()
                return
        self._fail(upstream_lost(endpoint.instance, endpoint.node, reason, is_mesh=self._mesh))

    def _is_repeatable(self) -> bool:
        if self._head.method in IDEMPOTENT:
            return True
        return self._trusted and self._head.aether.get(b"x-aether-idempotent") == "1"

    def _has_untried(self) -> bool:
        return any(each.instance not in self._tried for each in self._forward.endpoints)

    def _cut_short(self, reason: str) -> None:
        endpoint = self._endpoint
        log.warning(
            "answer cut short",
            instance=endpoint.instance if endpoint else "",
            node=endpoint.node if endpoint else "",
            reason=reason,
            request_id=self._request_id,
        )
        self._over = True
        self._asker.abort()

    def refuse(self, problem: Problem) -> None:
        """End the request: the client broke it."""
        if not self._over:
            self._fail(problem)

    def _fail(self, problem: Problem) -> None:
        self._over = True
        self._let_go(reusable=False)
        if self._answered:
            self._asker.abort()
        else:
            self._asker.finish(problem)

    def expire(self, *, client_is_slow: bool) -> None:
        """Act on the deadline: nothing moved for the route's time."""
        seconds = self._forward.timeout_s
        if client_is_slow:
            self._fail(request_timeout(seconds))
            return
        endpoint = self._endpoint
        self._fail(
            upstream_timeout(
                self._forward.slice,
                seconds,
                endpoint.instance if endpoint else "",
                endpoint.node if endpoint else "",
            )
        )

    def client_lost(self) -> None:
        """Stop: nobody waits for the answer."""
        self._over = True
        self._let_go(reusable=False)

    @property
    def waits_for_body(self) -> bool:
        """Whether the request is not yet read to its end."""
        return not self._body_ended
