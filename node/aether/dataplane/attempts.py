"""The attempts to have one request answered: whom it was handed to, and how that ended.

Rules for this file. An attempt is an upstream connection, open or still opening, with `endpoint`
set. What the balancer was told has begun on it ends in `release`, and nowhere else; `release`
takes `endpoint` away, so that nothing is counted twice, and every way a request can end comes by
`release` or `end`, so that nothing is counted never. There are two attempts at a time at most: the
second one is the hedge.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Final, Protocol

import structlog

from aether.core.dataplane.balance import Choice, Outcome, Refusal
from aether.core.dataplane.table import Endpoint
from aether.core.model.ids import InstanceId
from aether.dataplane.context import Context
from aether.dataplane.forwarding import lines_for_peer
from aether.dataplane.tracing import Past, RequestTrace
from aether.dataplane.upstream import Receiver, UpstreamConnection

log = structlog.get_logger()

_BUSY: Final = Refusal.BUSY
_OK: Final = Outcome.OK
NO_FAILURE = "none is active"
_NOBODY: frozenset[InstanceId] = frozenset()


class Attempting(Receiver, Protocol):
    """Who makes the attempts: an exchange."""

    @property
    def trace_id(self) -> str:
        """The trace of the request."""
        ...


class Attempts:
    """Those of the request under way on one client connection; `begin` sets everything anew."""

    __slots__ = (
        "_context",
        "_may_renew",
        "_receiver",
        "choice",
        "connection",
        "endpoint",
        "fresh_only",
        "last_failure",
        "past",
        "rival",
        "trace",
        "tried",
    )

    choice: Choice
    """What the balancer is asked."""

    def __init__(self, context: Context, receiver: Attempting, *, may_renew: bool) -> None:
        """Serve one client connection; `may_renew` lets endpoints of a newer table be tried."""
        self._context = context
        self._may_renew = may_renew
        self._receiver = receiver
        self.connection: UpstreamConnection | None = None
        self.rival: UpstreamConnection | None = None
        """The second copy, while two are under way."""
        self.endpoint: Endpoint | None = None
        """The one asked last."""
        self.trace: RequestTrace | None = None
        """What records the request; None when its trace is not sampled."""
        self.past: tuple[Past, ...] | None = None
        """Those that are over, as far as a trace tells of them: all when it is sampled, else from the first that
        failed on. None while there is nothing to tell: nothing has failed."""

    def begin(self, choice: Choice) -> None:
        """Forget the last request; what there was to tell of it was taken by `take_told`."""
        self.choice = choice
        self.tried: Collection[InstanceId] = _NOBODY
        self.endpoint = None
        self.fresh_only = False
        """Whether kept connections are not risked again."""
        self.last_failure = NO_FAILURE

    def take(self, now: float) -> UpstreamConnection | Refusal | None:
        """Begin an attempt at the endpoint whose turn it is.

        The connection has no receiver yet when the request can be written to it at once. A
        refusal: nobody takes more for now; None: everyone was tried.
        """
        context = self._context
        while True:
            endpoint = context.balancer.pick(self.choice, self.tried, now)
            if endpoint is None:
                if self._has_newer():
                    continue
                return None
            if endpoint is _BUSY:
                return endpoint
            address = endpoint.socket or endpoint.mesh
            connection = None if self.fresh_only else context.pool.take_idle(address)
            if connection is None:
                connection = context.pool.connect(address, self._receiver)
            if connection is not None:
                connection.endpoint = self.endpoint = endpoint
                connection.began = now
                context.balancer.started(endpoint)
                return connection
            self.pass_over(endpoint)
            self.last_failure = f"{address} has as many connections as it may have"

    def lines_for(self, connection: UpstreamConnection, endpoint: Endpoint, lines: bytes) -> bytes:
        """Return a head as it goes to one endpoint: with the span of this attempt, with the instance for a peer."""
        if self.trace is not None:
            lines = self.trace.sent(connection, lines)
        return lines[:-2] + lines_for_peer(endpoint.instance) if endpoint.mesh else lines

    @property
    def is_alone(self) -> bool:
        """Whether exactly one attempt is under way."""
        return self.connection is not None and self.rival is None

    def take_second(self, now: float) -> UpstreamConnection | None:
        """Begin a second attempt beside the first, at another endpoint; None when nobody takes it."""
        first = self.connection
        if first is None or first.endpoint is None:
            return None
        self.pass_over(first.endpoint)
        taken = self.take(now)
        if isinstance(taken, Refusal):
            return None
        self.rival = taken
        return taken

    def pass_over(self, endpoint: Endpoint) -> None:
        """Try this one no more."""
        self.tried = {*self.tried, endpoint.instance}

    def _has_newer(self) -> bool:
        """Take the endpoints of a table that came meanwhile; whether one of them is untried."""
        endpoints = self._context.routing.endpoints(self.choice.slice)
        if not self._may_renew or endpoints == self.choice.endpoints:
            return False
        self.choice = replace(self.choice, endpoints=endpoints)
        return self.has_untried()

    def has_untried(self) -> bool:
        """Whether an endpoint is left."""
        return any(each.instance not in self.tried for each in self.choice.endpoints)

    def release(self, connection: UpstreamConnection, outcome: Outcome, now: float) -> None:
        """Tell the balancer that an attempt is over, once however often it is asked to."""
        endpoint = connection.endpoint
        if endpoint is None:
            return
        connection.endpoint = None
        if outcome is not _OK or self.past is not None:
            self._note(connection, endpoint, outcome, now)
        seconds = self._context.balancer.ended(endpoint, outcome, now - connection.began, now)
        if seconds is not None:
            log.warning(
                "endpoint is set aside",
                instance=endpoint.instance,
                to_node=endpoint.node,
                seconds=seconds,
                reason=self.last_failure,
                trace_id=self._receiver.trace_id,
            )

    def _note(
        self, connection: UpstreamConnection, endpoint: Endpoint, outcome: Outcome, now: float
    ) -> None:
        """Keep what a trace tells of an attempt that is over."""
        if outcome is Outcome.FAILED or outcome is Outcome.UNREACHABLE:
            # The next one may still answer the request: no more than whoever looks for it need hear.
            log.debug(
                "attempt failed",
                instance=endpoint.instance,
                to_node=endpoint.node,
                outcome=outcome.value,
                reason=self.last_failure,
                trace_id=self._receiver.trace_id,
            )
        failure = "" if self.last_failure is NO_FAILURE else self.last_failure
        span_id = "" if self.trace is None else self.trace.attempts.pop(connection, "")
        self.past = (
            *(self.past or ()),
            Past(endpoint, connection.began, now, outcome, failure, span_id),
        )

    def record(self, trace: RequestTrace) -> None:
        """Have `trace` tell of the request, which has just begun, and of all its attempts."""
        self.trace, self.past = trace, ()

    def take_told(self) -> tuple[RequestTrace | None, tuple[Past, ...]]:
        """Return what is to be told of the request, which is over, and forget it."""
        told = self.trace, self.past or ()
        self.trace = self.past = None
        return told

    def failed(self, connection: UpstreamConnection) -> bool:
        """Take out an attempt that is over; whether another one is still under way."""
        if connection is self.rival:
            self.rival = None
        else:
            self.connection, self.rival = self.rival, None
        return self.connection is not None

    def settle(self, winner: UpstreamConnection, now: float) -> None:
        """Keep the attempt that was answered first and end the other."""
        loser = self.connection if winner is self.rival else self.rival
        self.connection, self.rival = winner, None
        self.endpoint = winner.endpoint
        if loser is not None:
            self._drop(loser, Outcome.CANCELLED, now)

    def end(self, outcome: Outcome, now: float) -> None:
        """End every attempt: nobody waits for an answer any more. That is worth telling, even of none."""
        self.past = self.past or ()
        for connection in (self.connection, self.rival):
            if connection is not None:
                self._drop(connection, outcome, now)
        self.connection = self.rival = None

    def _drop(self, connection: UpstreamConnection, outcome: Outcome, now: float) -> None:
        self.release(connection, outcome, now)
        if connection.is_opening:
            connection.receiver = None  # the pool keeps it for others once it is open
        else:
            connection.abandon()


def log_cut_short(endpoint: Endpoint, reason: str, request_id: bytes, trace_id: str) -> None:
    """Say that an instance was lost after the begin of its answer had gone to the client."""
    log.warning(
        "answer cut short",
        instance=endpoint.instance,
        to_node=endpoint.node,
        reason=reason,
        request_id=request_id.decode(),
        trace_id=trace_id,
    )
