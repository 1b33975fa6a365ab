"""From the node's commit of a change to its use in a router process, over the real socket."""

import asyncio
import os
import statistics
import time
from dataclasses import replace

from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId
from aether.dataplane.feed import TableFeed
from tests.bench.report import Result, conditions
from tests.bench.table.world import NODES, SIZE, table
from tests.integration.router_rig import Rig

CHANGES = int(os.environ.get("BENCH_CHANGES", "200"))
POLL_S = 0.0005
SETTLE_S = 60.0


def measure() -> list[Result]:
    """Return how long changes of one endpoint took until the router confirmed them."""
    return asyncio.run(_measure())


async def _measure() -> list[Result]:
    rig, first = Rig(), table()
    try:
        router = await rig.router(NODES[0])
        assert router.feed is not None
        took = [await _publish(router.feed, first)]
        changes = (_changed(first, turn) for turn in range(1, CHANGES + 1))
        took += [await _publish(router.feed, change) for change in changes]
    finally:
        await rig.close()
    said = conditions(SIZE, f"{CHANGES} changes of one endpoint, one router process")
    values = {
        "first": took[0],
        "p50": statistics.median(took[1:]),
        "p99": sorted(took[1:])[max(0, CHANGES * 99 // 100 - 1)],
    }
    return [
        Result(
            bench="table",
            case="commit to use",
            metric=metric,
            value=round(seconds * 1e3, 2),
            unit="ms",
            conditions=said,
        )
        for metric, seconds in values.items()
    ]


def _changed(first: Table, turn: int) -> Table:
    """Return the table with another endpoint moved to another node."""
    place = turn * 613 % len(first.instances)
    row = first.instances[place]
    moved = replace(row, node=NodeId("node-9"), socket="", mesh=f"10.0.0.9:{turn}")
    rows = (*first.instances[:place], moved, *first.instances[place + 1 :])
    return replace(first, revision=first.revision + turn, instances=rows)


async def _publish(feed: TableFeed, newer: Table) -> float:
    """Return the seconds from publishing a table to the router's word that it is in use."""
    began = time.perf_counter()
    feed.publish(newer)
    async with asyncio.timeout(SETTLE_S):
        while feed.confirmed != newer.revision:  # noqa: ASYNC110 - the feed rings no bell
            await asyncio.sleep(POLL_S)
    return time.perf_counter() - began
