import math

import pytest

from aether.forecast import history as histories
from aether.forecast.history import RateHistory


def noted(history: RateHistory, wall: float, seconds: int, rate: float = 5.0) -> None:
    for second in range(seconds):
        history.note(wall + second, [("g:a", rate)])


def test_a_step_ends_when_the_next_begins_and_holds_the_mean() -> None:
    history = RateHistory(60.0)
    assert not history.note(600.0, [("g:a", 1.0)])
    for second in range(1, 60):
        assert not history.note(600.0 + second, [("g:a", 1.0 + second % 2)])
    assert history.note(660.0, [("g:a", 9.0)])
    assert list(history.course("g:a")) == pytest.approx([1.5])
    assert history.ended_at == 660.0


def test_a_step_with_too_few_readings_is_a_gap() -> None:
    history = RateHistory(60.0)
    noted(history, 600.0, 15)
    noted(history, 660.0, 14)
    history.note(720.0, [])
    first, second = history.course("g:a")
    assert first == 5.0
    assert math.isnan(second)


def test_steps_nobody_saw_are_gaps() -> None:
    history = RateHistory(10.0)
    noted(history, 1000.0, 5)
    noted(history, 1040.0, 5)
    history.note(1050.0, [])
    course = history.course("g:a")
    assert [math.isnan(value) for value in course] == [False, True, True, True, False]


def test_rates_unknown_or_no_number_are_no_readings_and_negative_ones_zero() -> None:
    history = RateHistory(1.0)
    history.note(5.0, [("g:a", None), ("g:b", math.nan), ("g:c", -3.0)])
    history.note(6.0, [])
    assert list(history.courses()) == ["g:c"]
    assert list(history.course("g:c")) == [0.0]


def test_a_day_and_two_hours_are_kept_and_a_slice_that_was_silent_so_long_is_forgotten() -> None:
    history = RateHistory(600.0)
    noted(history, 0.0, 600)
    most = 26 * 6
    for step in range(1, most):
        history.note(600.0 * step, [])
    assert len(history.course("g:a")) == most - 1
    history.note(600.0 * (most + 1), [("g:b", 1.0)])
    assert len(history.course("g:a")) == 0
    assert history.courses() == {}


def test_no_more_slices_are_kept_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "MOST_SLICES", 3)
    history = RateHistory(1.0)
    history.note(1.0, [(f"g:s{number}", 1.0) for number in range(5)])
    history.note(2.0, [])
    assert list(history.courses()) == ["g:s0", "g:s1", "g:s2"]
    assert history.left_out == 2


@pytest.mark.parametrize(
    ("step_s", "wall", "message"),
    [(30.0, 1000.0, "steps of 60"), (60.0, 10.0, "now it is 0")],
)
def test_a_history_of_other_steps_or_of_the_future_is_refused(
    step_s: float, wall: float, message: str
) -> None:
    history = RateHistory(60.0)
    noted(history, 600.0, 61)
    with pytest.raises(ValueError, match=message):
        RateHistory(step_s).restore(history.to_bytes(), wall)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"nonsense" * 10])
def test_bytes_that_are_no_history_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the decoder says
        RateHistory(60.0).restore(data, 1000.0)


def test_nothing_is_taken_over_once_something_was_noted() -> None:
    history = RateHistory(60.0)
    noted(history, 600.0, 61)
    with pytest.raises(ValueError, match="noted already"):
        history.restore(history.to_bytes(), 700.0)


def test_sixty_four_slices_take_half_a_megabyte_at_most() -> None:
    history = RateHistory(60.0)
    for step in range(26 * 60 + 5):
        for second in range(15):
            history.note(60.0 * step + second, [(f"g:s{n}", 1.0) for n in range(2)])
    assert len(history.to_bytes()) * 32 < 512 * 1024


def test_of_a_history_that_is_broken_half_way_nothing_is_taken_over() -> None:
    history = RateHistory(60.0)
    for second in range(60):
        history.note(600.0 + second, [("g:a", 5.0), ("g:b", 5.0)])
    history.note(660.0, [])
    history._courses["g:b"].values[0] = -1.0
    taken = RateHistory(60.0)
    with pytest.raises(ValueError, match="g:b has a rate below 0"):
        taken.restore(history.to_bytes(), 700.0)
    assert (taken.courses(), taken.ended_at) == ({}, None)
