"""The link to a collector, as the library has it: blocking calls, each within its time. Needs the extra `otel`."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.trace.export import SpanExportResult

from aether.core.tracing.span import Span
from aether.logs.lines import Line
from aether.telemetry.exposition.pages import Taken
from aether.telemetry.exposition.series import Series
from aether.telemetry.otlp.forms import line_form, metrics_form, resource_of, span_form

MOST_POINTS = 2000
"""Most values in one message: collectors take 4 MiB unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who sends."""

    node: str
    version: str
    cluster: str


class GrpcCollector:
    """Sends to one collector by OTLP over gRPC. Every `send_…` returns whether it was taken."""

    def __init__(self, endpoint: str, timeout_s: float, sender: Identity, began_ns: int) -> None:
        # What the library says of each failed try would be sent again as a line of the logs.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._resource = resource_of(sender.node, sender.version, sender.cluster)
        self._began_ns = began_ns
        self._spans = OTLPSpanExporter(endpoint=endpoint, timeout=timeout_s)
        self._metrics = OTLPMetricExporter(
            endpoint=endpoint, timeout=timeout_s, max_export_batch_size=MOST_POINTS
        )
        self._logs = OTLPLogExporter(endpoint=endpoint, timeout=timeout_s)

    def send_spans(self, spans: Sequence[Span]) -> bool:
        """Send spans."""
        forms = [span_form(span, self._resource) for span in spans]
        return self._spans.export(forms) is SpanExportResult.SUCCESS

    def send_metrics(self, table: Sequence[Series], found: Taken, now_ns: int) -> bool:
        """Send a look at all series."""
        form = metrics_form(table, found, self._resource, began_ns=self._began_ns, now_ns=now_ns)
        return self._metrics.export(form) is MetricExportResult.SUCCESS

    def send_lines(self, lines: Sequence[Line]) -> bool:
        """Send lines of the logs."""
        forms = [line_form(line, self._resource) for line in lines]
        return self._logs.export(forms) is LogRecordExportResult.SUCCESS

    def close(self) -> None:
        """Break off what is being sent, from any thread; nothing is sent any more."""
        for exporter in (self._spans, self._metrics, self._logs):
            exporter.shutdown()
