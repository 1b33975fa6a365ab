import math

import pytest
from msgspec.structs import replace

from aether.core.metrics.aggregate import (
    Aggregate,
    InstanceFigures,
    InstanceGroup,
    NodeFigures,
    SliceLoad,
    decode_aggregate,
    encode_aggregate,
    groups_of,
    instances_of,
)
from tests.unit.core_metrics.made import instance, node_sample

LOAD = SliceLoad("g.x:a", 0.0, 12.5, 3, 1.5, 0.25, 0.1, 0.2, 0.3, 0.5, 1000.0, 2, 0.5)
SAMPLES = (
    node_sample("n-1", instances=(instance("g.x:a", 0), instance("g.x:b", 0, cpu=0.0004))),
    node_sample("n-2", instances=(instance("g.x:a", 1, rss=2**40),)),
)
WHOLE = Aggregate(
    "n-1",
    7,
    tuple(NodeFigures(0.5, 1, replace(one, instances=())) for one in SAMPLES),
    (LOAD,),
    groups_of(SAMPLES),
)


def test_an_aggregate_is_read_as_it_was_sent() -> None:
    assert decode_aggregate(encode_aggregate(WHOLE)) == WHOLE


def test_instances_are_found_again_on_their_nodes() -> None:
    assert list(instances_of(WHOLE)) == [
        InstanceFigures("g.x:a:1.0.0/0", "n-1", 0.5, 1000, 1, 4, 9),
        InstanceFigures("g.x:a:1.0.0/1", "n-2", 0.5, 2**40, 1, 4, 9),
        InstanceFigures("g.x:b:1.0.0/0", "n-1", 0.0, 1000, 1, 4, 9),
    ]


def test_a_name_that_is_no_instance_is_left_out() -> None:
    odd = node_sample("n-1", instances=(replace(instance("g.x:a", 0), instance="g.x:a:1.0.0/²"),))
    assert groups_of([odd]) == ()


def test_an_instance_costs_few_bytes_a_node_it_is_told_to() -> None:
    many = node_sample(
        "n-1", instances=tuple(instance("g.x:a", n, cpu=0.731, rss=2**26 + n) for n in range(1000))
    )
    bare = len(encode_aggregate(Aggregate("n-1", 1)))
    whole = Aggregate("n-1", 1, instances=groups_of([many]))
    assert (len(encode_aggregate(whole)) - bare) / 1000 < 16


@pytest.mark.parametrize(
    "broken",
    [
        replace(WHOLE, instances=(InstanceGroup("g.x:a:1.0.0", (1, 0, 3)),)),
        replace(WHOLE, instances=(InstanceGroup("g.x:a:1.0.0", (1, 2, 3, 4, 5)),)),
        replace(WHOLE, slices=(replace(LOAD, rate=math.nan),)),
        replace(WHOLE, slices=(replace(LOAD, p99_s=math.inf),)),
        replace(WHOLE, nodes=(NodeFigures(math.nan, 1, node_sample("n-1")),)),
    ],
)
def test_one_that_contradicts_itself_is_refused(broken: Aggregate) -> None:
    with pytest.raises(ValueError, match=r"figure|instance|float"):
        decode_aggregate(encode_aggregate(broken))


def test_one_that_is_too_large_or_none_is_refused() -> None:
    with pytest.raises(ValueError, match="the most is"):
        decode_aggregate(bytes(9 * 1024 * 1024))
    with pytest.raises(ValueError, match=r"\S"):
        decode_aggregate(b"\x93")
