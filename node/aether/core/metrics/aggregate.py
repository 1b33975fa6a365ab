"""The whole cluster in one second: what the leader makes of all samples and shares with every node.

It holds each node's figures without its instances, sums and latencies of each slice over all nodes,
and five figures of each instance, written close: an instance costs some 14 bytes a node it is sent to.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from aether.core.metrics.samples import (
    Amount,
    Count,
    NodeSample,
    check_finite,
    figures_of,
)

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


class SliceLoad(msgspec.Struct, frozen=True, array_like=True):
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


class InstanceGroup(msgspec.Struct, frozen=True, array_like=True):
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


def instances_of(aggregate: Aggregate) -> Iterator[InstanceFigures]:
    """Yield the instances of an aggregate, by artifact."""
    nodes = [figures.sample.node for figures in aggregate.nodes]
    for group in aggregate.instances:
        rows = iter(group.numbers)
        for ordinal, place, cpu, *counts in zip(*([rows] * _FIELDS), strict=True):
            name = f"{group.artifact}/{ordinal}"
            yield InstanceFigures(name, nodes[place], cpu / _MILLI, *counts)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Aggregate)


def encode_aggregate(aggregate: Aggregate) -> bytes:
    """Return an aggregate as bytes."""
    return _ENCODER.encode(aggregate)


def decode_aggregate(data: bytes) -> Aggregate:
    """Read an aggregate; raise ValueError saying what is wrong with it."""
    if len(data) > MOST_AGGREGATE_BYTES:
        raise ValueError(f"an aggregate of {len(data)} bytes; the most is {MOST_AGGREGATE_BYTES}")
    aggregate = _DECODER.decode(data)  # msgspec's own errors are ValueErrors
    for node in aggregate.nodes:
        check_finite((node.age_s, *figures_of(node.sample)))
    for one in aggregate.slices:
        check_finite(_figures(one))
    for group in aggregate.instances:
        _check_group(group, len(aggregate.nodes))
    return aggregate


def _figures(load: SliceLoad) -> Iterator[float]:
    figures = (
        load.age_s, load.rate, load.concurrency, load.error_share, load.p50_s, load.p95_s,
        load.p99_s, load.cpu, load.rss, load.retries,
    )  # fmt: skip
    return (figure for figure in figures if figure is not None)


def _check_group(group: InstanceGroup, nodes: int) -> None:
    if len(group.numbers) % _FIELDS:
        raise ValueError(f"{group.artifact}: {len(group.numbers)} numbers are no instances")
    if max(group.numbers[1::_FIELDS], default=0) >= nodes:
        raise ValueError(f"{group.artifact} has an instance on a node that is not told")
