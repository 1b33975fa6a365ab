"""What closing a second costs where there is much to measure: as many series as are kept, of one cluster.

Five nodes report 1,800 slices and 800 instances each: 19,873 series of slices and nodes by the second, and
20,000 of instances by ten. Nothing is real but the loop. Leader and follower are measured by turns, each
over 130 seconds of a clock that is put on as soon as a second is closed, so that every level is rolled
up. A timer of 0.5 ms sees for how long the loop does nothing else: by the clock, which counts what other
processes of the machine take as well, and by processor time of the loop's thread. Processor time of all
threads is taken in rounds of their own, without that timer.
"""

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from msgspec.structs import replace

from aether.core.metrics.aggregate import encode_aggregate
from aether.core.metrics.aggregation import Aggregation
from aether.core.metrics.histogram import Histogram, to_sparse
from aether.core.metrics.samples import InstanceSample, NodeSample, SliceSample, encode_sample
from aether.core.model.ids import NodeId
from aether.tasks import Tasks
from aether.telemetry.cluster_metrics import ClusterMetrics
from aether.telemetry.exposition.exposition import Exposition
from aether.telemetry.exposition.measured import measured_source
from aether.telemetry.exposition.table import SERIES

NODES = 5
SLICES = 1800
INSTANCES = 800
"""Of each node."""
REQUESTS = 10
"""Of each slice, at each node, a second."""
SECONDS = 130
_IDLE_S = 5.0
_PAUSE_S = 0.002
_TICK_S = 0.0005
_SWITCH_S = 0.0005
"""As the node sets it: the longest time a thread keeps the loop waiting."""

Number = tuple[str, str, float, str]


class _Clock:
    """Time of this machine, put on by hand."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> float:
        return time.monotonic() + self.ahead_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, _PAUSE_S))


class _Store:
    """Knows who leads, and nothing else."""

    leader = NodeId("node-0")


async def numbers() -> list[Number]:
    """Return case, metric, value and unit of leader, follower and scrape."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    samples = [encode_sample(_sample(node)) for node in range(NODES)]
    aggregates = [_aggregate(number) for number in range(2)]
    gc.collect()
    gc.freeze()  # as a node does when it has been loaded
    try:
        return [
            *await _case("nothing to do", _idle),
            *await _case("leader, 20,000 series", lambda: _leading(samples)),
            *await _case("follower, 20,000 series", lambda: _following(aggregates)),
            *await _case("scrapes, 20,000 series", lambda: _scraping(aggregates[0])),
        ]
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)


async def _case(name: str, run: Callable[[], Awaitable[float]]) -> list[Number]:
    cpu_s = await run()
    async with _stretches() as (late, busy):
        await run()
    return [
        (name, "held, longest", 1000 * max(late), "ms"),
        (name, "worked, longest", 1000 * max(busy), "ms"),
        (name, "worked, 1 of 1,000", 1000 * sorted(busy)[-1 - len(busy) // 1000], "ms"),
        (name, "cpu", 1000 * cpu_s, "ms a second"),
    ]


@asynccontextmanager
async def _stretches() -> AsyncIterator[tuple[list[float], list[float]]]:
    """Note how late a timer comes, and what the loop's thread worked since, again and again."""
    late, busy = list[float](), list[float]()
    tasks = Tasks()

    async def tick() -> None:
        while True:
            due, worked_s = time.perf_counter() + _TICK_S, time.thread_time()
            await asyncio.sleep(_TICK_S)
            late.append(max(time.perf_counter() - due, 0.0))
            busy.append(time.thread_time() - worked_s)

    tasks.start("tick", tick())
    await asyncio.sleep(0)
    try:
        yield late, busy
    finally:
        await tasks.stop()


async def _idle() -> float:
    """Wait for some seconds; return the processor time of one."""
    began = time.process_time()
    await asyncio.sleep(_IDLE_S)
    return (time.process_time() - began) / _IDLE_S


async def _leading(samples: Sequence[bytes]) -> float:
    """Lead for so many seconds; return the processor time of one."""
    clock, tasks = _Clock(), Tasks()
    metrics = ClusterMetrics(_Store.leader, clock, lambda: _Store.leader, lambda: [_Store.leader])
    closed = asyncio.Event()
    metrics.subscribe(closed.set)
    tasks.start("metrics", metrics.run())
    began = time.process_time()
    for _ in range(SECONDS):
        for sample in samples:
            await metrics.hear(sample)
        closed.clear()
        clock.ahead_s += 1.0
        await closed.wait()
    used = time.process_time() - began
    await tasks.stop()
    return used / SECONDS


async def _following(aggregates: Sequence[bytes]) -> float:
    """Take so many aggregates; return the processor time of one."""
    clock = _Clock()
    metrics = ClusterMetrics(NodeId("node-1"), clock, lambda: _Store.leader)
    began = time.process_time()
    for second in range(SECONDS):
        clock.ahead_s += 1.0
        await metrics.take(aggregates[second % len(aggregates)])
        await asyncio.sleep(_PAUSE_S)
    return (time.process_time() - began) / SECONDS


async def _scraping(aggregate: bytes) -> float:
    """Have ten pages written, each with figures of its own; return the processor time of one."""
    clock = _Clock()
    metrics = ClusterMetrics(_Store.leader, clock, lambda: NodeId("node-1"))
    await metrics.take(aggregate)
    source = measured_source(_Store.leader, _Store(), metrics)  # type: ignore[arg-type] # asked for its leader only
    exposition = Exposition(SERIES, [source], clock, keep_s=0.0)
    began = time.process_time()
    for _ in range(10):
        await exposition.scrape()
    return (time.process_time() - began) / 10


def _aggregate(number: int) -> bytes:
    made = Aggregation(_Store.leader)
    for node in range(NODES):
        sample = _sample(node)
        made.hear(replace(sample, cpu=0.1 * (number + 1)), 0.0)
    return encode_aggregate(made.next(0.1))


def _sample(node: int) -> NodeSample:
    counts = Histogram()
    for request in range(REQUESTS):
        counts.record(0.002 * 100 ** (request / REQUESTS))
    buckets = tuple(to_sparse(counts.counts))
    slices = tuple(
        SliceSample(f"org.example.shop:service-{place}", REQUESTS, 1, 1, counts.ticks, buckets, 6)
        for place in range(SLICES)
    )
    instances = tuple(
        InstanceSample(f"org.example.shop:service-{place}:1.12.3/{node}", 0.5, 90_000_000, 9, 40, 3)
        for place in range(INSTANCES)
    )
    return NodeSample(
        node=f"node-{node}", incarnation="life-1", at_ms=1, cpu=0.25, cores=4, memory_used=6,
        memory_total=8, rss=90_000_000, loop_lag_s=0.002, fds=50, fds_most=1000, disk_used=1,
        disk_total=4, net_in=10.0, net_out=20.0, gc_pause_s=0.001, gc_count=1, covered_s=1.0,
        instances=instances, slices=slices,
    )  # fmt: skip
