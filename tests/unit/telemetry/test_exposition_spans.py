"""What is kept of traces becomes series."""

from aether.core.tracing.span import Span
from aether.telemetry.exposition.spans import spans_source
from aether.telemetry.traces import NodeTraces
from tests.exposition_world import told


async def test_kept_spans_are_counted() -> None:
    traces = NodeTraces("n-1")
    span = Span(
        trace="a" * 32, id="b" * 16, parent="", kind="request", name="GET /", began=1.0, seconds=0.1
    )
    traces.take_of_router([span])
    traces.note_dropped(3)
    values = await told(spans_source(traces))
    assert values["aether_traces_kept"] == {(): 1}
    assert values["aether_spans_dropped"] == {(): 3}
    assert values["aether_spans"] == {(): 1}
    kept = values["aether_traces_kept_bytes"][()]
    assert isinstance(kept, int)
    assert kept > 500
    assert values["aether_traces_forgotten"] == values["aether_spans_refused"] == {(): 0}
