"""Maxima of a sliding window."""

from hypothesis import given
from hypothesis import strategies as st

from aether.core.scaling.window import GRAIN_S, Maxima, largest, pushed


@given(st.lists(st.tuples(st.integers(1, 20), st.floats(0.0, 100.0)), min_size=1, max_size=60))
def test_the_largest_of_a_window_is_that_of_all_its_values(steps: list[tuple[int, float]]) -> None:
    maxima: Maxima = ()
    at, told = 0.0, []
    for past, value in steps:
        at += past
        told.append((at - at % GRAIN_S, value))
        maxima = pushed(maxima, at, value, 60.0)
        for span in (20.0, 40.0, 60.0):
            kept = [value for moment, value in told if moment >= at - span]
            assert largest(maxima, at - span) == max(kept, default=0.0)
        assert len(maxima) <= 60.0 / GRAIN_S + 1


def test_an_empty_window_has_nothing() -> None:
    assert largest((), 0.0) == 0.0


def test_what_is_too_old_is_forgotten_though_nothing_larger_came() -> None:
    maxima = pushed(pushed((), 0.0, 9.0, 60.0), 100.0, 1.0, 60.0)
    assert maxima == ((100.0, 1.0),)
