import math

import msgspec
import pytest

from aether.core.metrics.samples import (
    MOST_SAMPLE_BYTES,
    InstanceSample,
    NodeSample,
    SliceSample,
    decode_sample,
    encode_sample,
)
from tests.unit.core_metrics.made import node_sample

INSTANCE = InstanceSample("g.x:a:1.0.0/0", 0.25, 40_000_000, 8, 20, 3)
SLICE = SliceSample("g.x:a", 10, 1, 2, 4_000, (20, 9, 3, 1), 3)


def test_a_sample_is_read_as_it_was_sent() -> None:
    sample = node_sample("n-1", instances=(INSTANCE,), slices=(SLICE,))
    assert decode_sample(encode_sample(sample)) == sample


def test_an_instance_costs_less_than_a_hundred_bytes() -> None:
    bare = len(encode_sample(node_sample("n-1")))
    name = "org.example.shop:checkout-service:1.12.3/17"
    many = tuple(InstanceSample(name, 0.123456789, 2**31, 24, 64, 17) for _ in range(100))
    assert (len(encode_sample(node_sample("n-1", instances=many))) - bare) / 100 < 100


@pytest.mark.parametrize("figure", [math.inf, math.nan, -0.5, 1e300])
def test_figures_that_are_none_are_refused(figure: float) -> None:
    with pytest.raises(ValueError, match=r"figure|float"):
        decode_sample(encode_sample(node_sample("n-1", cpu=figure)))
    worn = InstanceSample("g.x:a:1.0.0/0", figure, 1, 1, 1, 1)
    with pytest.raises(ValueError, match=r"figure|float"):
        decode_sample(encode_sample(node_sample("n-1", instances=(worn,))))


def test_what_is_no_sample_is_refused_with_a_reason() -> None:
    with pytest.raises(ValueError, match="bytes; the most is"):
        decode_sample(b"\xc0" * (MOST_SAMPLE_BYTES + 1))
    for data in (b"", b"\xc0", b"\x93\x01\x02\x03", encode_sample(node_sample("n-1"))[:-1]):
        with pytest.raises(ValueError, match=r"\S"):
            decode_sample(data)


def test_counts_below_nothing_and_long_names_are_refused() -> None:
    plain = list(msgspec.structs.astuple(node_sample("n-1")))
    fields = NodeSample.__struct_fields__
    for name, value in (("fds", -1), ("node", "x" * 600), ("gc_count", 2**60)):
        changed = [
            value if field == name else old for field, old in zip(fields, plain, strict=True)
        ]
        with pytest.raises(ValueError, match=r"\S"):
            decode_sample(msgspec.msgpack.encode(changed))


@pytest.mark.parametrize("buckets", [(1, 2, 3), (384, 1), (300, 1, 84, 1), (5, 0), (5, 1, 3, 0)])
def test_a_histogram_that_is_none_is_refused_with_its_slice(buckets: tuple[int, ...]) -> None:
    broken = SliceSample("g.x:a", 1, 0, 0, 1, buckets, 0)
    with pytest.raises(ValueError, match=r"g\.x:a"):
        decode_sample(encode_sample(node_sample("n-1", slices=(broken,))))
