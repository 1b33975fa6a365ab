"""Spans, series and lines in the forms of OpenTelemetry. Needs the extra `otel`."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from aether.core.tracing.span import Span
from aether.logs.lines import Line
from aether.telemetry.exposition.bounds import BOUNDS_S
from aether.telemetry.exposition.pages import Taken
from aether.telemetry.exposition.series import Series, Spread

SCOPE = InstrumentationScope("aether")
_UNITS = {"seconds": "s", "bytes": "By", "ratio": "1"}
_KINDS = {
    "request": SpanKind.SERVER,
    "attempt": SpanKind.CLIENT,
    "handle": SpanKind.SERVER,
    "call": SpanKind.CLIENT,
}
_SEVERITIES = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}
_Points = list[NumberDataPoint]


def resource_of(node: str, version: str, cluster: str) -> Resource:
    """Return what everything a node sends belongs to."""
    return Resource(
        {
            "service.name": "aether",
            "service.namespace": cluster,
            "service.instance.id": node,
            "service.version": version,
        }
    )


# ---- traces ------------------------------------------------------------------------------------


def span_form(span: Span, resource: Resource) -> ReadableSpan:
    """Return one of our spans as the library sends them."""
    parent = _context(span.trace, span.parent) if span.parent else None
    problem = span.problem or (f"status {span.status}" if span.failed else "")
    return ReadableSpan(
        name=span.name,
        context=_context(span.trace, span.id),
        parent=parent,
        resource=resource,
        attributes=dict(_span_attributes(span)),
        kind=_KINDS.get(span.kind, SpanKind.INTERNAL),
        status=Status(StatusCode.ERROR, problem) if span.failed else Status(StatusCode.UNSET),
        start_time=int(span.began * 1e9),
        end_time=int(span.ended * 1e9),
        instrumentation_scope=SCOPE,
    )


def _span_attributes(span: Span) -> Iterator[tuple[str, str | int]]:
    yield "aether.kind", span.kind
    texts = {
        "aether.node": span.node,
        "aether.process": span.process,
        "aether.slice": span.slice,
        "aether.to": span.to,
        "aether.to_node": span.to_node,
    }
    yield from ((name, text) for name, text in texts.items() if text)
    if span.status:
        yield "http.response.status_code", span.status


def _context(trace: str, span: str) -> SpanContext:
    return SpanContext(
        int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )


# ---- metrics -----------------------------------------------------------------------------------


def metrics_form(
    table: Sequence[Series], found: Taken, resource: Resource, *, began_ns: int, now_ns: int
) -> MetricsData:
    """Return a look at all series; counters and histograms count since `began_ns`."""
    times = began_ns, now_ns
    metrics = [
        Metric(
            name=series.name,
            description=series.help,
            unit=_UNITS.get(series.unit, ""),
            data=_data(series, found.values[series.name], times),
        )
        for series in table
        if found.values.get(series.name)
    ]
    scoped = ScopeMetrics(scope=SCOPE, metrics=metrics, schema_url="")
    whole = ResourceMetrics(resource=resource, scope_metrics=[scoped], schema_url="")
    return MetricsData(resource_metrics=[whole])


def _data(
    series: Series, values: Mapping[tuple[str, ...], float | Spread], times: tuple[int, int]
) -> Sum | Gauge | Histogram:
    cumulative = AggregationTemporality.CUMULATIVE
    numbers: _Points = []
    spreads: list[HistogramDataPoint] = []
    for labels, value in values.items():
        attributes = dict(zip(series.labels, labels, strict=True))
        if isinstance(value, Spread):
            spreads.append(_spread(attributes, value, times))
        else:
            numbers.append(NumberDataPoint(attributes, *times, value=_number(value)))
    match series.kind:
        case "histogram":
            return Histogram(data_points=spreads, aggregation_temporality=cumulative)
        case "counter":
            return Sum(data_points=numbers, aggregation_temporality=cumulative, is_monotonic=True)
        case "gauge" | "info":
            return Gauge(data_points=numbers)


def _number(value: float) -> int | float:
    return int(value) if isinstance(value, int) else float(value)


def _spread(
    attributes: Mapping[str, str], value: Spread, times: tuple[int, int]
) -> HistogramDataPoint:
    began_ns, now_ns = times
    counts = [value.below[0], *(high - low for low, high in pairwise(value.below))]
    return HistogramDataPoint(
        attributes=dict(attributes),
        start_time_unix_nano=began_ns,
        time_unix_nano=now_ns,
        count=value.below[-1],
        sum=value.sum_s,
        bucket_counts=counts,
        explicit_bounds=list(BOUNDS_S),
        min=None,  # type: ignore[arg-type] # neither is known; the form on the wire leaves them out then
        max=None,  # type: ignore[arg-type] # as above
    )


# ---- logs --------------------------------------------------------------------------------------


def line_form(line: Line, resource: Resource) -> ReadableLogRecord:
    """Return a line of the logs as the library sends them."""
    # A router knows the trace of what it logs, and seldom a span of its own: none is sent as zeros.
    span = line.span if _is_hex(line.span, 16) else "0"
    context = None
    if _is_hex(line.trace, 32):
        context = set_span_in_context(NonRecordingSpan(_context(line.trace, span)))
    record = LogRecord(
        timestamp=line.at_ns,
        observed_timestamp=line.at_ns,
        context=context,
        severity_text=line.level,
        severity_number=_SEVERITIES.get(line.level, SeverityNumber.UNSPECIFIED),
        body=line.text,
        attributes=dict(line.fields),
    )
    return ReadableLogRecord(record, resource, SCOPE)


def _is_hex(text: str, digits: int) -> bool:
    return len(text) == digits and not set(text) - set("0123456789abcdef")
