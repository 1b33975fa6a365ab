"""The attempts to have one request answered: whom it was handed to, and how that ended.

Rules for this file. An attempt is an upstream connection, open or still opening, with `endpoint`
set. What the balancer was told has begun on it ends in `release`, and nowhere else; `release`
takes `endpoint` away, so that nothing is counted twice, and every way a request can end comes by
`release` or `end`, so that nothing is counted never. There are two attempts at a time at most: the
second one is the hedge.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

import structlog

from aether.core.dataplane.balance import Choice, Outcome, Refusal
from aether.core.dataplane.table import Endpoint
from aether.core.model.ids import InstanceId
from aether.dataplane.context import Context
from aether.dataplane.tracing import Past, RequestTrace
from aether.dataplane.upstream import Receiver, UpstreamConnection

log = structlog.get_logger()

_BUSY: Final = Refusal.BUSY
_OK: Final = Outcome.OK
NO_FAILURE = "none is active"
_NOBODY: frozenset[InstanceId] = frozenset()


class Attempts:
    """Those of the request under way on one client connection; `begin` sets everything anew."""

    __slots__ = (
        "_context",
        "_may_renew",
        "_receiver",
        "_trace",
        "choice",
        "connection",
        "endpoint",
        "fresh_only",
        "last_failure",
        "past",
        "rival",
        "tried",
    )

    choice: Choice
    """What the balancer is asked."""

    def __init__(self, context: Context, receiver: Receiver, *, may_renew: bool) -> None:
        """Serve one client connection; `may_renew` lets endpoints of a newer table be tried."""
        self._context = context
        self._may_renew = may_renew
        self._receiver = receiver
        self.connection: UpstreamConnection | None = None
        self.rival: UpstreamConnection | None = None
        """The second copy, while two are under way."""
        self.endpoint: Endpoint | None = None
        """The one asked last."""

    def begin(self, choice: Choice, trace: RequestTrace | None = None) -> None:
        """Forget the last request; `trace` records this one when its trace is sampled."""
        self.choice = choice
        self.tried: Collection[InstanceId] = _NOBODY
        self.endpoint = None
        self.fresh_only = False
        """Whether kept connections are not risked again."""
        self.last_failure = NO_FAILURE
        self.past: tuple[Past, ...] = ()
        """Those that are over, as far as a trace tells of them: all when it is sampled, else from the first that failed on."""
        self._trace = trace

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
        if outcome is not _OK or self._trace is not None or self.past:
            self._note(connection, endpoint, outcome, now)
        seconds = self._context.balancer.ended(endpoint, outcome, now - connection.began, now)
        if seconds is not None:
            log.warning(
                "endpoint is set aside",
                instance=endpoint.instance,
                node=endpoint.node,
                seconds=seconds,
                reason=self.last_failure,
            )

    def _note(
        self, connection: UpstreamConnection, endpoint: Endpoint, outcome: Outcome, now: float
    ) -> None:
        """Keep what a trace tells of an attempt that is over."""
        failure = "" if self.last_failure is NO_FAILURE else self.last_failure
        span_id = "" if self._trace is None else self._trace.attempts.pop(connection, "")
        self.past = (*self.past, Past(endpoint, connection.began, now, outcome, failure, span_id))

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
        """End every attempt: nobody waits for an answer any more."""
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
        node=endpoint.node,
        reason=reason,
        request_id=request_id.decode(),
        trace_id=trace_id,
    )
