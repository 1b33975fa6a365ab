"""What a leader does with samples: once a second, one aggregate of all of them.

Worked example of a rate: a node's routers told 120 requests of a slice in 1.02 s of counting, those of
another 30 in 0.98 s: the slice has 120 / 1.02 + 30 / 0.98 = 148 requests a second. A node whose routers
told nothing this second (their timers are their own) is asked for what they told in the seconds before.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from msgspec.structs import replace

from aether.core.metrics.aggregate import (
    MOST_NODES,
    MOST_SLICES,
    Aggregate,
    NodeFigures,
    SliceLoad,
    groups_of,
)
from aether.core.metrics.histogram import TICKS_PER_S
from aether.core.metrics.samples import NodeSample, SliceSample
from aether.core.metrics.slice_window import SliceWindow

FRESH_S = 3.0
"""Samples older than this are of the past: they say nothing of a slice's load."""
FORGET_S = 15.0
"""A node that was not measured for so long is left out."""
COVER_S = 0.9
"""Least time of counting a rate is made of, when there is so much."""
_KEPT = 4
"""Samples of a node that a rate may be made of."""
_SHARES = (0.5, 0.95, 0.99)


@dataclass(slots=True)
class _Heard:
    """One node's samples, the newest last."""

    at: float
    samples: deque[NodeSample] = field(default_factory=lambda: deque(maxlen=_KEPT))
    new: list[NodeSample] = field(default_factory=list)
    """Those no aggregate has counted yet."""
    hosted: int = 0
    """Instances of a node that was only told by the leader before."""
    is_bare: bool = False
    """Whether its one sample is what the leader before told of it: without slices, so it says nothing of load."""
    counted_at: float = -inf
    """When its routers told of requests last."""


@dataclass(slots=True)
class _Sum:
    """One slice over all nodes."""

    rate: float = 0.0
    retries: float = 0.0
    concurrency: float = 0.0
    in_flight: int = 0
    cpu: float = 0.0
    rss: int = 0
    instances: int = 0
    new: list[SliceSample] = field(default_factory=list)


class Aggregation:
    """Collects samples and makes aggregates of them. `now` is seconds on a monotonic clock.

    It belongs to one leader; nothing in it is asked of a new one but the samples of the next second.
    """

    def __init__(self, leader: str) -> None:
        self._leader = leader
        self._number = 0
        self._nodes: dict[str, _Heard] = {}
        self._windows: dict[str, SliceWindow] = {}
        self._bases: dict[str, str] = {}

    def seed(self, aggregate: Aggregate, age_s: float, now: float) -> None:
        """Take over what the leader before told of nodes, until they report here themselves."""
        for figures in aggregate.nodes:
            if figures.sample.node not in self._nodes:
                at = now - age_s - figures.age_s
                heard = _Heard(at, hosted=figures.hosted, is_bare=True, counted_at=at)
                heard.samples.append(figures.sample)
                self._nodes[figures.sample.node] = heard

    def hear(self, sample: NodeSample, now: float) -> None:
        """Take a node's sample."""
        heard = self._nodes.get(sample.node)
        if heard is None or heard.samples[-1].incarnation != sample.incarnation:
            if heard is None and len(self._nodes) >= MOST_NODES:
                return
            heard = self._nodes[sample.node] = _Heard(now)
        if heard.is_bare:
            heard.samples.clear()
            heard.is_bare = False
        heard.at = now
        if sample.covered_s > 0.0:
            heard.counted_at = now
        heard.samples.append(sample)
        heard.hosted = len(sample.instances)
        heard.new.append(sample)
        del heard.new[:-_KEPT]

    def awaited(self, now: float) -> list[str]:
        """Return the nodes measured lately that have not reported since the last aggregate."""
        return [
            node
            for node, heard in sorted(self._nodes.items())
            if not heard.new and now - heard.at <= FRESH_S
        ]

    def next(self, now: float) -> Aggregate:
        """Return the aggregate of the second that ends now."""
        for node in [node for node, heard in self._nodes.items() if now - heard.at > FORGET_S]:
            del self._nodes[node]
        nodes = sorted(self._nodes.items())
        fresh = [heard for _, heard in nodes if now - heard.at <= FRESH_S]
        sums, covered = self._sums(fresh)
        missed = sum(now - heard.counted_at <= FORGET_S for _, heard in nodes) - covered
        self._count(sums)
        self._number += 1
        named = [heard.samples[-1] for _, heard in nodes]
        return Aggregate(
            leader=self._leader,
            number=self._number,
            nodes=tuple(_figures(heard, now) for _, heard in nodes),
            slices=tuple(self._loads(sums, is_covered=covered > 0, is_partial=missed > 0)),
            instances=groups_of(named),
        )

    def _sums(self, fresh: Sequence[_Heard]) -> tuple[dict[str, _Sum], int]:
        """Return every slice's sums over nodes, and of how many nodes the routers told anything."""
        sums: dict[str, _Sum] = {}
        covered = 0
        for heard in fresh:
            covered += not heard.is_bare and _add_rates(sums, heard.samples)
            latest = heard.samples[-1]
            for one in latest.slices:
                sums.setdefault(one.base, _Sum()).in_flight += one.in_flight
            for sample in heard.new:
                for one in sample.slices:
                    sums.setdefault(one.base, _Sum()).new.append(one)
            heard.new = []
            self._add_instances(sums, latest)
        return sums, covered

    def _add_instances(self, sums: dict[str, _Sum], sample: NodeSample) -> None:
        for one in sample.instances:
            base = self._bases.get(one.instance)
            if base is None:
                base = self._bases[one.instance] = _base_of(one.instance)
            total = sums.setdefault(base, _Sum())
            total.cpu += one.cpu
            total.rss += one.rss
            total.instances += 1

    def _count(self, sums: Mapping[str, _Sum]) -> None:
        """Move every slice's window on by one second."""
        for base in sums:
            self._windows.setdefault(base, SliceWindow())
        for base, window in self._windows.items():
            total = sums.get(base)
            window.add(total.new if total is not None else ())
        gone = [
            base for base, one in self._windows.items() if not one.requests and base not in sums
        ]
        for base in gone:
            del self._windows[base]
        if len(self._bases) > 2 * sum(total.instances for total in sums.values()) + 1000:
            self._bases.clear()  # instances come and go; those there are found again next second

    def _loads(
        self, sums: Mapping[str, _Sum], *, is_covered: bool, is_partial: bool
    ) -> Iterator[SliceLoad]:
        bases = sorted(self._windows)[:MOST_SLICES]
        for base in bases:
            total = sums.get(base, _NOTHING)
            window = self._windows[base]
            p50, p95, p99 = window.quantiles(_SHARES)
            yield SliceLoad(
                base=base,
                age_s=0.0,
                rate=total.rate if is_covered else None,
                in_flight=total.in_flight,
                concurrency=total.concurrency,
                error_share=window.error_share,
                p50_s=p50,
                p95_s=p95,
                p99_s=p99,
                cpu=total.cpu / total.instances if total.instances else None,
                rss=total.rss / total.instances if total.instances else None,
                instances=total.instances,
                retries=total.retries,
                partial=is_partial,
            )


_NOTHING = _Sum()


def _add_rates(sums: dict[str, _Sum], samples: Iterable[NodeSample]) -> bool:
    """Add one node's rates; return whether its routers told anything."""
    used: list[NodeSample] = []
    covered_s = 0.0
    for sample in reversed(list(samples)):
        used.append(sample)
        covered_s += sample.covered_s
        if covered_s >= COVER_S:
            break
    if covered_s <= 0.0:
        return False
    for sample in used:
        for one in sample.slices:
            total = sums.setdefault(one.base, _Sum())
            total.rate += one.requests / covered_s
            total.retries += one.retries / covered_s
            total.concurrency += one.ticks / TICKS_PER_S / covered_s
    return True


def _figures(heard: _Heard, now: float) -> NodeFigures:
    bare = replace(heard.samples[-1], instances=(), slices=())
    return NodeFigures(max(now - heard.at, 0.0), heard.hosted, bare)


def _base_of(instance: str) -> str:
    """Return the slice of an instance's name: `group:name:version/ordinal` without the last two."""
    return instance.rpartition("/")[0].rpartition(":")[0]
