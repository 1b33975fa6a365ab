"""Laws of aggregation and windows, whatever nodes tell and whenever."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from aether.core.metrics.aggregate import decode_aggregate, encode_aggregate, instances_of
from aether.core.metrics.aggregation import Aggregation
from aether.core.metrics.histogram import Histogram
from aether.core.metrics.samples import NodeSample, decode_sample, encode_sample
from aether.core.metrics.slice_window import PARTS, SliceWindow
from aether.core.metrics.windows import Windows
from tests.unit.core_metrics.made import instance, node_sample, slice_sample

BASES = st.sampled_from(["g.x:a", "g.x:b", "g.x:c"])
LATENCIES = st.lists(st.floats(0.0, 200.0), max_size=12).map(tuple)
SLICES = st.builds(slice_sample, BASES, LATENCIES)


@st.composite
def samples(draw: st.DrawFn) -> list[NodeSample]:
    """Samples of one second, one a node, each slice once a node."""
    made = []
    for node in draw(st.lists(st.sampled_from(["n-1", "n-2", "n-3", "n-4"]), unique=True)):
        slices = draw(st.lists(SLICES, max_size=3, unique_by=lambda one: one.base))
        hosts = draw(st.lists(st.integers(0, 5), max_size=4, unique=True))
        covered_s = draw(st.floats(0.9, 1.2))
        hosted = tuple(instance(f"g.x:{node[-1]}", n, cpu=n / 8) for n in hosts)
        made.append(node_sample(node, slices=tuple(slices), covered_s=covered_s, instances=hosted))
    return made


@given(samples(), st.randoms(use_true_random=False))
def test_the_order_in_which_nodes_report_says_nothing(told: list[NodeSample], dice: object) -> None:
    shuffled = list(told)
    dice.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis's own kind of random
    made = []
    for order in (told, shuffled):
        aggregation = Aggregation("n-1")
        for sample in order:
            aggregation.hear(sample, 0.0)
        made.append(aggregation.next(0.5))
    assert [one.sample.node for one in made[0].nodes] == sorted(one.node for one in told)
    assert made[0].instances == made[1].instances
    for one, other in zip(made[0].slices, made[1].slices, strict=True):
        assert one.rate == pytest.approx(other.rate)
        assert replace(one, rate=0, concurrency=0, retries=0) == replace(
            other, rate=0, concurrency=0, retries=0
        )


@given(samples())
def test_every_request_and_every_instance_counts_once(told: list[NodeSample]) -> None:
    aggregation = Aggregation("n-1")
    for sample in told:
        aggregation.hear(sample, 0.0)
    whole = aggregation.next(0.5)
    rates = sum(load.rate or 0.0 for load in whole.slices)
    expected = sum(one.requests / sample.covered_s for sample in told for one in sample.slices)
    assert rates == pytest.approx(expected)
    assert sum(load.instances for load in whole.slices) == sum(len(one.instances) for one in told)
    assert len(list(instances_of(whole))) == sum(len(one.instances) for one in told)


@given(samples())
def test_what_travels_arrives_as_it_was(told: list[NodeSample]) -> None:
    aggregation = Aggregation("n-1")
    for sample in told:
        assert decode_sample(encode_sample(sample)) == sample
        aggregation.hear(sample, 0.0)
    whole = aggregation.next(0.5)
    assert decode_aggregate(encode_aggregate(whole)) == whole


@given(st.lists(LATENCIES, min_size=1, max_size=25))
def test_a_window_is_the_histogram_of_its_last_seconds(seconds: list[tuple[float, ...]]) -> None:
    window = SliceWindow()
    for latencies in seconds:
        window.add([slice_sample("g.x:a", latencies)])
    whole = Histogram()
    for latencies in seconds[-PARTS:]:
        for one in latencies:
            whole.record(one)
    assert window.requests == whole.count
    shares = (0.5, 0.95, 0.99)
    assert window.quantiles(shares) == [whole.quantile(share) for share in shares]


@given(st.binary(max_size=200))
def test_bytes_of_nobody_are_refused_and_nothing_else_happens(data: bytes) -> None:
    for decode in (decode_sample, decode_aggregate):
        try:
            decode(data)
        except ValueError:
            continue


PAUSES = st.lists(st.tuples(st.floats(0.02, 30.0), st.floats(-1e6, 1e6)), min_size=1, max_size=150)


@given(PAUSES, st.integers(4, 60))
def test_courses_go_forward_hold_what_was_told_and_stay_in_bounds(
    told: list[tuple[float, float]], rows: int
) -> None:
    windows = Windows(lambda _: False, most_bytes=8 * rows)
    now = 50.0
    for pause_s, value in told:
        now += pause_s
        windows.add(now, [("node.cpu", "n-1", value)])
    values = {value for _, value in told}
    low, high = min(values), max(values)
    for step in (1, 10, 60):
        course = windows.course(("node.cpu", "n-1"), 7200, step)
        assert len(course) <= rows + 1
        assert all(later - second >= step for (second, _), (later, _) in pairwise(course))
        assert all(low - 1e-6 <= value <= high + 1e-6 for _, value in course)
        assert all(now - 7200 - step <= second <= now + 1 for second, _ in course)
    fine = windows.course(("node.cpu", "n-1"), 7200, 1)
    assert {value for _, value in fine} <= values
    assert fine[-1][1] == told[-1][1]
    assert windows.bytes <= 3 * 8 * rows


@given(st.lists(st.floats(0.3, 1.7), min_size=30, max_size=120))
def test_jitter_of_less_than_half_a_second_leaves_no_hole(offsets: list[float]) -> None:
    """News come once a second, each up to 0.42 s early or late."""
    windows = Windows(lambda _: False)
    for second, offset in enumerate(offsets):
        windows.add(100.0 + second + (offset - 1.0) * 0.6, [("node.cpu", "n-1", 1.0)])
    course = windows.course(("node.cpu", "n-1"), 7200, 1)
    assert all(later - second == 1 for (second, _), (later, _) in pairwise(course))
