"""Whether there is anything to send to, and the libraries to do it with."""

import time
from collections.abc import Mapping
from importlib.util import find_spec

import structlog

from aether.config.monitoring import OtelConfig
from aether.ports import Clock
from aether.telemetry.exposition.exposition import Exposition
from aether.telemetry.otlp.exporter import Collector, OtlpExporter

_log = structlog.get_logger()
_NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.grpc")


def open_exporter(
    config: OtelConfig, exposition: Exposition, clock: Clock, *, sender: Mapping[str, str]
) -> OtlpExporter | None:
    """Return what sends to the collector of the configuration; None when there is none, or no library.

    `sender` has the fields of `collector.Identity`. The library is loaded when the exporter begins to run, in its thread: that takes half a second.
    """
    if not config.endpoint:
        return None
    missing = [name for name in _NEEDED if not _is_there(name)]
    if missing:
        _log.warning(
            "otel.endpoint is set, and nothing will be sent: install aether-cluster[otel]",
            endpoint=config.endpoint,
            missing=missing,
        )
        return None
    began_ns = time.time_ns()

    def connect() -> Collector:
        from aether.telemetry.otlp.collector import (  # noqa: PLC0415 - needs the extra `otel`
            GrpcCollector,
            Identity,
        )

        return GrpcCollector(config.endpoint, config.timeout_s, Identity(**sender), began_ns)

    return OtlpExporter(config, exposition, clock, connect)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
