"""One request's life: an endpoint, another when that fails, the answer streamed back.

Rules for this file. Whether a failed request may be sent again is decided in `retrying`, whom it
was handed to is kept in `attempts`. Once a byte of the answer has gone to the client there is no
way back: the client's connection is closed so that it can tell the answer is cut short. An
exchange serves the requests of one client connection one after the other; `begin` sets everything
anew. Whatever ends a request comes by `_end` once, which counts it.
"""

from typing import Final, cast

from aether.core.dataplane.balance import Outcome, Refusal
from aether.core.dataplane.table import Endpoint
from aether.core.dataplane.trace_context import trace_id_of
from aether.dataplane import problems
from aether.dataplane.asker import Asker
from aether.dataplane.attempts import Attempts, log_cut_short
from aether.dataplane.choosing import choice_for, plain_choice
from aether.dataplane.context import Context
from aether.dataplane.forwarding import CONTINUE, TRACE, ending_of, switch_lines
from aether.dataplane.framing import chunk, last_chunk
from aether.dataplane.heads import HEAD_END, RequestHead, ResponseHead
from aether.dataplane.hedging import Hedge, may_hedge
from aether.dataplane.outgoing import Outgoing
from aether.dataplane.request_body import NO_BODY, RequestBody
from aether.dataplane.retrying import UNDELIVERED, Halt, Setback, halt, is_repeatable
from aether.dataplane.routing import Forward
from aether.dataplane.tunnel import Tunnel
from aether.dataplane.upstream import UpstreamConnection

# Looked up for every answer: a name of the module is found faster than one of an enumeration.
_OK: Final = Outcome.OK
_ERROR: Final = Outcome.ERROR
_BUSY: Final = Refusal.BUSY
CLIENT_LEFT: Final = 499
"""Stands for a status where the client left before there was one."""
_UNSAMPLED: Final = ord("0")
"""The last digit of a `traceparent` whose trace is not sampled."""


class Exchange:
    """Carries requests to instances and their answers back, one request at a time.

    `is_mesh`: another router asks, which can try elsewhere itself. `is_trusted`: the asker is one
    of us, whose word counts that a repetition is harmless.
    """

    __slots__ = (
        "_answer_held",
        "_answered",
        "_asker",
        "_attempts",
        "_body",
        "_choice",
        "_chunked",
        "_context",
        "_forward",
        "_head",
        "_hedge",
        "_is_mesh",
        "_is_trusted",
        "_lines",
        "_on_demand",
        "_outgoing",
        "_over",
        "_request_id",
        "_sends",
        "_tunnel",
        "began",
        "bytes_out",
        "retries",
        "status",
    )

    def __init__(
        self, context: Context, asker: Asker, *, is_mesh: bool = False, is_trusted: bool = True
    ) -> None:
        self._context = context
        self._asker = asker
        self._is_mesh = is_mesh
        self._is_trusted = is_trusted
        self._attempts = Attempts(context, self, may_renew=not is_mesh)
        self._hedge: Hedge | None = None
        self._tunnel: Tunnel | None = None
        self._over = True
        self._outgoing = Outgoing(context.tracing, is_trusted=is_trusted)
        # Nothing is asked of an exchange before `begin`.
        self._head, self._forward = cast("RequestHead", None), cast("Forward", None)

    def begin(self, head: RequestHead, forward: Forward, request_id: str, now: float) -> None:
        """Take a request that was decided upon, at `now`."""
        context = self._context
        self.began = now
        self._asker.deadline = now + forward.timeout_s
        if head is not self._head or forward is not self._forward:
            self._head, self._forward = head, forward
            self._outgoing.read(head)
            self._choice = plain_choice(forward) or choice_for(forward, head)
        self._request_id = wire_id = request_id.encode()
        attempts, outgoing = self._attempts, self._outgoing
        attempts.begin(self._choice)
        if outgoing.is_passed_on:
            self._lines = b"".join((outgoing.start, wire_id, HEAD_END))
        else:
            parent = context.traces.new() if outgoing.is_new else head.traceparent
            if parent[54] != _UNSAMPLED:
                parent = outgoing.enter(parent, attempts, now)
            outgoing.parent = parent
            self._lines = b"".join((outgoing.start, wire_id, TRACE, parent, HEAD_END))
        self._body = NO_BODY
        if head.length:
            replay_bytes = context.limits.replay_bytes
            self._body = RequestBody(is_chunked=head.length < 0, replay_bytes=replay_bytes)
        self._sends = 0
        self._answered = False
        self._answer_held = False
        self._tunnel = None
        self._over = False
        self._on_demand = head.expects_continue
        self.bytes_out = 0
        self.retries = 0
        self.status = 0
        context.retry_budget.request(now)
        if not self._is_mesh:
            context.observer.began(forward.series)
        row = forward.row
        if row is not None and row.hedge_after_s and may_hedge(head) and not self._is_mesh:
            self._hedge = Hedge(row.hedge_after_s, self.send_second)
        self._try_next(now)

    def _try_next(self, now: float) -> None:
        attempts = self._attempts
        taken = attempts.take(now)
        if taken is None or taken is _BUSY:
            self._give_up(taken)
            return
        attempts.connection = taken
        if taken.receiver is None:
            self._send(taken)

    def _give_up(self, refusal: Refusal | None) -> None:
        forward = self._forward
        if self._is_mesh:
            one, is_busy = forward.endpoints[0], refusal is not None
            self._fail(problems.refused(one.instance, one.node, is_busy=is_busy))
        elif refusal is None:
            self._fail(problems.no_endpoint(forward.slice, self._attempts.last_failure))
        else:
            self._fail(problems.busy(forward.slice))

    def connected(self, connection: UpstreamConnection) -> None:
        """See Receiver: send what there is of the request."""
        self._asker.hold_body(held=False)
        self._send(connection)

    def _send(self, connection: UpstreamConnection) -> None:
        endpoint = connection.endpoint
        if endpoint is None:
            return
        data = self._lines
        if endpoint.mesh or self._attempts.trace is not None:
            if endpoint.mesh and b"x-aether-hops" in self._head.aether:
                problem = problems.loop_detected(endpoint.instance, endpoint.node)
                self._fail(problem, Outcome.CANCELLED)
                return
            data = self._attempts.lines_for(connection, endpoint, data)
        self._sends += 1
        body = self._body
        if body.kept:
            data += body.kept
            body.sent()
        connection.may_switch = bool(self._head.upgrade)
        connection.send(self, self._head.method, data)
        if self._answer_held:
            connection.hold_answer(held=True)
        if self._on_demand:
            self._on_demand = False
            if body.size == 0:
                self._asker.write(CONTINUE)

    # -- the request's body

    def body(self, payload: bytes, *, done: bool, trailers: bytes = b"") -> None:
        """Take more of the request's body from the client."""
        if self._over:
            return
        self._touch()
        body = self._body
        wire = body.take(payload, done=done, trailers=trailers)
        if body.size > self._forward.body_limit:
            self._fail(problems.body_too_large(self._forward.body_limit), Outcome.CANCELLED)
            return
        connection = self._attempts.connection
        if connection is not None and not connection.is_opening:
            connection.write(wire)
            body.sent()
        elif body.is_full:
            self._asker.hold_body(held=True)

    def hold_request(self, *, held: bool) -> None:
        """See Receiver."""
        self._touch()
        self._asker.hold_body(held=held)

    def _touch(self) -> None:
        self._asker.deadline = self._context.now() + self._forward.timeout_s

    # -- the answer

    def answered(
        self, connection: UpstreamConnection, head: ResponseHead, payload: bytes, *, done: bool
    ) -> None:
        """See Receiver."""
        endpoint = connection.endpoint
        if endpoint is None:
            return
        if head.aether and endpoint.mesh and b"x-aether-refused" in head.aether:
            self._refused(connection, head.aether[b"x-aether-refused"], done=done)
            return
        if self._attempts.rival is not None:
            self._attempts.settle(connection, self._context.now())
        self._answered = True
        self.status = head.status
        self.bytes_out = len(payload)
        start = connection.answer_start(head, endpoint, self._forward.notices)
        asker = self._asker
        chunked = self._chunked = not head.is_framed and self._head.is_http11
        closes = asker.wants_close or self._context.draining
        ending = HEAD_END
        if chunked or closes:
            ending = ending_of(self._head, head, chunked=chunked, closes=closes)
        if done and not chunked:
            asker.write(b"".join((start, self._request_id, ending, payload)))
            self._finished(connection, self._context.now())
            return
        data = chunk(payload) if chunked else payload
        self._pass_on(connection, b"".join((start, self._request_id, ending, data)), done=done)

    def more(self, connection: UpstreamConnection, payload: bytes, *, done: bool) -> None:
        """See Receiver."""
        self.bytes_out += len(payload)
        if self._chunked:
            payload = chunk(payload)
        self._pass_on(connection, payload, done=done)

    def _pass_on(self, connection: UpstreamConnection, data: bytes, *, done: bool) -> None:
        asker = self._asker
        now = self._context.now()
        if not done:
            asker.deadline = now + self._forward.timeout_s
            asker.write(data)
            return
        if self._chunked:
            data += last_chunk(connection.trailers if self._head.takes_trailers else b"")
        asker.write(data)
        self._finished(connection, now)

    def _finished(self, connection: UpstreamConnection, now: float) -> None:
        """End the request: its answer is written as a whole."""
        self._over = True
        attempts = self._attempts
        attempts.release(connection, _OK if self.status < 500 else _ERROR, now)
        attempts.connection = None
        if self._answer_held:
            connection.hold_answer(held=False)
        if self._body.has_ended:
            self._context.pool.put(connection, now)
        else:
            connection.abandon()
        self._end(now)
        self._asker.finish(now)

    def switched(self, connection: UpstreamConnection, head: ResponseHead, payload: bytes) -> None:
        """See Receiver: hand both connections to a tunnel, which counts as this request in flight."""
        endpoint = connection.endpoint
        if endpoint is None:
            return
        self._answered = True
        self.status = head.status
        asker = self._asker
        start = connection.answer_start(head, endpoint, self._forward.notices)
        asker.write(start + self._request_id + switch_lines(self._head.upgrade) + payload)
        tunnel = Tunnel(asker, connection, self._forward.timeout_s, self._context.now, self._closed)
        connection.receiver = self._tunnel = tunnel
        asker.switch(tunnel)

    def _closed(self, outcome: Outcome) -> None:
        """Count the tunnel, which is closed."""
        now = self._context.now()
        self._over = True
        if self._tunnel is not None:
            self.bytes_out = self._tunnel.bytes_out
        connection = self._attempts.connection
        if connection is not None:
            self._attempts.release(connection, outcome, now)
            self._attempts.connection = None
        self._end(now)

    def hold_answer(self, *, held: bool) -> None:
        """Take no more of the answer for now, or go on: the client is slow."""
        self._touch()
        self._answer_held = held
        connection = self._attempts.connection
        if connection is not None:
            connection.hold_answer(held=held)

    # -- what goes wrong

    def not_connected(self, connection: UpstreamConnection, reason: str) -> None:
        """See Receiver: nothing was sent, so any request may go elsewhere."""
        self._attempts.last_failure = reason
        self._failed(connection, Outcome.UNREACHABLE, reason, is_unsent=True)

    def lost(self, connection: UpstreamConnection, reason: str) -> None:
        """See Receiver."""
        endpoint = connection.endpoint
        if endpoint is None:
            return
        self._attempts.last_failure = f"{endpoint.instance} was lost ({reason})"
        if self._answered:
            self._cut_short(endpoint, reason)
        elif connection.served > 0:
            # The instance may be well: it let an idle connection go.
            self._attempts.fresh_only = True
            self._failed(connection, Outcome.CANCELLED, reason, is_unsent=False)
        else:
            self._failed(connection, Outcome.FAILED, reason, is_unsent=False)

    def _refused(self, connection: UpstreamConnection, word: str, *, done: bool) -> None:
        """Act on a peer router's word that it did not deliver the request, or lost it."""
        reason = f"its node's router says: {word}"
        self._attempts.last_failure = reason
        if done and self._body.has_ended:
            self._context.pool.put(connection, self._context.now())
        else:
            connection.abandon()
        outcome = Outcome.CANCELLED if word == "busy" else Outcome.FAILED
        self._failed(connection, outcome, reason, is_unsent=word in UNDELIVERED)

    def _failed(
        self, connection: UpstreamConnection, outcome: Outcome, reason: str, *, is_unsent: bool
    ) -> None:
        """Try again, where that is allowed, after an attempt that failed before its answer."""
        endpoint, attempts = connection.endpoint, self._attempts
        if endpoint is None:
            return
        now = self._context.now()
        attempts.release(connection, outcome, now)
        is_stale = attempts.fresh_only and outcome is Outcome.CANCELLED and not is_unsent
        if not is_stale:
            attempts.pass_over(endpoint)
        if attempts.failed(connection):
            return  # the other copy is still under way
        why = self._why_not_again(now, is_unsent=is_unsent, is_stale=is_stale)
        if why is None:
            self.retries += 1
            self._context.retries += 1
            self._try_next(now)
        elif is_unsent and why is not Halt.BUDGET:
            self._give_up(None)
        else:
            one, is_mesh = endpoint, self._is_mesh
            self._fail(
                problems.out_of_retries(one.instance, one.node, reason)
                if why is Halt.BUDGET
                else problems.upstream_lost(one.instance, one.node, reason, is_mesh=is_mesh)
            )

    def _why_not_again(self, now: float, *, is_unsent: bool, is_stale: bool) -> Halt | None:
        why = halt(
            Setback(
                is_unsent=is_unsent,
                is_repeatable=is_repeatable(self._head, is_trusted=self._is_trusted),
                is_body_kept=self._body.is_kept,
                sends=self._sends,
                attempts=self._most_sends,
                left_s=self._asker.deadline - now,
                has_untried=is_stale or self._attempts.has_untried(),
            )
        )
        if why is None and not is_unsent and not self._context.retry_budget.may_retry(now):
            return Halt.BUDGET
        return why

    @property
    def _most_sends(self) -> int:
        row = self._forward.row
        return self._context.limits.sends if row is None else row.attempts

    def _cut_short(self, endpoint: Endpoint, reason: str) -> None:
        log_cut_short(endpoint, reason, self._request_id, self.trace_id)
        self._stop(Outcome.FAILED, 0, self._context.now())
        self._asker.abort()

    def _stop(self, outcome: Outcome, status: int, now: float) -> None:
        """End every attempt and count the request."""
        self._over = True
        self._attempts.end(outcome, now)
        self.status = status
        self._end(now)

    def refuse(self, problem: problems.Problem) -> None:
        """End the request: the client broke it."""
        if not self._over:
            self._fail(problem, Outcome.CANCELLED)

    def _fail(self, problem: problems.Problem, outcome: Outcome = Outcome.FAILED) -> None:
        now = self._context.now()
        cut = self.status if outcome is Outcome.CANCELLED else 0  # by the client, or by us
        self._stop(outcome, cut if self._answered else problem.status, now)
        if self._answered:
            self._asker.abort()
        else:
            self._asker.finish(now, problem)

    def expire(self, *, client_is_slow: bool) -> None:
        """Act on the deadline: nothing moved for the route's time."""
        if self._over:
            return
        seconds = self._forward.timeout_s
        if client_is_slow:
            self._fail(problems.request_timeout(seconds), Outcome.CANCELLED)
            return
        endpoint = self._attempts.endpoint
        instance, node = (endpoint.instance, endpoint.node) if endpoint else ("", "")
        self._fail(problems.upstream_timeout(self._forward.slice, seconds, instance, node))

    def client_lost(self) -> None:
        """Stop: nobody waits for the answer. That is no failure of whoever was to give it."""
        if not self._over:
            self._stop(Outcome.CANCELLED, self.status or CLIENT_LEFT, self._context.now())

    @property
    def waits_for_body(self) -> bool:
        """Whether the request is not yet read to its end."""
        return not self._body.has_ended

    def _end(self, now: float) -> None:
        """Count the request, which is over."""
        hedge = self._hedge
        if hedge is not None:
            hedge.cancel()
            self._hedge = None
        if self._body is not NO_BODY:
            self._body.forget()
        forward, attempts, context = self._forward, self._attempts, self._context
        seconds, is_slow = now - self.began, False
        if not self._is_mesh:  # the router it came to first counts it
            endpoint = attempts.endpoint
            is_slow = context.observer.ended(
                forward.series,
                endpoint.instance.version if endpoint is not None else "",
                self._head.method,
                self.status,
                seconds,
                self._body.size if self._tunnel is None else self.bytes_in,
                self.bytes_out,
                self.retries,
            )
            if is_slow:
                context.observer.was_slow(self, forward.series, self._head.method, seconds)
        # There is a past when the request is sampled, and when anything failed.
        out, slow_s = self._outgoing, context.tracing.slow_s
        is_told = is_slow or attempts.past is not None or not out.is_entry or seconds >= slow_s
        if is_told and self._tunnel is None:
            out.tell(forward, attempts, self.status, (self.began, now), is_slow=is_slow)

    @property
    def trace_id(self) -> str:
        """The trace of the request, or of the last one."""
        return trace_id_of(self._outgoing.parent)

    @property
    def bytes_in(self) -> int:
        """Bytes of the request's body that came."""
        return self._body.size if self._tunnel is None else self._tunnel.bytes_in

    @property
    def endpoint(self) -> Endpoint | None:
        """The instance that answered, or was asked last."""
        return self._attempts.endpoint

    def send_second(self) -> None:
        """Send a second copy: the first stayed silent for the route's time."""
        attempts, context = self._attempts, self._context
        now = context.now()
        if self._over or self._answered or not attempts.is_alone:
            return
        if self._sends >= self._most_sends or not context.retry_budget.may_retry(now):
            return
        taken = attempts.take_second(now)
        if taken is None:
            return
        self.retries += 1
        context.retries += 1
        if taken.receiver is None:
            self._send(taken)
