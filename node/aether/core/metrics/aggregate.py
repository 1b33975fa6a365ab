"""The whole cluster in one second: what the leader makes of all samples and shares with every node.

It holds each node's figures without its instances, sums and latencies of each slice over all nodes,
and five figures of each instance, written close: an instance costs some 14 bytes a node it is sent to.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isfinite
from operator import attrgetter
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from aether.core.metrics.lists import read_list
from aether.core.metrics.samples import (
    Amount,
    Count,
    NodeSample,
    check_finite,
    figures_of,
)
from aether.core.metrics.work import Work, at_once

MOST_AGGREGATE_BYTES = 8 * 1024 * 1024
MOST_NODES = 1024
MOST_SLICES = 16_384
MOST_ARTIFACTS = 32_768
MOST_INSTANCES = 100_000

_FIELDS = 7
"""Numbers that tell one instance in an `InstanceGroup`."""
_MILLI = 1000

_Name = Annotated[str, Meta(max_length=512)]


class NodeFigures(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one node."""

    age_s: Amount
    """Time since it was measured."""
    hosted: Count
    """Instances it hosts."""
    sample: NodeSample
    """As it was measured, without its instances and slices."""


class SliceLoad(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How much a slice has to do, over all nodes."""

    base: _Name
    age_s: Amount
    """Time since this was measured."""
    rate: Amount | None
    """Requests a second in the last second; None when no router has told for longer than 3 s."""
    in_flight: Count
    """Requests being answered when the routers told last."""
    concurrency: Amount
    """Mean number of requests being answered at a time: their latencies added up, each second."""
    error_share: Amount | None
    """Of the requests of 10 s, 0 to 1; None when they were fewer than ten."""
    p50_s: Amount | None
    """Latencies of the requests of 10 s; None when there were none."""
    p95_s: Amount | None
    p99_s: Amount | None
    cpu: Amount | None
    """Cores used, mean of the instances measured; None when there are none."""
    rss: Amount | None
    """Resident bytes, mean of the instances measured."""
    instances: Count
    """Instances measured."""
    retries: Amount
    """Attempts made again by routers, a second."""
    partial: bool = False
    """Whether a node that counted requests lately tells nothing now: there may be more load than this."""


class InstanceGroup(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The instances of one artifact, five numbers each.

    Ordinal, place of its node, thousandths of a core, resident bytes, requests in flight, threads,
    open files.
    """

    artifact: _Name
    numbers: Annotated[tuple[Count, ...], Meta(max_length=_FIELDS * MOST_INSTANCES)]


class Aggregate(msgspec.Struct, frozen=True, array_like=True):
    """One second of the cluster. `leader` and `number` together tell it from every other."""

    leader: _Name
    number: Count
    """Counts the aggregates of one life of a leader."""
    nodes: Annotated[tuple[NodeFigures, ...], Meta(max_length=MOST_NODES)] = ()
    """Sorted by node."""
    slices: Annotated[tuple[SliceLoad, ...], Meta(max_length=MOST_SLICES)] = ()
    """Sorted by slice."""
    instances: Annotated[tuple[InstanceGroup, ...], Meta(max_length=MOST_ARTIFACTS)] = ()
    """Sorted by artifact."""


@dataclass(frozen=True, slots=True)
class InstanceFigures:
    """One instance as every node knows it."""

    instance: str
    node: str
    cpu: float
    """Cores used."""
    rss: int
    """Resident bytes."""
    in_flight: int
    threads: int = 0
    fds: int = 0
    """Files and sockets it has open."""


def groups_of(samples: Iterable[NodeSample]) -> tuple[InstanceGroup, ...]:
    """Return the instances of nodes in the order given, by artifact."""
    found: dict[str, list[int]] = {}
    for place, sample in enumerate(samples):
        for one in sample.instances:
            artifact, _, ordinal = one.instance.rpartition("/")
            if ordinal.isascii() and ordinal.isdigit() and len(ordinal) < 16:
                numbers = found.setdefault(artifact, [])
                numbers += (int(ordinal), place, round(one.cpu * _MILLI))
                numbers += (one.rss, one.in_flight, one.threads, one.fds)
    return tuple(InstanceGroup(artifact, tuple(found[artifact])) for artifact in sorted(found))


def instances_of(aggregate: Aggregate, node: str | None = None) -> Iterator[InstanceFigures]:
    """Yield the instances of an aggregate, by artifact; only those of one node if it is named."""
    nodes = [figures.sample.node for figures in aggregate.nodes]
    wanted = range(len(nodes)) if node is None else [nodes.index(node)] if node in nodes else ()
    for group in aggregate.instances:
        for row in rows_of(group):
            if row[1] in wanted:
                ordinal, place, cpu, *counts = row
                name = f"{group.artifact}/{ordinal}"
                yield InstanceFigures(name, nodes[place], cpu / _MILLI, *counts)


def rows_of(group: InstanceGroup) -> Iterator[tuple[int, ...]]:
    """Yield the numbers of each instance: ordinal, place of its node, thousandths of a core, counts."""
    numbers = iter(group.numbers)
    return zip(*([numbers] * _FIELDS), strict=True)


def column_of_group(group: InstanceGroup, at: int) -> Iterator[tuple[int, int]]:
    """Yield the ordinal of each instance and the number at one place of its row."""
    return zip(group.numbers[::_FIELDS], group.numbers[at::_FIELDS], strict=True)


_ENCODER = msgspec.msgpack.Encoder()
_PARTS = msgspec.msgpack.Decoder(list[msgspec.Raw])
_HEAD = msgspec.msgpack.Decoder(tuple[_Name, Count])
_NODE = msgspec.msgpack.Decoder(NodeFigures)
_LOAD = msgspec.msgpack.Decoder(SliceLoad)
_GROUP = msgspec.msgpack.Decoder(InstanceGroup)


def encode_aggregate(aggregate: Aggregate) -> bytes:
    """Return an aggregate as bytes."""
    return _ENCODER.encode(aggregate)


def decode_aggregate(data: bytes) -> Aggregate:
    """Read an aggregate; raise ValueError saying what is wrong with it."""
    return at_once(reading_aggregate(data))


def reading_aggregate(data: bytes) -> Work[Aggregate]:
    """Read an aggregate piece by piece; raise ValueError saying what is wrong with it."""
    if len(data) > MOST_AGGREGATE_BYTES:
        raise ValueError(f"an aggregate of {len(data)} bytes; the most is {MOST_AGGREGATE_BYTES}")
    parts = _PARTS.decode(data)  # msgspec's own errors are ValueErrors
    leader, number = _HEAD.decode(_ENCODER.encode(parts[:2]))
    lists = [*parts[2:5], *[_EMPTY] * 3]
    nodes = yield from read_list(lists[0], _NODE, MOST_NODES, _check_node)
    slices = yield from read_list(lists[1], _LOAD, MOST_SLICES, _check_load)

    def check(group: InstanceGroup) -> None:
        _check_group(group, len(nodes))

    instances = yield from read_list(lists[2], _GROUP, MOST_ARTIFACTS, check)
    return Aggregate(leader, number, nodes, slices, instances)


_EMPTY = msgspec.Raw(_ENCODER.encode(()))


def _check_node(figures: NodeFigures) -> None:
    check_finite((figures.age_s, *figures_of(figures.sample)))


_figures_of_load: Any = attrgetter(
    "age_s",
    "rate",
    "concurrency",
    "error_share",
    "p50_s",
    "p95_s",
    "p99_s",
    "cpu",
    "rss",
    "retries",
)


def _check_load(load: SliceLoad) -> None:
    # None of them is below 0 and all have a most: their sum is finite when each of them is.
    if not isfinite(sum(filter(None, _figures_of_load(load)))):
        raise ValueError(f"a figure of {load.base} is no number")


def _check_group(group: InstanceGroup, nodes: int) -> None:
    if len(group.numbers) % _FIELDS:
        raise ValueError(f"{group.artifact}: {len(group.numbers)} numbers are no instances")
    if max(group.numbers[1::_FIELDS], default=0) >= nodes:
        raise ValueError(f"{group.artifact} has an instance on a node that is not told")
