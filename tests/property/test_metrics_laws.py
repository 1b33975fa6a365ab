"""Laws of aggregation and windows, whatever nodes tell and whenever."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from aether.core.metrics.aggregate import decode_aggregate, encode_aggregate, instances_of
from aether.core.metrics.aggregation import Aggregation
from aether.core.metrics.histogram import Histogram
from aether.core.metrics.samples import NodeSample, decode_sample, encode_sample
from aether.core.metrics.slice_window import PARTS, SliceWindow
from aether.core.metrics.windows import Block, Windows
from aether.core.metrics.work import Work, at_once
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


SentOn = tuple[Callable[[bytes], Any], Callable[[Any], bytes]]
SENT_ON: tuple[SentOn, ...] = (
    (decode_sample, encode_sample),
    (decode_aggregate, encode_aggregate),
)


@given(st.binary(max_size=200))
def test_bytes_of_nobody_are_refused_and_nothing_else_happens(data: bytes) -> None:
    for sent_on in SENT_ON:
        assert _means_the_same_again(sent_on, data) is not False


@given(samples(), st.data())
def test_bytes_that_were_changed_on_their_way_are_refused_or_say_what_they_say_again(
    told: list[NodeSample], data: st.DataObject
) -> None:
    aggregation = Aggregation("n-1")
    for sample in told:
        aggregation.hear(sample, 0.0)
    for packed in (*map(encode_sample, told), encode_aggregate(aggregation.next(0.5))):
        at = data.draw(st.integers(0, len(packed) - 1))
        changed = bytearray(packed)
        changed[at] = data.draw(st.integers(0, 255))
        assert any(_means_the_same_again(sent_on, packed) for sent_on in SENT_ON)
        for sent_on in SENT_ON:
            assert _means_the_same_again(sent_on, bytes(changed)) is not False
            assert _means_the_same_again(sent_on, packed[:at]) is not False


def _means_the_same_again(sent_on: SentOn, data: bytes) -> bool | None:
    """Whether bytes that are taken mean the same when they are sent on; None when they are refused."""
    decode, encode = sent_on
    try:
        told = decode(data)
    except ValueError:
        return None
    return bool(decode(encode(told)) == told)


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


METRICS = ("slice.rate", "slice.p95", "node.loop_lag")
SERIES = [(metric, subject) for metric in METRICS for subject in ("a", "b", "c", "d")]
FIGURES = st.one_of(st.none(), st.floats(-1e6, 1e6))
BLOCKS = st.one_of(
    st.tuples(st.just(METRICS[:2]), st.sampled_from("abcd"), st.tuples(FIGURES, FIGURES)),
    st.tuples(st.just(METRICS[2:]), st.sampled_from("abcd"), st.tuples(FIGURES)),
)
ROWS = st.lists(
    st.tuples(st.floats(0.5, 9.0), st.lists(BLOCKS, max_size=8, unique_by=lambda one: one[:2])),
    min_size=1,
    max_size=40,
)


def _windows(most_series: int = 7) -> Windows:
    return Windows(lambda metric: metric == "node.loop_lag", most_series=most_series)


def _all_of(windows: Windows) -> list[list[tuple[int, float]]]:
    return [windows.course(series, 7200, step) for series in SERIES for step in (1, 10, 60)]


@given(ROWS, st.integers(1, 20), st.data())
def test_a_row_made_piece_by_piece_is_the_row_made_at_once_and_not_seen_before(
    rows: Sequence[tuple[float, list[Block]]], most: int, data: st.DataObject
) -> None:
    """Some are given up in the middle: what is kept then is as though nobody had begun them."""
    whole, pieces, now = _windows(most), _windows(most), 100.0
    with small_pieces():
        for pause_s, blocks in rows:
            now += pause_s
            before, bytes_before = _all_of(pieces), pieces.bytes
            if data.draw(st.integers(0, 3)) == 0:
                _some_of(pieces.adding(now, blocks), data.draw(st.integers(0, 3)))
            work = pieces.adding(now, blocks)
            while (keep := _next(work)) is None:
                assert (_all_of(pieces), pieces.bytes) == (before, bytes_before)
            assert keep() == at_once(whole.adding(now, blocks))()
            assert _all_of(pieces) == _all_of(whole)
            assert pieces.bytes == whole.bytes


@given(ROWS)
def test_values_side_by_side_are_kept_as_values_one_by_one(
    rows: Sequence[tuple[float, list[Block]]],
) -> None:
    together, alone, now = _windows(50), _windows(50), 100.0
    for pause_s, blocks in rows:
        now += pause_s
        at_once(together.adding(now, blocks))()
        alone.add(
            now,
            [
                (metric, subject, value)
                for metrics, subject, figures in blocks
                for metric, value in zip(metrics, figures, strict=True)
                if value is not None
            ],
        )
    assert _all_of(together) == _all_of(alone)


@contextmanager
def small_pieces() -> Iterator[None]:
    """Have windows pause after each block and each series."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aether.core.metrics.windows._BLOCKS", 1)
        patch.setattr("aether.core.metrics.windows._SERIES", 1)
        yield


def _next(work: Work[Callable[[], int]]) -> Callable[[], int] | None:
    """Go on to the next pause; return the result when that was the last."""
    try:
        next(work)
    except StopIteration as done:
        result: Callable[[], int] = done.value
        return result
    return None


def _some_of(work: Work[Callable[[], int]], pauses: int) -> None:
    for _ in range(pauses):
        if _next(work) is not None:
            return
    work.close()
