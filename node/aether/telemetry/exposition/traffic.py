"""The series of what this node's routers count, by slice, route and version."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from aether.config.monitoring import MOST_ROUTES
from aether.core.dataplane.traffic import Names, Tally
from aether.telemetry.exposition.routes import RouteRows, labels_of
from aether.telemetry.exposition.series import Sample, Series, Source, Tell
from aether.telemetry.traffic import NodeTraffic

SOURCE = "traffic"

_BY_ROUTE: dict[str, Any] = {"labels": ("slice", "route", "version"), "most": MOST_ROUTES + 1}
_row = partial(Series, source=SOURCE)

ROWS: tuple[Series, ...] = (
    _row(
        kind="counter",
        name="aether_router_requests",
        help="Requests that ended, each counted by the router it came to first; status is the first digit "
        "of the answer's, or unanswered when there was no whole answer.",
        labels=("slice", "route", "version", "status"),
        most=6 * (MOST_ROUTES + 1),
    ),
    _row(
        kind="histogram",
        name="aether_router_request_duration_seconds",
        help="Time from the head of a request to the end of its answer, of requests that were forwarded.",
        unit="seconds",
        **_BY_ROUTE,
    ),
    _row(
        kind="counter",
        name="aether_router_retries",
        help="Attempts after the first.",
        calm="no attempt failed",
        **_BY_ROUTE,
    ),
    _row(
        kind="counter",
        name="aether_router_request_body_bytes",
        help="Bytes of the bodies of requests.",
        unit="bytes",
        **_BY_ROUTE,
    ),
    _row(
        kind="counter",
        name="aether_router_response_body_bytes",
        help="Bytes of the bodies of answers.",
        unit="bytes",
        **_BY_ROUTE,
    ),
    _row(
        kind="gauge",
        name="aether_router_requests_in_flight",
        help="Requests being answered; absent for routes without any.",
        labels=("slice", "route"),
        most=MOST_ROUTES,
        calm="it is zero between requests",
    ),
    _row(
        kind="counter",
        name="aether_router_slow_calls",
        help="Slow calls the routers told of; some are left out where there are many.",
        calm="no call was slow",
    ),
    _row(
        kind="counter",
        name="aether_router_overflowed_requests",
        help="Requests the routers counted under route overflow, for want of a series of their own.",
        calm="there were fewer series than the routers keep",
    ),
)  # fmt: skip
STATUSES = ("unanswered", "1xx", "2xx", "3xx", "4xx", "5xx")
_ALWAYS = frozenset({"unanswered", "2xx", "5xx"})
"""Told at zero too: the rate of errors is to be zero before the first of them, not absent."""


def traffic_source(traffic: NodeTraffic, most_routes: int) -> Source:
    """Return the source; at most `most_routes` slices, routes and versions have rows of their own."""
    rows = RouteRows(most_routes)

    async def look() -> Tell:
        totals, in_flight, overflowed = traffic.totals, traffic.in_flight, traffic.overflowed
        slow = traffic.slow_total

        def tell() -> Iterator[Sample]:
            yield from _counted(rows, totals)
            flying: dict[tuple[str, str], int] = {}
            for key, count in in_flight.items():
                labels = labels_of(key)
                flying[labels] = flying.get(labels, 0) + count
            for labels, count in flying.items():
                yield Sample("aether_router_requests_in_flight", labels, count)
            yield Sample("aether_router_slow_calls", (), slow)
            yield Sample("aether_router_overflowed_requests", (), overflowed)

        return tell

    return Source(SOURCE, look)


def _counted(rows: RouteRows, totals: Mapping[Names, Tally]) -> Iterator[Sample]:
    for labels, row in rows.rows(totals).items():
        for status, count in zip(STATUSES, row.statuses, strict=True):
            if count or status in _ALWAYS:
                yield Sample("aether_router_requests", (*labels, status), count)
        yield Sample("aether_router_request_duration_seconds", labels, row.spread)
        yield Sample("aether_router_retries", labels, row.retries)
        yield Sample("aether_router_request_body_bytes", labels, row.bytes_in)
        yield Sample("aether_router_response_body_bytes", labels, row.bytes_out)
