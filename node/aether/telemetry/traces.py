"""The traces a node keeps, and which of them it asks others for.

Spans of sampled traces come by themselves. A request that failed or was slow is kept though its
trace was not sampled: then the processes of this node are asked for what they still know of it, and
so is the node whose instance was asked, which does the same. So what is asked for follows the way the
request took, and nobody else is bothered.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from aether.core.metrics.histogram import MOST_COUNT
from aether.core.tracing.shelf import TraceShelf
from aether.core.tracing.span import ENTRY, KEPT, MOST_SPANS_A_MESSAGE, Kind, Span, TraceId

MOST_WANTED = 512
"""Traces that wait to be asked for, here and of each node; more are not asked for."""
MOST_NODES = 256
_MOST_FOLLOWED = 4096
"""Traces asked for lately: what comes of them is followed to other nodes."""

Callback = Callable[[Sequence[Span]], None]


class AskedTraces(msgspec.Struct, frozen=True):
    """What one node asks another for."""

    traces: list[TraceId]


@dataclass(slots=True)
class Wanted:
    """Traces to be asked for."""

    here: dict[str, None] = field(default_factory=dict)
    """Of the processes of this node."""
    elsewhere: dict[str, dict[str, None]] = field(default_factory=dict)
    """Of other nodes, by their names."""


class NodeTraces:
    """Of one node; spans come from its routers and its hosts."""

    def __init__(self, node: str, shelf: TraceShelf | None = None) -> None:
        self._node = node
        self.shelf = shelf or TraceShelf()
        self._wanted = Wanted()
        self._followed: dict[str, None] = {}
        self._subscribers: list[Callback] = []
        self._dropped = 0

    def subscribe(self, callback: Callback) -> None:
        """Have `callback` called on the loop with spans that are new, a few at a time."""
        self._subscribers.append(callback)

    def take_of_router(self, spans: object) -> None:
        """Take what a router of this node ships; raise ValueError when it is something else."""
        self._take(_read(spans))

    def take_of_host(self, spans: object, slice_base: str) -> None:
        """Take what a host ships; it speaks for its slice, and for nothing but work in it.

        Raises ValueError when it is something else.
        """
        self._take(
            msgspec.structs.replace(
                span, slice=slice_base, marks=0, to="", to_node="", kind=_of_host(span)
            )
            for span in _read(spans)
        )

    def note_dropped(self, count: object) -> None:
        """Count spans a process of this node lost; what is no such number is left aside."""
        if isinstance(count, int) and 0 < count <= MOST_COUNT:
            self._dropped += count

    def ask(self, traces: Iterable[str]) -> None:
        """Ask the processes of this node for traces, and follow them from here."""
        for trace in traces:
            self._follow(trace)
            _put(self._wanted.here, trace)

    def take_wanted(self, busy: Collection[str] = ()) -> Wanted:
        """Return what is to be asked for, each once; what is wanted of `busy` nodes goes on waiting."""
        wanted, waiting = self._wanted, self._wanted.elsewhere
        later = {node: waiting.pop(node) for node in sorted(waiting) if node in busy}
        self._wanted = Wanted(elsewhere=later)
        return wanted

    def counts(self) -> Mapping[str, int]:
        """Return how many traces are kept and their bytes, and what the bounds cost."""
        shelf = self.shelf
        return {
            "traces": len(shelf),
            "bytes": shelf.bytes,
            "spans": shelf.added,
            "dropped": self._dropped,
            "refused": shelf.refused,
            "forgotten": shelf.forgotten,
        }

    def _take(self, spans: Iterable[Span]) -> None:
        new: list[Span] = []
        for came in spans:
            span = msgspec.structs.replace(came, node=self._node)
            if self.shelf.add(span):
                new.append(span)
                self._look_further(span)
        for callback in self._subscribers if new else ():
            callback(new)

    def _look_further(self, span: Span) -> None:
        """Ask for what belongs to a span of a trace that was not sampled."""
        if span.marks & KEPT and span.marks & ENTRY:
            self.ask((span.trace,))
        if span.to_node in ("", self._node) or span.trace not in self._followed:
            return
        elsewhere = self._wanted.elsewhere
        if span.to_node in elsewhere or len(elsewhere) < MOST_NODES:
            _put(elsewhere.setdefault(span.to_node, {}), span.trace)

    def _follow(self, trace: str) -> None:
        self._followed[trace] = None
        while len(self._followed) > _MOST_FOLLOWED:
            del self._followed[next(iter(self._followed))]


def _put(wanted: dict[str, None], trace: str) -> None:
    if len(wanted) < MOST_WANTED:
        wanted[trace] = None


def _of_host(span: Span) -> Kind:
    return "part" if span.kind in ("request", "attempt") else span.kind


def _read(spans: object) -> list[Span]:
    """Return spans that came off a link; raise ValueError when they are none."""
    read = msgspec.convert(spans, list[Span])
    if len(read) > MOST_SPANS_A_MESSAGE:
        raise ValueError(f"{len(read)} spans in a message, {MOST_SPANS_A_MESSAGE} at most")
    return read
