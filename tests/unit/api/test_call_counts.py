"""Calls of the API are counted by their names in the table."""

from aether.api.call_counts import UNKNOWN, CallCounts, name_of
from tests.api_world import ApiWorld


def test_names() -> None:
    assert name_of("GET", "/api/v1/status?x=1") == "status.get"
    assert name_of("HEAD", "/health/live") == "health.live"
    assert name_of("PUT", "/api/v1/status") == UNKNOWN
    assert name_of("GET", "/secret/path/of/a/scanner") == UNKNOWN
    assert name_of("GET", "/api/v1/slices/%ff") == UNKNOWN


def test_counts_add_up() -> None:
    counts = CallCounts()
    counts.note("GET", "/health/live", 200, 0.25)
    counts.note("GET", "/health/live", 200, 0.5)
    counts.note("GET", "/health/live", 503, 1.0)
    assert counts.counts == {("health.live", 200): (2, 0.75), ("health.live", 503): (1, 1.0)}


async def test_the_api_counts_what_it_answers(world: ApiWorld) -> None:
    await world.call("GET", "/health/live")
    await world.call("GET", "status")
    await world.call("GET", "nonsense")
    counts = world.api.counts.counts
    assert counts["health.live", 200][0] == 1
    assert counts["status.get", 200][0] == 1
    assert counts[UNKNOWN, 404][0] == 1
    assert all(seconds >= 0 for _, seconds in counts.values())
