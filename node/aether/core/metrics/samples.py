"""What one node measured in one second, as it travels to the leader.

Bytes of a peer are read here: numbers are bounded, texts are short, lists have a most, and what is
not finite is refused. Whatever is counted (`requests`, `errors`, `retries`, `ticks`, `buckets`,
`gc_count`) is of the second the sample is about and is never a sum since some start.
"""

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from aether.core.metrics.histogram import BUCKETS, MOST_COUNT
from aether.core.metrics.lists import read_list
from aether.core.metrics.work import Work, at_once

MOST_INSTANCES = 10_000
"""Instances a node may host, and so samples of them in one report."""
MOST_SLICES = 4096
MOST_SAMPLE_BYTES = 4 * 1024 * 1024
"""Largest sample that is read or sent."""

Count = Annotated[int, Meta(ge=0, le=MOST_COUNT)]
Amount = Annotated[float, Meta(ge=0.0, le=1e18)]
_Name = Annotated[str, Meta(max_length=512)]


class InstanceSample(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One instance: its host process as the kernel accounts for it."""

    instance: _Name
    cpu: Amount
    """Cores used, mean of the last second."""
    rss: Count
    """Resident memory in bytes."""
    threads: Count
    fds: Count
    """Open file descriptors."""
    in_flight: Count
    """Requests the host is answering."""


class SliceSample(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the routers of one node counted for one slice since the sample before.

    Each request counts once, at the router it came to first; calls between slices are requests.
    """

    base: _Name
    requests: Count
    errors: Count
    """Requests answered 5xx or cut short; not those whose client left."""
    retries: Count
    ticks: Count
    """Sum of all latencies in half microseconds."""
    buckets: Annotated[tuple[Count, ...], Meta(max_length=2 * BUCKETS)]
    """Latencies as `histogram.to_sparse` writes them."""
    in_flight: Count
    """Requests being answered now."""


class NodeSample(msgspec.Struct, frozen=True, array_like=True):
    """One node, its machine included, in one second."""

    node: _Name
    incarnation: _Name
    at_ms: Count
    """Milliseconds since 1970 by that node's clock; for people, nothing is decided by it."""
    cpu: Amount
    """Share of all cores of the machine in use, 0 to 1."""
    cores: Count
    memory_used: Count
    """Bytes in use on the machine; what could be given back at once does not count."""
    memory_total: Count
    rss: Count
    """Resident memory of the node process in bytes."""
    loop_lag_s: Amount
    """Longest time a timer of the node's event loop was late in the second."""
    fds: Count
    """Open file descriptors of the node process."""
    fds_most: Count
    """How many it may have."""
    disk_used: Count
    """Bytes in use on the file system of the data directory."""
    disk_total: Count
    net_in: Amount
    """Bytes a second that came in, over all interfaces but the loopback."""
    net_out: Amount
    gc_pause_s: Amount
    """Time garbage collection held the node process up in the second."""
    gc_count: Count
    covered_s: Amount
    """Time the routers counted for this sample, mean over them.

    Routers tell their counts by timers of their own, so between two samples a router may have told
    none or two: rates are counts divided by this.
    """
    instances: Annotated[tuple[InstanceSample, ...], Meta(max_length=MOST_INSTANCES)] = ()
    slices: Annotated[tuple[SliceSample, ...], Meta(max_length=MOST_SLICES)] = ()


_ENCODER = msgspec.msgpack.Encoder()
_PARTS = msgspec.msgpack.Decoder(list[msgspec.Raw])
_HEAD = msgspec.msgpack.Decoder(NodeSample)
_HEAD_FIELDS = len(NodeSample.__struct_fields__) - 2
_INSTANCE = msgspec.msgpack.Decoder(InstanceSample)
_SLICE = msgspec.msgpack.Decoder(SliceSample)


def encode_sample(sample: NodeSample) -> bytes:
    """Return a sample as bytes."""
    return _ENCODER.encode(sample)


def decode_sample(data: bytes) -> NodeSample:
    """Read a sample; raise ValueError saying what is wrong with it."""
    return at_once(reading_sample(data))


def reading_sample(data: bytes) -> Work[NodeSample]:
    """Read a sample piece by piece; raise ValueError saying what is wrong with it."""
    if len(data) > MOST_SAMPLE_BYTES:
        raise ValueError(f"a sample of {len(data)} bytes; the most is {MOST_SAMPLE_BYTES}")
    parts = _PARTS.decode(data)  # msgspec's own errors are ValueErrors
    bare = _HEAD.decode(_ENCODER.encode(parts[:_HEAD_FIELDS]))
    check_finite(figures_of(bare))
    lists = [*parts[_HEAD_FIELDS : _HEAD_FIELDS + 2], *[_EMPTY] * 2]
    instances = yield from read_list(lists[0], _INSTANCE, MOST_INSTANCES, _check_instance)
    slices = yield from read_list(lists[1], _SLICE, MOST_SLICES, _check_slice)
    return replace(bare, instances=instances, slices=slices)


_EMPTY = msgspec.Raw(_ENCODER.encode(()))


def _check_instance(one: InstanceSample) -> None:
    check_finite((one.cpu,))


def _check_slice(one: SliceSample) -> None:
    _check_sparse(one.base, one.buckets)


def _check_sparse(base: str, pairs: Sequence[int]) -> None:
    """Raise ValueError when a slice's histogram is none.

    `histogram.read_sparse` tells more, one bucket after the other; this is done for every slice of every
    node each second, and takes a tenth of the time.
    """
    distances, counts = pairs[::2], pairs[1::2]
    if len(distances) != len(counts) or sum(distances) >= BUCKETS or 0 in counts:
        raise ValueError(f"the {len(pairs)} numbers of {base} are no buckets and counts")


def figures_of(sample: NodeSample) -> tuple[float, ...]:
    """Return the figures of a sample that are no whole numbers."""
    return (
        sample.cpu,
        sample.loop_lag_s,
        sample.net_in,
        sample.net_out,
        sample.gc_pause_s,
        sample.covered_s,
    )


def check_finite(figures: Iterable[float]) -> None:
    """Raise ValueError when one of them is infinite or no number."""
    for figure in figures:
        if not isfinite(figure):
            raise ValueError(f"a figure is {figure}")
