"""A node's traffic: messages in, stats out."""

import asyncio
from dataclasses import dataclass

import pytest

from aether.core.dataplane.route_counts import RouteCounts, route_key
from aether.telemetry.traffic import NodeTraffic

KEY = route_key("GET", "", "/", "a:b")


@dataclass
class ClockAt:
    """Stands where it is put."""

    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def message(counts: RouteCounts) -> dict[str, object]:
    return {
        "op": "counts", "run": "r", "age_s": 1.0, "opened": counts.opened, "overflowed": 0,
        "in_flight": dict(counts.in_flight), "series": tuple(counts.changed(100)),
    }  # fmt: skip


def test_what_is_taken_is_told() -> None:
    clock, counts = ClockAt(), RouteCounts()
    traffic = NodeTraffic(clock)
    counts.began(KEY)
    counts.ended(KEY, "1", "GET", 200, 0.01, bytes_in=0, bytes_out=0, retries=0)
    counts.began(KEY)
    clock.seconds = 1.0
    assert traffic.take(message(counts)) == "r"
    stats = traffic.stats(10.0)
    assert [(one.names, one.requests, one.total) for one in stats.series] == [
        (("GET /", "a:b", "1", "GET"), 1, 1)
    ]
    assert stats.in_flight[0].requests == 1
    traffic.ended("r")
    clock.seconds = 60.0
    later = traffic.stats(10.0)
    assert (later.in_flight, later.series[0].requests, later.series[0].total) == ((), 0, 1)
    assert traffic.totals[KEY, "1", "GET"].requests == 1


async def test_stats_made_aside_are_of_the_moment_they_were_asked_for() -> None:
    clock, counts = ClockAt(1.0), RouteCounts()
    traffic = NodeTraffic(clock)
    for version in "abc":
        counts.ended(KEY, version, "GET", 200, 0.01, bytes_in=0, bytes_out=0, retries=0)
    traffic.take(message(counts))
    now = traffic.stats(10.0)
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(traffic.stats_aside(10.0)) for _ in range(3)]
        first = await asking[0]
        counts.ended(KEY, "d", "GET", 200, 0.01, bytes_in=0, bytes_out=0, retries=0)
        traffic.take(message(counts))
    assert first == now
    assert [len(task.result().series) for task in asking[:1]] == [3]
    assert len(traffic.stats(10.0).series) == 4


@pytest.mark.parametrize(
    "garbage",
    [
        {"op": "counts"},
        {"op": "counts", "run": ""},
        {"op": "counts", "run": "r", "series": [[1]]},
        {"op": "counts", "run": "r", "series": 5},
        {"op": "counts", "run": "r", "in_flight": {"x": -1}},
        {"op": "counts", "run": "r", "age_s": "young"},
        "counts",
        None,
    ],
)
def test_garbage_is_refused(garbage: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        NodeTraffic(ClockAt()).take(garbage)
