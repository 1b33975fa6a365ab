"""What a host records of the requests it works on: whole spans when sampled, else a short memory.

Rules for this file. Nothing waits and nothing is sent here: `SpanLink` takes what has gathered.
Spans may be closed in any thread; a deque's `append` and `popleft` are all that is shared. Of a
trace that is not sampled each request leaves one entry in a ring, which is shipped only when the
node asks for the trace while it is still there.
"""

import random
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from aether.core.tracing.span import MOST_PROBLEM_CHARS, Kind, Span, shortened
from aether.sdk.trace import Scope

MOST_WAITING = 4096
"""Spans that wait to be shipped; more are dropped and counted."""
MOST_REMEMBERED = 2048
"""Requests of traces that are not sampled, the last ones."""
MOST_ASKED = 1024
"""Traces the node asked for lately: what of them ends later is shipped too."""
_LEAST_PARENT_BYTES = 55
_ODD_DIGITS = "13579bdf"
"""Last digits of flags that say the trace is sampled."""


class HostSpan(Scope):
    """A request being worked on, or a part of that."""

    __slots__ = (
        "_recorder",
        "began",
        "is_sampled",
        "kind",
        "name",
        "parent",
        "path",
        "seconds",
        "status",
    )

    def __init__(
        self,
        recorder: "SpanRecorder",
        trace_id: str,
        parent: str,
        kind: Kind,
        name: str,
        is_sampled: bool,  # noqa: FBT001 - as above
    ) -> None:
        self._recorder = recorder
        self.trace_id = trace_id
        self.parent = parent
        self.kind = kind
        self.name = name
        self.path = b""
        """Of a request; put behind the name when it is shipped, which is seldom."""
        self.is_sampled = is_sampled
        self._span_id = ""
        self.began = recorder.now()
        self.seconds = 0.0
        self.status = 0

    @property
    def span_id(self) -> str:
        """See Scope. Made when it is first asked for: most spans are never shipped."""
        if not self._span_id:
            self._span_id = self._recorder.new_id()
        return self._span_id

    def open(self, name: str, kind: str = "part") -> "HostSpan":
        """See Scope."""
        known: Kind = kind if kind in ("call", "thread") else "part"  # type: ignore[assignment] # one of both
        return HostSpan(self._recorder, self.trace_id, self.span_id, known, name, self.is_sampled)

    def close(self, problem: str = "") -> None:
        """See Scope."""
        self._recorder.closed(self, problem)


class SpanRecorder:
    """Of one host."""

    def __init__(
        self,
        process: str = "",
        slice_base: str = "",
        *,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        dice: random.Random | None = None,
    ) -> None:
        """`process` and `slice_base` are told with every span; `now` is monotonic seconds."""
        self.process = process
        self._slice = slice_base
        self.now = now
        self._wall = wall
        self._dice = dice or random.Random(secrets.randbits(256))  # noqa: S311 - ids, no secrets
        self._waiting: deque[Span] = deque()
        self._ring: deque[HostSpan] = deque(maxlen=MOST_REMEMBERED)
        self._asked: dict[str, None] = {}
        self.dropped = 0
        """Spans lost because too many waited."""
        self._told_dropped = 0
        self._wake: Callable[[], None] | None = None
        self._is_awake = False

    def begin(self, method: str, path: bytes, traceparent: bytes) -> HostSpan | None:
        """Begin the span of a request; None when its header says of no trace."""
        if len(traceparent) < _LEAST_PARENT_BYTES:
            return None
        text = traceparent.decode("latin-1")
        is_sampled = text[54] in _ODD_DIGITS
        span = HostSpan(self, text[3:35], text[36:52], "handle", method, is_sampled)
        span.path = path
        return span

    def new_id(self) -> str:
        """Return an id no other span has."""
        return f"{self._dice.getrandbits(64) | 1:016x}"

    def handled(self, span: HostSpan, status: int) -> None:
        """Note that a request has been answered; 0 when it was not, or not to the end."""
        span.seconds = self.now() - span.began
        span.status = status
        if span.is_sampled or span.trace_id in self._asked:
            self._ship(span, "" if status else "no answer")
        else:
            self._ring.append(span)

    def closed(self, span: HostSpan, problem: str) -> None:
        """Note that a part of a request is over."""
        span.seconds = self.now() - span.began
        if span.is_sampled:
            self._ship(span, problem)

    def ask(self, traces: Iterable[str]) -> None:
        """Ship what is remembered of these traces, and what will still end."""
        wanted = dict.fromkeys(traces)
        self._asked.update(wanted)
        while len(self._asked) > MOST_ASKED:
            del self._asked[next(iter(self._asked))]
        found = [span for span in self._ring if span.trace_id in wanted]
        for span in found:
            self._ring.remove(span)
            self._ship(span, "" if span.status else "no answer")

    def listen(self, wake: Callable[[], None] | None) -> None:
        """Have `wake` called once, from any thread, when a span waits; at once when one does already.

        To be called before spans are taken: what is recorded from then on wakes again.
        """
        self._wake, self._is_awake = wake, False
        if self._waiting:
            self._call()

    def _call(self) -> None:
        wake = self._wake
        if not self._is_awake and wake is not None:
            self._is_awake = True
            wake()

    def take_dropped(self) -> int:
        """Return how many spans were lost since this was asked last."""
        before, self._told_dropped = self._told_dropped, self.dropped
        return self._told_dropped - before

    def take(self, most: int) -> Sequence[Span]:
        """Take up to `most` of the spans that wait to be shipped."""
        taken: list[Span] = []
        while self._waiting and len(taken) < most:
            taken.append(self._waiting.popleft())
        return taken

    def _ship(self, span: HostSpan, problem: str) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self.dropped += 1
            return
        self._waiting.append(
            Span(
                trace=span.trace_id,
                id=span.span_id,
                parent=span.parent,
                kind=span.kind,
                name=shortened(f"{span.name} {span.path.decode('latin-1')}".rstrip()),
                began=max(0.0, self._wall() - (self.now() - span.began)),
                seconds=max(0.0, span.seconds),
                process=self.process,
                slice=self._slice,
                status=span.status,
                problem=shortened(problem, MOST_PROBLEM_CHARS),
            )
        )
        self._call()
