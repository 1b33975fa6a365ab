"""The series of the traces this node keeps."""

from collections.abc import Iterator, Mapping
from functools import partial

from aether.telemetry.exposition.series import Sample, Series, Source, Tell
from aether.telemetry.traces import NodeTraces

SOURCE = "traces"

_row = partial(Series, source=SOURCE)

ROWS: tuple[Series, ...] = (
    _row(kind="gauge", name="aether_traces_kept", help="Traces of which this node keeps spans."),
    _row(
        kind="gauge",
        name="aether_traces_kept_bytes",
        unit="bytes",
        help="About how much memory those spans take.",
    ),
    _row(
        kind="counter",
        name="aether_traces_forgotten",
        help="Traces forgotten for want of room.",
        calm="there is room",
    ),
    _row(
        kind="counter",
        name="aether_spans",
        help="Spans this node's processes told, those sampled and those of failed and slow requests.",
    ),
    _row(
        kind="counter",
        name="aether_spans_dropped",
        help="Spans processes of this node lost because too many waited to be told.",
        calm="they are told as fast as they are recorded",
    ),
    _row(
        kind="counter",
        name="aether_spans_refused",
        help="Spans over the most of one trace.",
        calm="traces are smaller than their most",
    ),
)


def spans_source(traces: NodeTraces) -> Source:
    """Return the source."""

    async def look() -> Tell:
        counts = traces.counts()
        return lambda: _told(counts)

    return Source(SOURCE, look)


_NAMES = {
    "aether_traces_kept": "traces",
    "aether_traces_kept_bytes": "bytes",
    "aether_traces_forgotten": "forgotten",
    "aether_spans": "spans",
    "aether_spans_dropped": "dropped",
    "aether_spans_refused": "refused",
}


def _told(counts: Mapping[str, int]) -> Iterator[Sample]:
    for name, key in _NAMES.items():
        yield Sample(name, (), counts[key])
