"""The spans a node keeps, by trace, within a bound of traces and one of bytes.

What is notable (a request that failed or was slow) goes last: when room is needed, the oldest
ordinary trace is forgotten first, unless ordinary ones take less than a quarter of the room.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from aether.core.tracing.span import KEPT, Span

MOST_TRACES = 10_000
MOST_BYTES = 16 * 1024 * 1024
MOST_SPANS_A_TRACE = 512
_TRACE_BYTES = 500
"""Of a trace without spans."""
_ORDINARY_SHARE = 4


@dataclass(slots=True)
class _Trace:
    """What is known of one trace."""

    spans: dict[str, Span] = field(default_factory=dict)
    weight: int = _TRACE_BYTES
    is_notable: bool = False
    entry: Span | None = None


class TraceShelf:
    """Keeps spans; one owner, no locks."""

    def __init__(self, most_traces: int = MOST_TRACES, most_bytes: int = MOST_BYTES) -> None:
        self._most_traces = most_traces
        self._most_bytes = most_bytes
        self._ordinary: dict[str, _Trace] = {}
        self._notable: dict[str, _Trace] = {}
        self._ordinary_bytes = 0
        self.bytes = 0
        """About how much memory the spans take."""
        self.added = 0
        """Spans taken since the start."""
        self.refused = 0
        """Spans over the bound of a trace."""
        self.forgotten = 0
        """Traces forgotten since the start, for want of room."""

    def __len__(self) -> int:
        """Return how many traces are kept."""
        return len(self._ordinary) + len(self._notable)

    def add(self, span: Span) -> bool:
        """Keep a span; False when it is known already, or one too many of its trace."""
        trace = self._find(span.trace)
        if span.id in trace.spans:
            return False
        if len(trace.spans) >= MOST_SPANS_A_TRACE:
            self.refused += 1
            return False
        self.added += 1
        trace.spans[span.id] = span
        self._weigh(trace, span.weight)
        if span.is_entry and trace.entry is None:
            trace.entry = span
        if not trace.is_notable and (span.marks & KEPT or span.failed):
            self._promote(span.trace, trace)
        while self.bytes > self._most_bytes or len(self) > self._most_traces:
            self._forget()
        return True

    def trace(self, trace_id: str) -> Sequence[Span]:
        """Return the spans of a trace in the order they came; none when it is not known."""
        found = self._notable.get(trace_id) or self._ordinary.get(trace_id)
        return tuple(found.spans.values()) if found is not None else ()

    def entries(self, wanted: Callable[[Span], bool], most: int) -> Sequence[tuple[Span, int]]:
        """Return the entries that are wanted, those that began last first, with the spans here."""
        found = [
            (trace.entry, len(trace.spans))
            for trace in self._all()
            if trace.entry is not None and wanted(trace.entry)
        ]
        found.sort(key=lambda pair: (-pair[0].began, pair[0].trace))
        return found[:most]

    def _all(self) -> Iterator[_Trace]:
        yield from self._ordinary.values()
        yield from self._notable.values()

    def _find(self, trace_id: str) -> _Trace:
        trace = self._notable.get(trace_id) or self._ordinary.get(trace_id)
        if trace is None:
            trace = self._ordinary[trace_id] = _Trace()
            self.bytes += _TRACE_BYTES
            self._ordinary_bytes += _TRACE_BYTES
        return trace

    def _weigh(self, trace: _Trace, weight: int) -> None:
        trace.weight += weight
        self.bytes += weight
        if not trace.is_notable:
            self._ordinary_bytes += weight

    def _promote(self, trace_id: str, trace: _Trace) -> None:
        trace.is_notable = True
        self._ordinary_bytes -= trace.weight
        self._notable[trace_id] = self._ordinary.pop(trace_id)

    def _forget(self) -> None:
        """Forget one trace: there is at least one."""
        spare = self._ordinary_bytes * _ORDINARY_SHARE >= self._most_bytes or not self._notable
        is_crowd = len(self._ordinary) * _ORDINARY_SHARE >= self._most_traces
        shelf = self._ordinary if self._ordinary and (spare or is_crowd) else self._notable
        trace = shelf.pop(next(iter(shelf)))
        self.bytes -= trace.weight
        if not trace.is_notable:
            self._ordinary_bytes -= trace.weight
        self.forgotten += 1
