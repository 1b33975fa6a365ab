"""A collector of OpenTelemetry: the real service of the protocol on a real gRPC server."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_pb
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc


@dataclass
class Received:
    """What a collector was sent, and what it answers."""

    spans: list[Any] = field(default_factory=list)
    metrics: list[Any] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)
    refuse: grpc.StatusCode | None = None
    hang: threading.Event = field(default_factory=threading.Event)
    calls: int = 0

    def __post_init__(self) -> None:
        self.hang.set()

    def take(self, context: grpc.ServicerContext) -> None:
        """Answer as the test wants."""
        self.calls += 1
        self.hang.wait(30)
        if self.refuse is not None:
            context.abort(self.refuse, "not now")

    def note(self, resource: Any) -> None:
        """Remember who sent."""
        self.resources.append({one.key: one.value.string_value for one in resource.attributes})


class _Traces(trace_grpc.TraceServiceServicer):
    def __init__(self, received: Received) -> None:
        self._received = received

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - as the protocol names it
        self._received.take(context)
        for one in request.resource_spans:
            self._received.note(one.resource)
            self._received.spans += [span for scope in one.scope_spans for span in scope.spans]
        return trace_pb.ExportTraceServiceResponse()


class _Metrics(metrics_grpc.MetricsServiceServicer):
    def __init__(self, received: Received) -> None:
        self._received = received

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - as above
        self._received.take(context)
        for one in request.resource_metrics:
            self._received.note(one.resource)
            self._received.metrics += [m for scope in one.scope_metrics for m in scope.metrics]
        return metrics_pb.ExportMetricsServiceResponse()


class _Logs(logs_grpc.LogsServiceServicer):
    def __init__(self, received: Received) -> None:
        self._received = received

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - as above
        self._received.take(context)
        for one in request.resource_logs:
            self._received.note(one.resource)
            self._received.records += [r for scope in one.scope_logs for r in scope.log_records]
        return logs_pb.ExportLogsServiceResponse()


@contextmanager
def collector(port: int = 0) -> Iterator[tuple[str, Received]]:
    """Give the endpoint of a running collector, and what it receives."""
    received = Received()
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    trace_grpc.add_TraceServiceServicer_to_server(_Traces(received), server)  # type: ignore[no-untyped-call] # generated
    metrics_grpc.add_MetricsServiceServicer_to_server(_Metrics(received), server)  # type: ignore[no-untyped-call] # generated
    logs_grpc.add_LogsServiceServicer_to_server(_Logs(received), server)  # type: ignore[no-untyped-call] # generated
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"http://127.0.0.1:{bound}", received
    finally:
        received.hang.set()
        server.stop(0).wait(10)
