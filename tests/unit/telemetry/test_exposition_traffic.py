"""What the routers count becomes series."""

from aether.core.dataplane.route_counts import RouteCounts, route_key
from aether.telemetry.exposition.series import Spread
from aether.telemetry.exposition.traffic import traffic_source
from aether.telemetry.traffic import NodeTraffic
from tests.exposition_world import told
from tests.unit.telemetry.test_telemetry_traffic import ClockAt, message

KEY = route_key("GET", "", "/", "a:b")


async def test_every_part_of_what_is_counted_is_told() -> None:
    counts, traffic = RouteCounts(), NodeTraffic(ClockAt())
    for status in (200, 200, 503):
        counts.began(KEY)
        counts.ended(KEY, "1", "GET", status, 0.01, bytes_in=5, bytes_out=7, retries=1)
    counts.began(KEY)
    counts.answered(" ", "GET", 404)
    traffic.take(message(counts))
    values = await told(traffic_source(traffic, 10))
    assert values["aether_router_requests"] == {
        ("a:b", "GET /", "1", "unanswered"): 0,
        ("a:b", "GET /", "1", "2xx"): 2,
        ("a:b", "GET /", "1", "5xx"): 1,
        ("", "unmatched", "", "unanswered"): 0,
        ("", "unmatched", "", "2xx"): 0,
        ("", "unmatched", "", "4xx"): 1,
        ("", "unmatched", "", "5xx"): 0,
    }
    spread = values["aether_router_request_duration_seconds"]["a:b", "GET /", "1"]
    assert isinstance(spread, Spread)
    assert spread.below[-1] == 3
    assert spread.sum_s == 0.03
    assert values["aether_router_retries"]["a:b", "GET /", "1"] == 3
    assert values["aether_router_request_body_bytes"]["a:b", "GET /", "1"] == 15
    assert values["aether_router_response_body_bytes"]["a:b", "GET /", "1"] == 21
    assert values["aether_router_requests_in_flight"] == {("a:b", "GET /"): 1}
    assert values["aether_router_overflowed_requests"] == {(): 0}


async def test_routes_beyond_the_bound_are_one_row() -> None:
    counts, traffic = RouteCounts(), NodeTraffic(ClockAt())
    for number in range(5):
        key = route_key("GET", "", f"/{number}", "a:b")
        counts.began(key)
        counts.ended(key, "1", "GET", 200, 0.01, bytes_in=0, bytes_out=0, retries=0)
    traffic.take(message(counts))
    rows = (await told(traffic_source(traffic, 2)))["aether_router_request_duration_seconds"]
    assert len(rows) == 3
    other = rows["", "other", ""]
    assert isinstance(other, Spread)
    assert other.below[-1] == 3
