"""Ejection by example; the laws are in tests/property/test_ejection_laws.py."""

from aether.core.dataplane.ejection import (
    ERRORS_IN_A_ROW,
    FEWEST_REQUESTS,
    FIRST_EJECTION_S,
    LONGEST_EJECTION_S,
    WINDOW_S,
    Record,
    is_worse,
    most_ejected,
)


def record(good: int, bad: int, now: float = 0.0) -> Record:
    made = Record()
    for _ in range(bad):
        made.bad(now)
    for _ in range(good):
        made.good(now)
    return made


def test_errors_in_a_row_make_suspect_and_a_good_answer_clears() -> None:
    made = record(0, ERRORS_IN_A_ROW - 1)
    assert not made.is_suspect(0.0)
    made.bad(0.0)
    assert made.is_suspect(0.0)
    made.good(0.0)
    assert not made.is_suspect(0.0)


def test_a_high_rate_makes_suspect_once_there_are_enough_requests() -> None:
    assert record(FEWEST_REQUESTS // 2, FEWEST_REQUESTS // 2).is_suspect(0.0)
    assert not record(FEWEST_REQUESTS // 2 - 1, FEWEST_REQUESTS // 2).is_suspect(0.0)
    assert not record(FEWEST_REQUESTS, FEWEST_REQUESTS - 1).is_suspect(0.0)


def test_the_window_forgets() -> None:
    made = record(10, 30)
    assert made.counts(WINDOW_S / 2) == (40, 30)
    made.good(WINDOW_S / 2)
    assert made.counts(WINDOW_S - 0.1) == (41, 30)
    assert made.counts(WINDOW_S + 0.1) == (1, 0)
    assert made.counts(5 * WINDOW_S) == (0, 0)


def test_each_ejection_lasts_twice_as_long_up_to_the_longest() -> None:
    made, now, lasted = Record(), 1000.0, []
    for _ in range(6):
        lasted.append(made.eject(now))
        assert made.is_ejected(now)
        now = made.until
        assert not made.is_ejected(now)
    assert lasted == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert (lasted[0], lasted[-1]) == (FIRST_EJECTION_S, LONGEST_EJECTION_S)
    assert made.eject(now + WINDOW_S) == FIRST_EJECTION_S


def test_an_ejection_begins_a_new_window() -> None:
    made = record(0, 50)
    made.eject(0.0)
    assert made.counts(0.0) == (0, 0)
    assert not made.is_suspect(0.0)


def test_released_is_back_at_once() -> None:
    made = Record()
    made.eject(10.0)
    made.release(10.1)
    assert not made.is_ejected(10.1)
    made.release(99.0)
    assert made.until == 10.1


def test_half_rounded_down_may_be_away() -> None:
    assert [most_ejected(size) for size in range(6)] == [0, 0, 1, 1, 2, 2]


def test_worse_is_twice_the_rate_of_the_others() -> None:
    bad = record(10, 10)
    assert is_worse(bad, [record(30, 10)], 0.0)
    assert not is_worse(bad, [record(20, 10)], 0.0)
    assert is_worse(bad, [record(100, 0), record(1, 9)], 0.0)
    assert is_worse(bad, [Record()], 0.0)
