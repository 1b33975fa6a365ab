"""Spans, series and lines in the forms of OpenTelemetry; a real collector reads them in tests/integration."""

from opentelemetry.sdk.metrics.export import Gauge, Histogram, Sum
from opentelemetry.trace import SpanKind, StatusCode

from aether.core.tracing.span import Kind, Span
from aether.logs.lines import Line
from aether.telemetry.exposition.pages import Taken
from aether.telemetry.exposition.series import Series, Spread
from aether.telemetry.otlp.forms import line_form, metrics_form, resource_of, span_form

RESOURCE = resource_of("n-1", "1.0", "c-1")


def span(kind: Kind = "request", status: int = 200, problem: str = "") -> Span:
    return Span(
        trace="a" * 32, id="b" * 16, parent="c" * 16, kind=kind, name="GET /", began=2.0, seconds=1.0,
        status=status, problem=problem,
    )  # fmt: skip


def test_kinds_of_spans() -> None:
    kinds = {kind: span_form(span(kind), RESOURCE).kind for kind in ("request", "attempt", "part")}
    assert kinds == {
        "request": SpanKind.SERVER, "attempt": SpanKind.CLIENT, "part": SpanKind.INTERNAL,
    }  # fmt: skip


def test_failures_of_spans() -> None:
    assert span_form(span(), RESOURCE).status.status_code is StatusCode.UNSET
    failed = span_form(span(status=502), RESOURCE).status
    assert (failed.status_code, failed.description) == (StatusCode.ERROR, "status 502")
    assert span_form(span(problem="reset"), RESOURCE).status.description == "reset"


def test_times_and_parents_of_spans() -> None:
    form = span_form(span(), RESOURCE)
    assert (form.start_time, form.end_time) == (2_000_000_000, 3_000_000_000)
    assert form.parent is not None
    assert form.parent.span_id == int("c" * 16, 16)
    assert form.resource.attributes["service.instance.id"] == "n-1"


def test_series_without_values_are_left_out_and_kinds_kept() -> None:
    rows = (
        Series(name="aether_a", kind="counter", help="A.", source="s"),
        Series(name="aether_b_seconds", kind="histogram", help="B.", source="s", unit="seconds"),
        Series(name="aether_c", kind="gauge", help="C.", source="s"),
        Series(name="aether_d", kind="gauge", help="D.", source="s"),
    )
    found = Taken(
        {
            "aether_a": {(): 1},
            "aether_b_seconds": {(): Spread((0,) * 20, 0.0)},
            "aether_c": {(): 2.5},
        },
        {},
    )
    data = metrics_form(rows, found, RESOURCE, began_ns=1, now_ns=2)
    metrics = data.resource_metrics[0].scope_metrics[0].metrics
    assert [type(metric.data) for metric in metrics] == [Sum, Histogram, Gauge]
    assert [metric.unit for metric in metrics] == ["", "s", ""]


def test_a_line_outside_of_requests_has_no_trace() -> None:
    record = line_form(Line(1, "error", "x", "", "", {}), RESOURCE).log_record
    assert record.severity_text == "error"
    assert not record.trace_id
    known = line_form(Line(1, "error", "x", "a" * 32, "b" * 16, {}), RESOURCE).log_record
    assert known.trace_id == int("a" * 32, 16)
    of_a_router = line_form(Line(1, "error", "x", "a" * 32, "", {}), RESOURCE).log_record
    assert (of_a_router.trace_id, of_a_router.span_id) == (int("a" * 32, 16), 0)
