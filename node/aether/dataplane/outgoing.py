"""Where a request stands in its trace, and with which `traceparent` it is sent on.

Rules for this file. An exchange joins the head of every request itself, for a call would cost as
much as the joining; what is here is for what happens seldom: a head that is new on its connection, a
trace that is sampled, a request that is worth telling of.
"""

from typing import cast

from aether.dataplane.attempts import Attempts
from aether.dataplane.forwarding import Travels, request_start
from aether.dataplane.heads import RequestHead
from aether.dataplane.routing import Forward
from aether.dataplane.tracing import UNSAMPLED, Account, Tracing

_PARENT_BYTES = 55


class Outgoing:
    """That of the request under way on one client connection.

    The exchange sets `parent` for each request whose `traceparent` does not travel on as it came.
    """

    __slots__ = (
        "_head",
        "_is_trusted",
        "_tracing",
        "is_entry",
        "is_new",
        "is_passed_on",
        "parent",
        "start",
    )

    def __init__(self, tracing: Tracing, *, is_trusted: bool) -> None:
        """`is_trusted`: whoever asks is one of us, and what it decided about its trace stands."""
        self._tracing = tracing
        self._is_trusted = is_trusted
        self._head = cast("RequestHead", None)  # nothing is asked of it before `read`
        self.start = b""
        """The head for an instance up to the value of the request's id."""
        self.is_passed_on = False
        """Whether the `traceparent` travels on as it came, and stands in `start`."""
        self.is_new = True
        """Whether the request came with none."""
        self.is_entry = True
        """Whether the request came into the cluster here."""
        self.parent = b""
        """The `traceparent` the request came with, or was given."""

    def read(self, head: RequestHead) -> None:
        """Take a head that is sent on from now on, perhaps for many requests."""
        self._head = head
        self.parent = head.traceparent
        self.start, travels = request_start(head)
        self.is_passed_on = travels is Travels.AS_IT_CAME
        self.is_new = travels is Travels.MADE
        self.is_entry = self.is_new or not self._is_trusted

    def enter(self, parent: bytes, attempts: Attempts, now: float) -> bytes:
        """Begin to record a request; return its `traceparent`, without the flag where that is not done."""
        parent = parent[:_PARENT_BYTES]
        trace = self._tracing.enter(parent, now, is_entry=self.is_entry, is_new=self.is_new)
        if trace is None:
            return parent[:53] + UNSAMPLED
        attempts.record(trace)
        return parent

    def tell(
        self,
        forward: Forward,
        attempts: Attempts,
        status: int,
        times: tuple[float, float],
        *,
        is_slow: bool,
    ) -> None:
        """Have a request that is over told of, if it is worth it; `times` are its begin and end."""
        began, ended = times
        trace, past = attempts.take_told()
        self._tracing.ended(
            Account(
                self.parent,
                self._head,
                forward,
                attempts.endpoint,
                past,
                status,
                attempts.last_failure,
                began,
                ended,
                self.is_entry,
                self.is_new,
                trace,
                is_slow,
            )
        )
