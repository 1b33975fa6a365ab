"""The whole cluster's figures on every node: the leader makes them, all others are told.

The leader takes every node's sample, and once a second makes one aggregate of them, which it takes
itself and sends to everybody who reports to it. Whatever is asked here is answered from the last
aggregate, so any node can lead, or draw the cluster, at once. Nothing of this is ever stored.

A second of a large cluster is much to read and to keep: that is done in turns of the loop, and whoever
asks meanwhile is told of the second before, as a whole.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

import structlog
from msgspec.structs import replace

from aether.core.metrics.aggregate import (
    MOST_NODES,
    Aggregate,
    InstanceFigures,
    NodeFigures,
    SliceLoad,
    encode_aggregate,
    instances_of,
    reading_aggregate,
)
from aether.core.metrics.aggregation import FRESH_S, Aggregation
from aether.core.metrics.samples import NodeSample, reading_sample
from aether.core.metrics.values import (
    Pair,
    Value,
    blocks_of,
    column_of,
    instance_blocks,
    values_of,
)
from aether.core.metrics.windows import Block
from aether.core.metrics.work import Work, at_once
from aether.core.model.ids import NodeId, SliceBase
from aether.ports import Clock
from aether.tasks import by_turns
from aether.telemetry.courses import Courses, Point

PERIOD_S = 1.0
LOOK_S = 0.1
"""How often is looked whether this node leads, and whether an aggregate is due."""
_SHORTEST_LOOK_S = 0.01
TAKE_OVER_S = 0.8
"""Longest wait of a new leader for the nodes it knows of; then it begins with those that report."""

_log = structlog.get_logger()

Source = Callable[[], Iterable[Pair]]
"""Returns (subject, value) of one metric as they are now."""

_Own = Mapping[str, Sequence[Pair]]
"""By metric what this node knows beside the aggregate."""


class ClusterMetrics:
    """What is known of the cluster's load, on one node.

    `leader` says who leads; `voters` how many nodes vote, for how many of them may fail.
    """

    def __init__(
        self,
        node: NodeId,
        clock: Clock,
        leader: Callable[[], NodeId | None],
        voters: Callable[[], Iterable[NodeId]] = tuple,
    ) -> None:
        self._node = node
        self._clock = clock
        self._leader = leader
        self._voters = voters
        self._aggregation: Aggregation | None = None
        self._aggregate = Aggregate("", 0)
        self._heard_at = clock.now()
        self._slices: Mapping[str, SliceLoad] = {}
        self._packed = b""
        self._news = asyncio.Event()
        self._subscribers: list[Callable[[], None]] = []
        self._sources: dict[str, Source] = {}
        self._courses = Courses()
        self._own: _Own | None = None
        """Of this second; None: not read yet."""
        self._columns: dict[str, Sequence[Pair]] = {}
        """The values of this second by metric, of those that were asked for."""
        self._turn = asyncio.Lock()
        """One second is read and kept at a time."""
        self._leads = False
        self._is_adding_up = False
        self._waiting: list[tuple[NodeSample, float]] = []
        """Samples that came while a thread adds up those before."""
        self.second = 0
        """Grows by one with each aggregate this node made or was told."""

    # What goes in

    async def hear(self, packed: bytes) -> None:
        """Take a node's sample while this node leads; one that is broken is logged and left out."""
        if self._leader() != self._node or not packed:
            return
        heard_at = self._clock.now()
        try:
            sample = await by_turns(reading_sample(packed), self._clock.now)
        except ValueError as problem:
            _log.warning("sample refused", problem=str(problem)[:200])
            return
        if self._leader() != self._node:
            return
        if not self._is_adding_up:
            self._leading().hear(sample, heard_at)
        elif len(self._waiting) < MOST_NODES:
            self._waiting.append((sample, heard_at))

    async def take(self, packed: bytes) -> None:
        """Take what another node, which leads, made; raise ValueError when it is no aggregate."""
        heard_at = self._clock.now()
        async with self._turn:
            aggregate = await by_turns(reading_aggregate(packed), self._clock.now)
            if self._leader() != self._node:
                self._aggregation = None
                await self._use(aggregate, packed, heard_at)

    def _leading(self) -> Aggregation:
        if self._aggregation is None:
            self._aggregation = Aggregation(self._node)
            self._aggregation.seed(self._aggregate, self.age_s, self._clock.now())
        return self._aggregation

    async def run(self) -> None:
        """Make an aggregate a second while this node leads, until cancelled."""
        due = took_over = self._clock.now()
        while True:
            now = self._clock.now()
            if self._leader() != self._node:
                self._aggregation, self._leads = None, False
            elif not self._leads:
                self._leads, took_over, due = True, now, now
                self._leading()
            elif now >= due and self._may_begin(now - took_over):
                await self._make(now)
                due = max(due + PERIOD_S, now + PERIOD_S / 2)
            left_s = due - self._clock.now() if self._leads else LOOK_S
            await self._clock.sleep(max(min(left_s, LOOK_S), _SHORTEST_LOOK_S))

    def _may_begin(self, leads_s: float) -> bool:
        """Whether the nodes known have reported, so that no load seems gone that is not."""
        return leads_s >= TAKE_OVER_S or not self._leading().awaited(self._clock.now())

    async def _make(self, now: float) -> None:
        """Make an aggregate in a thread, tell it, use it."""
        aggregation = self._leading()
        self._is_adding_up = True
        try:
            aggregate, packed = await asyncio.to_thread(_next, aggregation, now)
        except Exception:  # noqa: BLE001 - a bug in measuring must not end the node; its trace is logged
            _log.exception("no aggregate made")
            self._aggregation = None
            return
        finally:
            self._is_adding_up = False
            waiting, self._waiting = self._waiting, []
            for sample, heard_at in waiting:
                aggregation.hear(sample, heard_at)
        async with self._turn:
            if self._aggregation is aggregation and self._leader() == self._node:
                await self._use(aggregate, packed, self._clock.now())

    async def _use(self, aggregate: Aggregate, packed: bytes, heard_at: float) -> None:
        """Keep an aggregate, then have it be the last one, and tell of it."""
        slices = {load.base: load for load in aggregate.slices}
        own: _Own | None = None
        try:
            own = await by_turns(self._keeping(aggregate, heard_at), self._clock.now)
        except Exception:  # noqa: BLE001 - history must keep nobody from the news; the trace is logged
            _log.exception("a second of metrics not kept")
        before = self._aggregate, self._slices, self._own
        self._aggregate, self._packed, self._heard_at = aggregate, packed, heard_at
        self._slices, self._own, self._columns = slices, own, {}
        self.second += 1
        news, self._news = self._news, asyncio.Event()
        news.set()
        for callback in self._subscribers:
            try:
                callback()
            except Exception:  # noqa: BLE001 - one that fails must not keep others from the news; logged
                _log.exception("a subscriber of metrics failed", subscriber=repr(callback))
        await asyncio.sleep(0)
        del before  # 50,000 numbers are given back in a turn of their own

    def _keeping(self, aggregate: Aggregate, heard_at: float) -> Work[_Own]:
        """Put a second into the history; return what this node knows beside it."""
        own = yield from self._reading_own(aggregate)

        def blocks() -> Iterator[Block]:
            yield from blocks_of(aggregate)
            for metric, pairs in own.items():
                for subject, value in pairs:
                    yield (metric,), subject, (value,)

        yield from self._courses.keeping(heard_at, blocks(), lambda: instance_blocks(aggregate))
        return own

    # What comes out

    @property
    def age_s(self) -> float:
        """Time since the last aggregate."""
        return self._clock.now() - self._heard_at

    @property
    def refused(self) -> int:
        """Values the history did not keep because there were too many series."""
        return self._courses.refused

    def nodes(self) -> Mapping[NodeId, NodeFigures]:
        """Return the last figures of every node measured in the last 15 s, with their age, in order."""
        age_s = self.age_s
        return {
            NodeId(one.sample.node): replace(one, age_s=one.age_s + age_s)
            for one in self._aggregate.nodes
        }

    def load(self, base: SliceBase) -> SliceLoad | None:
        """Return how much a slice has to do; None when none of its instances was measured lately."""
        found = self._slices.get(base)
        return None if found is None else replace(found, age_s=found.age_s + self.age_s)

    def loads(self) -> Mapping[SliceBase, SliceLoad]:
        """Return the load of every slice, in order."""
        age_s = self.age_s
        return {
            SliceBase(load.base): replace(load, age_s=load.age_s + age_s)
            for load in self._aggregate.slices
        }

    def instances(self, node: NodeId | None = None) -> Iterator[InstanceFigures]:
        """Yield what is known of every instance, or of those on one node."""
        return instances_of(self._aggregate, node)

    def series(self, metric: str) -> Sequence[Pair]:
        """Return (subject, value) of a metric in this second; nothing for one nobody measures."""
        found = self._columns.get(metric)
        if found is None:
            found = [*column_of(self._aggregate, metric), *self._known_here().get(metric, ())]
            self._columns[metric] = found
        return found

    def history(self, metric: str, subject: str, range_s: float, step_s: int = 1) -> list[Point]:
        """Return (seconds ago, value) of the last `range_s`, the oldest first; holes are left out.

        Steps are 1, 10 and 60 s; figures of instances have none of 1 s. Raises ValueError for others.
        """
        return self._courses.history(metric, subject, range_s, step_s, self._clock.now())

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Have `callback` called on the loop after each aggregate; it must be short."""
        self._subscribers.append(callback)

    def provide(self, metric: str, source: Source) -> None:
        """Have this node keep a metric of its own, asked once a second; it stands in the catalogue."""
        self._sources[metric] = source
        self._own, self._columns = None, {}

    async def aggregates(self) -> AsyncIterator[bytes]:
        """Yield each aggregate this node makes while it leads, packed; a slow reader misses some."""
        while True:
            news = self._news
            await news.wait()
            if self._leader() == self._node and self._aggregate.leader == self._node:
                yield self._packed

    def values(self) -> Iterator[Value]:
        """Return every metric of this second, but not those of single instances."""
        own = self._known_here()
        here = ((metric, *pair) for metric, pairs in own.items() for pair in pairs)
        return chain(values_of(self._aggregate), here)

    def _known_here(self) -> _Own:
        if self._own is None:
            self._own = at_once(self._reading_own(self._aggregate))
        return self._own

    def _reading_own(self, aggregate: Aggregate) -> Work[_Own]:
        """Ask every source once; what this node alone can say of the cluster is among it."""
        found: dict[str, Sequence[Pair]] = {}
        voters = sorted(self._voters())
        if voters:
            fresh = {one.sample.node for one in aggregate.nodes if one.age_s <= FRESH_S}
            present = sum(voter in fresh for voter in voters)
            found["cluster.quorum_margin"] = [("", float(present - (len(voters) // 2 + 1)))]
        for metric, source in list(self._sources.items()):
            try:
                found[metric] = list(source())
            except Exception:  # noqa: BLE001 - one that fails must not hide the others; the trace is logged
                _log.exception("a source of metrics failed", metric=metric)
            yield
        return found


def _next(aggregation: Aggregation, now: float) -> tuple[Aggregate, bytes]:
    aggregate = aggregation.next(now)
    return aggregate, encode_aggregate(aggregate)
