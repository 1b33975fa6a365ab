"""`[metrics]` and `[otel]`: what a node tells systems that watch it."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

MOST_ROUTES = 4096
LONGEST_INTERVAL_S = 3600.0
LONGEST_TIMEOUT_S = 60.0
MOST_QUEUED = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsConfig:
    """`[metrics]`: `GET /metrics` on the management port."""

    enabled: bool = True
    """Whether the node answers it."""
    most_routes: int = 500
    """Most slices, routes and versions told under their own names; the rest is added up as route `other`."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong: name and sentence."""
        if not 1 <= self.most_routes <= MOST_ROUTES:
            yield "most_routes", f"{self.most_routes} is not within 1 and {MOST_ROUTES}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtelConfig:
    """`[otel]`: traces, metrics and logs sent to a collector of OpenTelemetry (extra `otel`)."""

    endpoint: str = ""
    """`http://host:port` or `https://…` of a collector's OTLP over gRPC; empty: nothing is sent."""
    traces: bool = True
    """Send the spans that are kept."""
    metrics: bool = True
    """Send what `/metrics` tells."""
    logs: bool = True
    """Send what the node process, its routers and its slices log."""
    interval_s: float = 10.0
    """Seconds between two sendings of metrics."""
    timeout_s: float = 5.0
    """Longest time one sending may take, its repetitions included, in seconds."""
    queue: int = 2048
    """Most spans, and most lines of logs, that wait to be sent; the oldest give way and are counted."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong: name and sentence."""
        if self.endpoint and not _is_endpoint(self.endpoint):
            yield (
                "endpoint",
                f"{self.endpoint!r} is not an endpoint: expected http://host:port or https://host:port",
            )
        if not 1 <= self.interval_s <= LONGEST_INTERVAL_S:
            yield (
                "interval_s",
                f"{self.interval_s:g} s is not within 1 and {LONGEST_INTERVAL_S:g} s",
            )
        if not 0 < self.timeout_s <= LONGEST_TIMEOUT_S:
            yield (
                "timeout_s",
                f"{self.timeout_s:g} s is not more than 0 and at most {LONGEST_TIMEOUT_S:g} s",
            )
        if not 1 <= self.queue <= MOST_QUEUED:
            yield "queue", f"{self.queue} is not within 1 and {MOST_QUEUED}"


def _is_endpoint(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_port = parts.port is not None and parts.port > 0
    except ValueError:
        return False
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and has_port and bare
