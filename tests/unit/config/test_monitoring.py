"""`[metrics]` and `[otel]`: what is refused, and how."""

import pytest

from aether.config.monitoring import MetricsConfig, OtelConfig
from aether.config.node import load_config


def test_defaults_are_sound() -> None:
    assert list(MetricsConfig().problems()) == []
    assert list(OtelConfig().problems()) == []
    assert not OtelConfig().endpoint


@pytest.mark.parametrize("most", [0, 4097])
def test_rows_have_a_bound(most: int) -> None:
    ((name, sentence),) = MetricsConfig(most_routes=most).problems()
    assert name == "most_routes"
    assert str(most) in sentence


@pytest.mark.parametrize(
    "endpoint",
    [
        "collector:4317",
        "http://",
        "http://h",
        "http://h:0",
        "http://h:1/v1",
        "ftp://h:1",
        "http://u@h:1",
        "http://h:x",
    ],
)
def test_what_is_no_endpoint_is_refused(endpoint: str) -> None:
    ((name, sentence),) = OtelConfig(endpoint=endpoint).problems()
    assert name == "endpoint"
    assert repr(endpoint) in sentence


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:4317", "https://collector.example:4317/", "http://[::1]:4317"]
)
def test_endpoints(endpoint: str) -> None:
    assert list(OtelConfig(endpoint=endpoint).problems()) == []


def test_each_limit_is_named() -> None:
    bad = OtelConfig(interval_s=0.5, timeout_s=61, queue=0)
    assert [name for name, _ in bad.problems()] == ["interval_s", "timeout_s", "queue"]


def test_both_sections_are_read() -> None:
    environ = {
        "AETHER_NODE_ID": "n-1",
        "AETHER_METRICS__MOST_ROUTES": "7",
        "AETHER_OTEL__ENDPOINT": "http://127.0.0.1:4317",
    }
    config = load_config({}, environ)
    assert config.metrics.most_routes == 7
    assert config.otel.endpoint == "http://127.0.0.1:4317"
