"""From how many seconds on a request of a route is slow: by what is usual there."""

from collections.abc import Iterable, Mapping

from aether.core.metrics.histogram import Histogram

LEAST_REQUESTS = 100
"""With fewer in the window nothing is usual yet, and what held before goes on."""
TIMES_USUAL = 2.0
"""How much longer than 99 of 100 requests take a slow one takes."""
LEAST_SLOW_S = 0.02
MOST_SLOW_S = 30.0
MOST_ROUTES = 1024
"""Routes with a bound of their own; the busiest when there are more."""


def slow_after(
    usual: Iterable[tuple[str, Histogram]], before: Mapping[str, float]
) -> Mapping[str, float]:
    """Return the seconds after which a request of each route is slow.

    `usual` is what was measured in the last window, by route, each once; `before` what this
    returned last. A route with too few requests keeps what it had. In the order of the routes.
    """
    measured = sorted(usual, key=lambda pair: (-pair[1].count, pair[0]))[:MOST_ROUTES]
    found = {
        route: _slow(latencies)
        for route, latencies in measured
        if latencies.count >= LEAST_REQUESTS
    }
    for route in sorted(before):
        if len(found) >= MOST_ROUTES:
            break
        found.setdefault(route, before[route])
    return dict(sorted(found.items()))


def _slow(latencies: Histogram) -> float:
    usual = latencies.quantile(0.99)
    return min(max(TIMES_USUAL * (usual or 0.0), LEAST_SLOW_S), MOST_SLOW_S)
