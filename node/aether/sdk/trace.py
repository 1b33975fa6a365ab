"""Where a request stands in its trace: W3C Trace Context, as a slice sees it and hands it on."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

TRACEPARENT = b"traceparent"
TRACESTATE = b"tracestate"
REQUEST_ID = b"x-request-id"

_PARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?"
)
_STATE = re.compile(r"[\x20-\x7e]{0,512}")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """What calls to other slices carry on, so that their part is found in the same trace.

    >>> TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").trace_id
    '0af7651916cd43dd8448eb211c80319c'
    """

    traceparent: str
    tracestate: str = ""

    def __post_init__(self) -> None:
        if not _PARENT.fullmatch(self.traceparent):
            raise ValueError(
                f"traceparent {self.traceparent[:80]!r} is not VERSION-TRACE-SPAN-FLAGS in lower-case "
                "hexadecimal digits, with neither trace nor span all zeros"
            )
        if not _STATE.fullmatch(self.tracestate):
            raise ValueError(
                "tracestate is longer than 512 characters or holds one that is not ASCII"
            )

    @property
    def trace_id(self) -> str:
        """The id all parts of the trace have in common."""
        return self.traceparent[3:35]


class Scope:
    """A piece of work under way that log lines and calls belong to; the host makes them.

    This one records nothing: it lends its ids.
    """

    __slots__ = ("_span_id", "trace_id")

    is_sampled = False
    """Whether parts of this work are recorded."""

    def __init__(self, trace_id: str, span_id: str) -> None:
        """Take ids in lower-case hexadecimal digits: 32 of the trace, 16 of the span."""
        self.trace_id = trace_id
        self._span_id = span_id

    @property
    def span_id(self) -> str:
        """The id of this piece of work in its trace."""
        return self._span_id

    @property
    def traceparent(self) -> str:
        """What a request made on behalf of this work carries."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.is_sampled else '00'}"

    def open(self, name: str, kind: str = "part") -> "Scope":
        """Return a piece of this work, which has just begun."""
        del name, kind
        return self

    def close(self, problem: str = "") -> None:
        """Note that the work is over, and why it failed when it did."""


Fields = Sequence[tuple[bytes, bytes]]

REQUEST_HEADERS: ContextVar[Fields] = ContextVar("request_headers", default=())
"""Headers of the request being handled, names in lower case; the host sets it."""
SCOPE: ContextVar[Scope | None] = ContextVar("scope", default=None)
"""The work under way; the host sets it, and `span`."""
_OWN: ContextVar[TraceContext | None] = ContextVar("own_trace_context", default=None)


def trace_context() -> TraceContext | None:
    """Return the trace the request being handled belongs to; None outside of requests.

    Calls to other slices carry it on by themselves.
    """
    own = _OWN.get()
    if own is not None:
        return own
    scope = SCOPE.get()
    if scope is not None:
        state = _header(TRACESTATE)
        return TraceContext(scope.traceparent, state if _STATE.fullmatch(state) else "")
    parent = _header(TRACEPARENT)
    if not _PARENT.fullmatch(parent):
        return None
    state = _header(TRACESTATE)
    return TraceContext(parent, state if _STATE.fullmatch(state) else "")


@contextmanager
def use_trace_context(context: TraceContext) -> Iterator[None]:
    """Have calls inside the block carry `context`: a span of the slice's own tracer, mostly."""
    token = _OWN.set(context)
    try:
        yield
    finally:
        _OWN.reset(token)


@contextmanager
def span(name: str) -> Iterator[None]:
    """Show the work inside the block as a part of its own in the trace of the request being handled.

    It costs next to nothing where the trace is not recorded, and does nothing outside of requests.

    >>> with span("parse the order"):
    ...     order = 1 + 1
    """
    scope = SCOPE.get()
    if scope is None or not scope.is_sampled:
        yield
        return
    part = scope.open(name)
    token = SCOPE.set(part)
    try:
        yield
    except BaseException as failure:
        part.close(type(failure).__name__)
        raise
    else:
        part.close()
    finally:
        SCOPE.reset(token)


def has_own_context() -> bool:
    """Whether the slice's own tracer says what calls carry."""
    return _OWN.get() is not None


def log_ids() -> tuple[str, str] | None:
    """Return trace and span id of the work under way, as log lines name them; None outside of requests."""
    scope = SCOPE.get()
    return None if scope is None else (scope.trace_id, scope.span_id)


def request_id() -> str:
    """Return the id of the request being handled, as it stands in the router's log; else nothing."""
    return _header(REQUEST_ID)


def _header(name: bytes) -> str:
    for found, value in REQUEST_HEADERS.get():
        if found == name:
            return value.decode("latin-1")
    return ""
