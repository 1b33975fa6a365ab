"""The series of what is sent to a collector of OpenTelemetry."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from aether.telemetry.exposition.series import Sample, Series, Source, Tell
from aether.telemetry.otlp.exporter import OtlpExporter

SOURCE = "otlp"
_NONE = "nothing is sent (`otel.endpoint` is empty)"

_row = partial(Series, source=SOURCE)
_SIGNAL: dict[str, Any] = {"labels": ("signal",), "most": 3}

ROWS: tuple[Series, ...] = (
    _row(
        kind="counter",
        name="aether_otlp_sent",
        help="Spans, values and lines of logs a collector took.",
        calm=_NONE,
        **_SIGNAL,
    ),
    _row(
        kind="counter",
        name="aether_otlp_failures",
        help="Sendings a collector did not take in time.",
        calm="nothing failed, or nothing is sent",
        **_SIGNAL,
    ),
    _row(
        kind="counter",
        name="aether_otlp_dropped",
        help="Spans and lines given up, for want of room or because they were never taken.",
        calm="nothing was given up, or nothing is sent",
        **_SIGNAL,
    ),
    _row(
        kind="gauge",
        name="aether_otlp_waiting",
        help="Spans and lines that wait to be sent.",
        calm="everything was sent",
        **_SIGNAL,
    ),
)


def sending_source(exporter: OtlpExporter) -> Source:
    """Return the source."""

    async def look() -> Tell:
        return lambda: _told(exporter)

    return Source(SOURCE, look)


def _told(exporter: OtlpExporter) -> Iterator[Sample]:
    for name, signal in exporter.signals.items():
        yield Sample("aether_otlp_sent", (name,), signal.sent)
        yield Sample("aether_otlp_failures", (name,), signal.failures)
    for name, pending in exporter.pending.items():
        yield Sample("aether_otlp_dropped", (name,), pending.dropped)
        yield Sample("aether_otlp_waiting", (name,), len(pending))
