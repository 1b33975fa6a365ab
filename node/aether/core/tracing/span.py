"""One span: a piece of work done for a request, by one process, and who asked for it.

Rules for this file. Spans come from processes that run user code: everything in them is bounded
and checked where it is read. Ids are lower-case hexadecimal, as W3C Trace Context writes them.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

ENTRY = 1
"""Mark of the span at which a request came into the cluster: the root of its trace."""
KEPT = 2
"""Mark of a span kept though its trace was not sampled: the request failed or was slow."""

MOST_NAME_CHARS = 200
MOST_PROBLEM_CHARS = 300
MOST_SPANS_A_MESSAGE = 256

Kind = Literal["request", "attempt", "handle", "call", "thread", "part"]
"""`request`: a router had it; `attempt`: it was handed to an instance; `handle`: a host worked on
it; `call`: a slice waited for another; `thread`: work in a thread of a host; `part`: what the
author of a slice wanted to see."""

TraceId = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
SpanId = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
_Parent = Annotated[str, Meta(pattern="^([0-9a-f]{16})?$")]
_Text = Annotated[str, Meta(max_length=MOST_PROBLEM_CHARS)]
_Moment = Annotated[float, Meta(ge=0.0, le=1e11)]
_Seconds = Annotated[float, Meta(ge=0.0, le=1e7)]


class Span(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One span that is over; also its form on every link."""

    trace: TraceId
    id: SpanId
    parent: _Parent
    """Whose work it is part of; empty when it was asked for by nobody who told."""
    kind: Kind
    name: _Text
    began: _Moment
    """In seconds since 1970, by the clock of its node."""
    seconds: _Seconds
    node: _Text = ""
    process: _Text = ""
    """The instance, or `router N`."""
    slice: _Text = ""
    """The `group:name` that worked, or that was asked; empty when there was none."""
    status: Annotated[int, Meta(ge=0, le=999)] = 0
    """HTTP status of the answer; 0 when there was none, or the work is no request."""
    problem: _Text = ""
    """Why it failed, empty when it did not."""
    marks: Annotated[int, Meta(ge=0, le=255)] = 0
    to: _Text = ""
    """The instance that was asked."""
    to_node: _Text = ""

    @property
    def ended(self) -> float:
        """When it was over, in seconds since 1970."""
        return self.began + self.seconds

    @property
    def is_entry(self) -> bool:
        """Whether the request came into the cluster here."""
        return bool(self.marks & ENTRY)

    @property
    def failed(self) -> bool:
        """Whether it was answered 5xx, broke off, or says why it failed."""
        return self.status >= 500 or bool(self.problem) or (self.is_entry and self.status == 0)

    @property
    def weight(self) -> int:
        """About how many bytes it takes in memory."""
        texts = (
            self.name,
            self.node,
            self.process,
            self.slice,
            self.problem,
            self.to,
            self.to_node,
        )
        return _FIXED_BYTES + sum(map(len, texts))


_FIXED_BYTES = 640
"""Measured: the struct, its ids, two floats and the overhead of seven texts."""


def shortened(text: str, most: int = MOST_NAME_CHARS) -> str:
    """Return `text` cut to `most` characters, with a sign that it was cut."""
    return text if len(text) <= most else text[: most - 1] + "…"
