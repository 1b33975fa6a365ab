import pytest

from aether.core.metrics.rings import SPAN_S
from aether.core.metrics.windows import MOST_BYTES, MOST_SERIES, Windows
from aether.core.metrics.work import at_once

CPU, LAG = ("node.cpu", "n-1"), ("node.loop_lag", "n-1")


def windows(most_bytes: int = MOST_BYTES, most_series: int = MOST_SERIES) -> Windows:
    return Windows(
        lambda metric: metric == "node.loop_lag", most_bytes=most_bytes, most_series=most_series
    )


def fill(made: Windows, seconds: range, late_s: float = 0.3) -> None:
    for second in seconds:
        made.add(second + late_s, [(*CPU, float(second)), (*LAG, float(second % 10))])


def test_each_second_is_kept_where_it_belongs() -> None:
    made = windows()
    fill(made, range(100, 110))
    assert made.course(CPU, 5, 1) == [(second, float(second)) for second in range(105, 110)]


def test_tens_of_seconds_are_means_or_the_worst() -> None:
    made = windows()
    fill(made, range(100, 131))
    assert made.course(CPU, 60, 10) == [(100, 104.5), (110, 114.5), (120, 124.5), (130, 130.0)]
    assert made.course(LAG, 60, 10) == [(100, 9.0), (110, 9.0), (120, 9.0), (130, 0.0)]


def test_minutes_are_made_of_tens() -> None:
    made = windows()
    fill(made, range(120, 245))
    assert made.course(CPU, 300, 60) == [(120, 149.5), (180, 209.5), (240, 242.0)]


def test_jitter_makes_no_holes_and_a_pause_makes_one() -> None:
    made = windows()
    for now in (100.4, 101.9, 102.1, 103.6, 104.2, 108.4, 109.4):
        made.add(now, [(*CPU, now)])
    assert [second for second, _ in made.course(CPU, 60, 1)] == [100, 101, 102, 103, 104, 108, 109]


def test_news_that_come_too_fast_replace_the_newest() -> None:
    made = windows()
    for now in (100.0, 100.05, 100.2, 100.3):
        made.add(now, [(*CPU, now)])
    assert made.course(CPU, 60, 1) == [(100, 100.05), (101, 100.3)]


def test_two_hours_are_kept_and_no_more() -> None:
    made = windows()
    fill(made, range(SPAN_S + 50))
    for step, most in ((1, SPAN_S), (10, SPAN_S // 10 + 1), (60, SPAN_S // 60 + 1)):
        course = made.course(CPU, 2 * SPAN_S, step)
        assert most - 2 <= len(course) <= most
        assert course[-1][0] >= SPAN_S + 50 - step


def test_rows_of_a_second_give_way_to_the_bound_and_coarse_ones_stay() -> None:
    made = windows(most_bytes=100 * 2 * 8)
    fill(made, range(1000))
    assert made.bytes < 3 * 100 * 2 * 8
    assert len(made.course(CPU, SPAN_S, 1)) == 100
    assert len(made.course(CPU, SPAN_S, 10)) == 100


def test_a_series_that_pauses_has_a_hole() -> None:
    made = windows()
    made.add(1.0, [(*CPU, 1.0)])
    made.add(2.0, [])
    made.add(3.0, [(*CPU, 3.0), (*LAG, 5.0)])
    assert made.course(CPU, 60, 1) == [(1, 1.0), (3, 3.0)]
    assert made.course(LAG, 60, 1) == [(3, 5.0)]
    assert made.course(("node.cpu", "n-9"), 60, 1) == []


def test_series_that_are_gone_make_room_after_two_hours() -> None:
    made = windows(most_series=1)
    made.add(1.0, [(*CPU, 1.0)])
    made.add(2.0, [(*LAG, 1.0)])
    assert made.refused == 1
    later = 2.0 * SPAN_S
    made.add(later, [(*LAG, 7.0)])
    assert made.course(LAG, 60, 1) == [(int(later), 7.0)]
    assert made.course(CPU, SPAN_S, 1) == []


def test_a_step_there_is_not_is_refused() -> None:
    made = windows()
    fill(made, range(3))
    with pytest.raises(ValueError, match="none of"):
        made.course(CPU, 60, 5)


def test_what_is_measured_of_one_thing_has_places_side_by_side_and_goes_together() -> None:
    made = windows(most_series=3)
    slice_metrics = ("slice.rate", "slice.p50")
    blocks = [(slice_metrics, "a", (1.0, None)), (("node.cpu",), "n-1", (0.5,))]
    at_once(made.adding(1.0, blocks))()
    assert made.course(("slice.rate", "a"), 60, 1) == [(1, 1.0)]
    assert made.course(("slice.p50", "a"), 60, 1) == []
    assert made.bytes == 3 * 8
    at_once(made.adding(2.0, [(slice_metrics, "b", (7.0, None))]))()
    assert (made.refused, made.course(("slice.rate", "b"), 60, 1)) == (1, [])
    later = 2.0 * SPAN_S
    at_once(made.adding(later, [(slice_metrics, "b", (7.0, 8.0))]))()
    assert made.course(("slice.p50", "b"), 60, 1) == [(int(later), 8.0)]
    assert made.course(("slice.rate", "a"), SPAN_S, 1) == []


def test_a_reader_sees_the_second_before_until_the_whole_row_is_kept() -> None:
    made = windows()
    fill(made, range(100, 110))
    work = made.adding(110.3, [((CPU[0],), CPU[1], (110.0,)), ((LAG[0],), LAG[1], (99.0,))])
    for _ in range(2):
        next(work)
        assert made.second == 109
        assert made.course(CPU, 2, 1) == [(108, 108.0), (109, 109.0)]
        assert made.course(LAG, 60, 10) == [(100, 9.0)], "made of what is there"
    at_once(work)()
    assert made.course(CPU, 2, 1)[-1] == (110, 110.0)
    assert made.course(LAG, 60, 10) == [(100, 9.0), (110, 99.0)]
