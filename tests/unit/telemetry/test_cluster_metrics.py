"""A leader and a follower on a clock of their own, samples handed over by hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from aether.core.metrics.aggregate import (
    Aggregate,
    SliceLoad,
    decode_aggregate,
    encode_aggregate,
)
from aether.core.metrics.samples import encode_sample
from aether.core.model.ids import NodeId, SliceBase
from aether.node.clock import MonotonicClock
from aether.tasks import TURN_S, Tasks
from aether.telemetry.cluster_metrics import TAKE_OVER_S, ClusterMetrics
from tests.integration.rpc_nodes import eventually
from tests.unit.core_metrics.made import instance, node_sample, slice_sample

N1, N2 = NodeId("n-1"), NodeId("n-2")
A = SliceBase("g.x:a")


class HurryingClock(MonotonicClock):
    """Time of this machine; in a hurry, every look at it is the end of a turn."""

    hurries = False
    ahead_s = 0.0

    def now(self) -> float:
        self.ahead_s += TURN_S if self.hurries else 0.0
        return super().now() + self.ahead_s


class Pair:
    """Two nodes; who leads is said by the test."""

    def __init__(self) -> None:
        self.leader: NodeId | None = N1
        self.two_clock = HurryingClock()
        self.one = ClusterMetrics(N1, MonotonicClock(), lambda: self.leader, lambda: (N1, N2))
        self.two = ClusterMetrics(N2, self.two_clock, lambda: self.leader, lambda: (N1, N2))

    async def report(self, to: ClusterMetrics, requests: int = 10) -> None:
        for node in (N1, N2):
            told = node_sample(
                node,
                instances=(instance(A, int(node[-1])),),
                slices=(slice_sample(A, (0.01,) * requests),),
            )
            await to.hear(encode_sample(told))


@asynccontextmanager
async def running() -> AsyncIterator[Pair]:
    pair, tasks = Pair(), Tasks()
    tasks.start("one", pair.one.run())
    tasks.start("two", pair.two.run())
    try:
        yield pair
    finally:
        await tasks.stop()


async def follow(leader: ClusterMetrics, follower: ClusterMetrics) -> None:
    async for packed in leader.aggregates():
        await follower.take(packed)


async def test_leader_and_follower_say_the_same() -> None:
    async with running() as pair:
        tasks = Tasks()
        tasks.start("follow", follow(pair.one, pair.two))
        await asyncio.sleep(0)
        await pair.report(pair.one)
        await eventually(lambda: pair.two.second >= 1)
        await tasks.stop()
    for metrics in (pair.one, pair.two):
        load = metrics.load(A)
        assert load is not None
        assert (load.rate, load.instances) == (20.0, 2)
        assert load.age_s < 5
        assert list(metrics.nodes()) == [N1, N2]
        assert dict(metrics.series("slice.instances")) == {A: 2.0}
        assert dict(metrics.series("cluster.nodes")) == {"": 2.0}
        assert dict(metrics.series("cluster.quorum_margin")) == {"": 0.0}
        assert dict(metrics.series("instance.cpu")) == {f"{A}:1.0.0/{n}": 0.5 for n in (1, 2)}
        assert metrics.load(SliceBase("g.x:none")) is None
        ((ago_s, cpu),) = metrics.history("node.cpu", N1, 60)
        assert (ago_s < 5, cpu) == (True, 0.25)


async def test_one_aggregate_a_second_and_a_call_for_each() -> None:
    async with running() as pair:
        calls: list[int] = []
        pair.one.subscribe(lambda: calls.append(pair.one.second))

        def broken() -> None:
            raise ZeroDivisionError

        pair.one.subscribe(broken)
        after: list[int] = []
        pair.one.subscribe(lambda: after.append(pair.one.second))
        began = asyncio.get_running_loop().time()
        await eventually(lambda: pair.one.second >= 3)
        took_s = asyncio.get_running_loop().time() - began
    assert calls == after == [1, 2, 3]
    assert 1.5 < took_s < 5.0


async def test_a_new_leader_waits_for_those_it_knows_but_not_for_ever() -> None:
    async with running() as pair:
        await eventually(lambda: pair.one.second >= 1)
        await pair.report(pair.one, requests=50)
        second = pair.one.second
        await eventually(lambda: pair.one.second > second and pair.one.load(A) is not None)
        await pair.two.take(_last(pair.one))
        seen = pair.two.second
        began = asyncio.get_running_loop().time()
        pair.leader = N2
        await eventually(lambda: pair.two.second > seen)
        assert asyncio.get_running_loop().time() - began > TAKE_OVER_S * 0.9
        assert pair.two.load(A) is None  # nobody told it: it is not known, and not nothing
        assert list(pair.two.nodes()) == [N1, N2]
        await pair.report(pair.two, requests=50)
        seen = pair.two.second
        await eventually(lambda: pair.two.second > seen)
        load = pair.two.load(A)
    assert load is not None
    assert load.rate == 100.0


async def test_what_is_broken_is_refused_and_changes_nothing() -> None:
    async with running() as pair:
        await pair.one.hear(b"\x93broken")
        await pair.one.hear(b"")
        with pytest.raises(ValueError, match=r"\S"):
            await pair.two.take(b"\x93broken")
        await eventually(lambda: pair.one.second >= 1)
    assert not pair.one.nodes()
    assert pair.two.second == 0


async def test_a_source_that_fails_keeps_nobody_from_the_news() -> None:
    def broken() -> list[tuple[str, float]]:
        raise ZeroDivisionError

    async with running() as pair:
        calls: list[int] = []
        for metrics in (pair.one, pair.two):
            metrics.provide("cluster.rate", broken)
        pair.one.subscribe(lambda: calls.append(pair.one.second))
        await eventually(lambda: len(calls) >= 2)
        await pair.two.take(_last(pair.one))
        assert pair.two.second == 1
        assert len(pair.one.history("cluster.nodes", "", 60)) >= 2, "what others measure is kept"
        assert not pair.one.series("cluster.rate")


async def test_a_second_is_read_once_however_many_ask() -> None:
    async with running() as pair:
        reads: list[int] = []

        def source() -> list[tuple[str, float]]:
            reads.append(pair.one.second)
            return [("", float(len(reads)))]

        pair.one.provide("cluster.rate", source)
        seen: list[float] = []

        def ask() -> None:
            for _ in range(7):
                seen.extend(value for _, value in pair.one.series("cluster.rate"))

        pair.one.subscribe(ask)
        await eventually(lambda: pair.one.second >= 2)
    assert reads == [0, 1], "before each second is told of"
    assert seen == [1.0] * 7 + [2.0] * 7


async def test_only_a_leader_takes_samples_and_only_others_take_aggregates() -> None:
    async with running() as pair:
        await eventually(lambda: pair.one.second >= 1)
        packed = _last(pair.one)
        await pair.report(pair.two)
        await pair.one.take(packed)
        assert not pair.two.nodes()
    assert decode_aggregate(packed).leader == N1


async def test_a_metric_of_another_part_is_kept_too() -> None:
    async with running() as pair:
        pair.one.provide("cluster.rate", lambda: [("", 42.0)])
        await eventually(lambda: bool(pair.one.history("cluster.rate", "", 60)))
        assert pair.one.history("cluster.rate", "", 60)[-1][1] == 42.0


async def test_who_asks_while_a_second_is_kept_is_told_of_the_second_before() -> None:
    pair = Pair()
    pair.leader = NodeId("n-3")
    bases = [SliceBase(f"g.x:s-{number}") for number in range(600)]
    seen: list[tuple[int, set[float | None], float, int]] = []

    def look() -> None:
        loads = {load.rate for load in pair.two.loads().values()}
        told = {value for _, value in pair.two.series("slice.rate")}
        assert told == loads
        history = pair.two.history("slice.rate", bases[-1], 60)
        seen.append((pair.two.second, loads, history[-1][1] if history else 0.0, len(history)))

    async def read() -> None:
        while True:
            look()
            await asyncio.sleep(0)

    await pair.two.take(_whole(bases, 1.0))
    tasks, pair.two_clock.ahead_s = Tasks(), 1.0
    tasks.start("read", read())
    await asyncio.sleep(0)
    pair.two_clock.hurries = True
    await pair.two.take(_whole(bases, 2.0))
    look()
    await tasks.stop()
    assert set(map(repr, seen)) == {repr((1, {1.0}, 1.0, 1)), repr((2, {2.0}, 2.0, 2))}
    assert len(seen) > 10, "it was kept in many turns"


def _whole(bases: list[SliceBase], rate: float) -> bytes:
    loads = tuple(
        SliceLoad(base, 0.0, rate, 0, 0.0, None, None, None, None, None, None, 0, 0.0)
        for base in bases
    )
    return encode_aggregate(Aggregate("n-3", 1, (), loads))


def _last(metrics: ClusterMetrics) -> bytes:
    return metrics._packed
