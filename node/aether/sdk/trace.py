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


Fields = Sequence[tuple[bytes, bytes]]

REQUEST_HEADERS: ContextVar[Fields] = ContextVar("request_headers", default=())
"""Headers of the request being handled, names in lower case; the host sets it."""
_OWN: ContextVar[TraceContext | None] = ContextVar("own_trace_context", default=None)


def trace_context() -> TraceContext | None:
    """Return the trace the request being handled belongs to; None outside of requests.

    Calls to other slices carry it on by themselves.
    """
    own = _OWN.get()
    if own is not None:
        return own
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


def request_id() -> str:
    """Return the id of the request being handled, as it stands in the router's log; else nothing."""
    return _header(REQUEST_ID)


def _header(name: bytes) -> str:
    for found, value in REQUEST_HEADERS.get():
        if found == name:
            return value.decode("latin-1")
    return ""
