"""Whether there is a collector to send to, and the libraries to do it with."""

import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from aether.config.monitoring import OtelConfig
from aether.node.clock import MonotonicClock
from aether.telemetry.exposition.exposition import Exposition
from aether.telemetry.otlp import opening
from aether.telemetry.otlp.opening import open_exporter

SENDER = {"node": "n-1", "version": "1", "cluster": "c"}


def opened(endpoint: str) -> object:
    clock = MonotonicClock()
    config = OtelConfig(endpoint=endpoint)
    return open_exporter(config, Exposition((), [], clock), clock, sender=SENDER)


def test_without_an_endpoint_nothing_is_sent() -> None:
    assert opened("") is None


def test_without_the_library_the_node_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_NEEDED", ("opentelemetry.sdk", "opentelemetry_gone.grpc"))
    with capture_logs() as logs:
        assert opened("http://127.0.0.1:4317") is None
    (line,) = logs
    assert line["log_level"] == "warning"
    assert line["missing"] == ["opentelemetry_gone.grpc"]
    assert "aether-cluster[otel]" in line["event"]


def test_a_node_loads_nothing_of_it_before_it_is_needed() -> None:
    program = "import sys, aether.node.exposing; print('opentelemetry' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"
