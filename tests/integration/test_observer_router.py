"""A real router tells its node what it counted: every request once, whatever became of it."""

import asyncio

from aether.core.dataplane.traffic_stats import SeriesStats
from aether.dataplane.feed import TableFeed
from aether.node.clock import MonotonicClock
from aether.telemetry.traffic import NodeTraffic
from tests.integration.router_rig import (
    BASE,
    Rig,
    RouterProcess,
    Wire,
    fetch,
    head,
    local,
    remote,
    row,
    until,
)


def totals(traffic: NodeTraffic) -> dict[tuple[str, str, str], int]:
    """Return all requests by route, version and method."""
    return {(one.route, one.version, one.method): one.total for one in traffic.stats(120).series}


def only(traffic: NodeTraffic) -> SeriesStats:
    (series,) = traffic.stats(120).series
    return series


async def test_requests_count_by_route_version_method_and_status(rig: Rig) -> None:
    origin, router = await rig.origin(), await rig.router()
    await router.use([row("/orders/{id}", "GET"), row("/all/{*rest}")], [local("node-1", origin)])
    async with Wire.to(router.public) as wire:
        for number in range(5):
            await wire.get(f"/orders/{number}")
        await wire.get("/all/x", method="PURGE")
        await wire.get("/nowhere")
    expected = {
        ("GET /orders/{id}", "1.0.0", "GET"): 5,
        ("* /all/{*rest}", "1.0.0", "other"): 1,
        ("", "", "GET"): 1,
    }
    await until(lambda: totals(router.traffic) == expected)
    orders = next(one for one in router.traffic.stats(120).series if one.total == 5)
    assert orders.slice == BASE
    assert orders.statuses == (0, 0, 5, 0, 0, 0)
    assert orders.bytes_out > 0
    assert orders.latencies().count == 5
    assert router.traffic.stats(120).in_flight == ()


async def test_a_request_in_flight_is_seen_and_one_cut_off_counts_as_unanswered(rig: Rig) -> None:
    asked = asyncio.Event()

    async def silent(*_: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    origin, router = await rig.origin(handler=silent), await rig.router()
    await router.use([row()], [local("node-1", origin)])
    async with Wire.to(router.public) as wire:
        wire.writer.write(head("/waits").encode())
        async with asyncio.timeout(10):
            await asked.wait()
        await until(lambda: router.traffic.stats(10).in_flight)
        (flying,) = router.traffic.stats(10).in_flight
        assert (flying.route, flying.slice, flying.requests) == ("* /{*rest}", BASE, 1)
    await until(lambda: router.traffic.stats(10).series)
    assert only(router.traffic).statuses == (0, 0, 0, 0, 1, 0)
    assert only(router.traffic).error_share == 0.0
    await until(lambda: router.traffic.stats(10).in_flight == ())


async def test_a_request_counts_at_the_router_it_came_to_first(rig: Rig) -> None:
    origin = await rig.origin()
    first, second = await rig.router("node-1"), await rig.router("node-2")
    await first.use([row()], [remote("node-2", second.mesh)])
    await second.use([row()], [local("node-2", origin)])
    for _ in range(3):
        assert (await fetch(first.public, "/x")).status == 200
    assert (await fetch(second.public, "/x")).status == 200
    name = ("* /{*rest}", "1.0.0", "GET")
    await until(lambda: totals(first.traffic) == {name: 3} and totals(second.traffic) == {name: 1})
    assert only(second.traffic).statuses[2] == 1


async def test_a_failed_instance_shows_as_retries_not_as_errors(rig: Rig) -> None:
    gone, here, router = await rig.origin("gone"), await rig.origin("here"), await rig.router()
    await router.use([row()], [local("node-1", gone, 0), local("node-1", here, 1)])
    await gone.kill()
    for _ in range(4):
        assert (await fetch(router.public, "/x")).status == 200
    await until(lambda: totals(router.traffic) == {("* /{*rest}", "1.0.0", "GET"): 4})
    series = only(router.traffic)
    assert series.retries >= 1
    assert series.error_share == 0.0


async def test_what_was_counted_without_a_node_is_told_once_there_is_one(rig: Rig) -> None:
    origin, router = await rig.origin(), await rig.router()
    await router.use([row()], [local("node-1", origin)])
    assert router.feed is not None
    await router.feed.stop()
    for _ in range(6):
        assert (await fetch(router.public, "/x")).status == 200
    await restart_node(router)
    await until(lambda: totals(router.traffic) == {("* /{*rest}", "1.0.0", "GET"): 6})
    assert (await fetch(router.public, "/x")).status == 200
    await until(lambda: totals(router.traffic) == {("* /{*rest}", "1.0.0", "GET"): 7})


async def test_a_router_that_stops_tells_what_it_counted_last(rig: Rig) -> None:
    origin, router = await rig.origin(), await rig.router()
    await router.use([row()], [local("node-1", origin)])
    async with Wire.to(router.public) as wire:
        for _ in range(5):
            assert (await wire.get("/x")).status == 200
    assert await router.stop() == 0
    await until(lambda: totals(router.traffic) == {("* /{*rest}", "1.0.0", "GET"): 5})


async def restart_node(router: RouterProcess) -> None:
    """Put another node in place of the one whose feed was stopped; it knows nothing."""
    router.traffic = NodeTraffic(MonotonicClock())
    router.feed = TableFeed(router.data_dir / "run" / "router.sock.table", router.traffic)
    await router.feed.start()
