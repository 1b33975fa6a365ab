"""What one router process records of requests: spans of those sampled, of those that failed or were slow.

Rules for this file. A request that is not recorded costs a comparison or two; one between slices
whose trace is not sampled leaves an `Account` in a ring, from which a span is made only when the node
asks for its trace. Whether a trace is sampled is decided by the router it comes to first. Nothing
waits here: `ship` takes what has gathered, and what is over a bound is dropped and counted.
"""

import asyncio
import random
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import msgspec

from aether.core.dataplane.balance import Outcome
from aether.core.dataplane.rate_limit import TokenBuckets
from aether.core.dataplane.table import Endpoint
from aether.core.dataplane.trace_context import TraceParents
from aether.core.tracing.sampling import TracingSettings
from aether.core.tracing.span import (
    ENTRY,
    KEPT,
    MOST_PROBLEM_CHARS,
    MOST_SPANS_A_MESSAGE,
    Kind,
    Span,
    shortened,
)
from aether.dataplane.heads import HEAD_END, RequestHead
from aether.dataplane.routing import Forward
from aether.frames import pack

PERIOD_S = 0.25
MOST_WAITING = 4096
"""Spans that wait for the node; more are dropped."""
MOST_REMEMBERED = 2048
"""Requests between slices whose trace is not sampled, the last ones."""
MOST_ASKED = 1024
MOST_SAMPLED_PER_S = 500.0
MOST_KEPT_PER_S = 50.0
"""Failed and slow requests kept though not sampled: when all fail, some tell as much as all."""
_SAMPLED_BURST, _KEPT_BURST = 1000, 100
_ALL_SAMPLED, _ALL_KEPT = "sampled", "kept"
_TAIL = 55 + len(HEAD_END)
_NEVER = float("inf")
UNSAMPLED = b"00"
"""Flags of a trace that is not sampled."""


class Past(msgspec.Struct, frozen=True, gc=False):
    """An attempt that is over."""

    endpoint: Endpoint
    began: float
    ended: float
    outcome: Outcome
    failure: str
    span_id: str
    """What the instance was told; empty when the trace is not sampled."""


class Account(msgspec.Struct, frozen=True, gc=False):
    """A request that is over, as far as its trace goes."""

    parent: bytes
    """The `traceparent` it came with, or was given."""
    head: RequestHead
    forward: Forward
    endpoint: Endpoint | None
    past: tuple[Past, ...]
    status: int
    failure: str
    began: float
    ended: float
    is_entry: bool
    """Whether the request came into the cluster here."""
    is_new: bool
    """Whether `parent` was made here: its span is the request's own."""
    own: "RequestTrace | None" = None
    is_slow: bool = False
    """By the rule for slow calls."""


class RequestTrace:
    """A request under way whose trace is sampled."""

    __slots__ = ("_new_id", "_trace", "attempts", "span_id")

    def __init__(self, trace_id: bytes, span_id: str, new_id: Callable[[], str]) -> None:
        self._trace = trace_id
        self._new_id = new_id
        self.span_id = span_id
        self.attempts: dict[object, str] = {}
        """Span ids of those under way, by connection."""

    def sent(self, connection: object, head: bytes) -> bytes:
        """Return a head that ends with a `traceparent` with the one of an attempt that begins."""
        span_id = self.attempts[connection] = self._new_id()
        return b"%b00-%b-%b-01%b" % (head[:-_TAIL], self._trace, span_id.encode(), HEAD_END)


class Tracing:
    """Of one router process."""

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        dice: random.Random | None = None,
    ) -> None:
        """`now` is monotonic seconds, `wall` seconds since 1970."""
        self._now = now
        self._wall = wall
        self._dice = dice or random.Random(secrets.randbits(256))  # noqa: S311 - ids, no secrets
        self.traces = TraceParents(self._dice)
        self.node = ""
        self.process = "router"
        self._buckets: TokenBuckets[str] = TokenBuckets()
        self._waiting: deque[Span] = deque()
        self._ring: deque[Account] = deque(maxlen=MOST_REMEMBERED)
        self._asked: dict[bytes, None] = {}
        self.slow_s = _NEVER
        """From how many seconds on a request is kept; for ever: when it is slow by the rule for calls."""
        self.has_settings = False
        """Whether the node has told any: one that has not takes no spans."""
        self.dropped = 0
        """Spans lost because too many waited."""
        self._told_dropped = 0
        self.unkept = 0
        """Requests that failed or were slow, and were not kept for being too many."""
        self.use(TracingSettings())

    def use(self, settings: TracingSettings) -> None:
        """Record by these settings from now on."""
        self.traces.sample(settings.sample)
        self.slow_s = settings.slow_s or _NEVER

    # -- a request under way

    def enter(
        self, parent: bytes, now: float, *, is_entry: bool, is_new: bool
    ) -> RequestTrace | None:
        """Begin to record a request whose `traceparent` says that it is sampled.

        None when too many are, and then the flag is to be taken out. `is_new`: it was made here, and
        names the request itself.
        """
        if is_entry and self._buckets.admit(_ALL_SAMPLED, MOST_SAMPLED_PER_S, _SAMPLED_BURST, now):
            return None
        span_id = parent[36:52].decode() if is_new else self._new_id()
        return RequestTrace(parent[3:35], span_id, self._new_id)

    def ended(self, account: Account) -> None:
        """Take a request that is over: one that is sampled, one between slices, or one that may be notable."""
        if account.own is not None:
            self._ship(account, account.own.span_id)
        elif account.is_entry:
            if self._is_notable(account):
                self._keep(account)
        elif self._asked and account.parent[3:35] in self._asked:
            self._ship(account, self._new_id())
        else:
            self._ring.append(account)

    def _is_notable(self, account: Account) -> bool:
        """Whether the request failed or was slow."""
        if not 0 < account.status < 500:
            return True
        by_rule = self.slow_s == _NEVER
        return account.is_slow if by_rule else account.ended - account.began >= self.slow_s

    def _keep(self, account: Account) -> None:
        """Keep a request that was not sampled, unless so many are that this one adds nothing."""
        if self._buckets.admit(_ALL_KEPT, MOST_KEPT_PER_S, _KEPT_BURST, account.ended):
            self.unkept += 1
            return
        self._remember(account.parent[3:35])
        span_id = account.parent[36:52].decode() if account.is_new else self._new_id()
        self._ship(account, span_id, marks=KEPT)

    # -- what the node asks for and takes

    def ask(self, traces: Iterable[str]) -> None:
        """Ship what is remembered of these traces, and what of them will still end."""
        wanted = {trace.encode("latin-1", "replace") for trace in traces}
        for trace in sorted(wanted):
            self._remember(trace)
        found = [account for account in self._ring if account.parent[3:35] in wanted]
        if found:
            rest = [account for account in self._ring if account.parent[3:35] not in wanted]
            self._ring = deque(rest, maxlen=MOST_REMEMBERED)
        for account in found:
            self._ship(account, self._new_id())

    def _remember(self, trace: bytes) -> None:
        self._asked[trace] = None
        while len(self._asked) > MOST_ASKED:
            del self._asked[next(iter(self._asked))]

    def frames(self) -> Iterable[bytes]:
        """Take the spans that wait, packed in frames."""
        while self._waiting:
            spans = [
                self._waiting.popleft()
                for _ in range(min(MOST_SPANS_A_MESSAGE, len(self._waiting)))
            ]
            dropped, self._told_dropped = self.dropped - self._told_dropped, self.dropped
            yield pack({"op": "spans", "spans": spans, "dropped": dropped})

    async def ship(self, writer: asyncio.StreamWriter) -> None:
        """Send spans to the node until cancelled or the link is closed.

        While the node has not taken what was sent before, they wait.
        """
        transport = writer.transport
        while not transport.is_closing():
            await asyncio.sleep(PERIOD_S)
            if not self.has_settings or transport.is_closing():
                continue
            for frame in self.frames():
                writer.write(frame)
                if transport.get_write_buffer_size():
                    break
                await asyncio.sleep(0)  # requests come first

    def take(self, message: Any) -> bool:  # noqa: ANN401 - a frame
        """Act on a message of the node; False when it is about something else."""
        match message:
            case {"op": "tracing", "sample": float(sample), "slow_s": float(slow_s)}:
                self.has_settings = True
                self.use(TracingSettings(sample, slow_s))
            case {"op": "traces", "asked": list(asked)}:
                self.ask(trace for trace in islice(asked, MOST_ASKED) if isinstance(trace, str))
            case _:
                return False
        return True

    def counts(self) -> dict[str, int]:
        """Return what the bounds cost: spans dropped, and failed or slow requests not kept."""
        return {"dropped": self.dropped, "unkept": self.unkept, "waiting": len(self._waiting)}

    # -- spans

    def _ship(self, account: Account, span_id: str, marks: int = 0) -> None:
        attempts = account.past if account.own is not None else _told(account.past)
        if len(self._waiting) + 1 + len(attempts) > MOST_WAITING:
            self.dropped += 1 + len(attempts)
            return
        self._waiting.append(self._request(account, span_id, marks))
        self._waiting.extend(self._attempt(account, span_id, each) for each in attempts)

    def _request(self, account: Account, span_id: str, marks: int) -> Span:
        head, forward, endpoint = account.head, account.forward, account.endpoint
        row = forward.row
        name = f"{head.method} {head.path}" if row is None else f"{row.method} {row.pattern}"
        return self._span(
            account,
            span_id,
            kind="request",
            parent="" if account.is_new else account.parent[36:52].decode(),
            name=name,
            began=account.began,
            ended=account.ended,
            endpoint=endpoint,
            status=account.status,
            problem=_problem(account),
            marks=marks | (ENTRY if account.is_entry else 0),
        )

    def _attempt(self, account: Account, parent: str, past: Past) -> Span:
        was_answered = past.outcome is Outcome.OK or past.outcome is Outcome.ERROR
        return self._span(
            account,
            past.span_id or self._new_id(),
            kind="attempt",
            parent=parent,
            name=str(past.endpoint.instance),
            began=past.began,
            ended=past.ended,
            endpoint=past.endpoint,
            status=account.status if was_answered and past is account.past[-1] else 0,
            problem="" if was_answered else past.failure or past.outcome.value,
        )

    def _span(  # noqa: PLR0913 - the fields of a span
        self,
        account: Account,
        span_id: str,
        *,
        kind: Kind,
        parent: str,
        name: str,
        began: float,
        ended: float,
        endpoint: Endpoint | None,
        status: int = 0,
        problem: str = "",
        marks: int = 0,
    ) -> Span:
        return Span(
            trace=account.parent[3:35].decode(),
            id=span_id,
            parent=parent,
            kind=kind,
            name=shortened(name),
            began=max(0.0, self._wall() - (self._now() - began)),
            seconds=max(0.0, ended - began),
            node=self.node,
            process=self.process,
            slice=account.forward.slice,
            status=status,
            problem=shortened(problem, MOST_PROBLEM_CHARS),
            marks=marks,
            to="" if endpoint is None else str(endpoint.instance),  # a plain text is packed faster
            to_node="" if endpoint is None else endpoint.node,
        )

    def _new_id(self) -> str:
        return f"{self._dice.getrandbits(64) | 1:016x}"


def _problem(account: Account) -> str:
    """Return why a request failed, empty when it did not, or its instance answered 5xx."""
    if 0 < account.status < 500:
        return ""
    if account.endpoint is None or (account.past and account.past[-1].failure):
        return account.failure
    return "" if account.status else "no whole answer"


def _told(past: Sequence[Past]) -> Sequence[Past]:
    """Return the attempts worth a span where nobody was told their ids: when there were several."""
    return past if len(past) > 1 else ()
