import math

import numpy as np

from aether.forecast.inputs import build
from aether.forecast.shape import COARSE, DAY, DAY_BEFORE, FINE

GAP = math.nan


def test_the_newest_steps_stand_last() -> None:
    inputs = build([[1.0, 2.0, 3.0]], 60.0)
    assert inputs["fine"][0, -4:].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert inputs["fine_ok"][0, -4:].tolist() == [0.0, 1.0, 1.0, 1.0]


def test_a_gap_is_masked_and_holds_the_value_before_it_as_an_anchor() -> None:
    inputs = build([[GAP, 5.0, GAP]], 60.0)
    assert inputs["fine"][0, -3:].tolist() == [0.0, 5.0, 5.0]
    assert inputs["fine_ok"][0, -3:].tolist() == [0.0, 1.0, 0.0]


def test_coarse_means_end_with_the_newest_step_and_leave_gaps_out() -> None:
    past = [100.0] * 3 + [1.0] * 10 + [2.0] * 5 + [GAP] * 5
    inputs = build([past], 60.0)
    assert inputs["coarse"][0, -2:].tolist() == [1.0, 2.0]
    assert inputs["coarse_ok"][0].sum() == 2
    assert inputs["coarse"].shape == (1, COARSE)


def test_yesterday_is_the_same_time_of_day() -> None:
    past = [float(minute) for minute in range(3000)]
    inputs = build([past], 60.0)
    assert inputs["day_ok"][0, 0] == 1
    assert inputs["day"][0, DAY_BEFORE] == 3000 - 1440
    assert inputs["day"].shape == (1, DAY)


def test_without_a_whole_yesterday_there_is_none() -> None:
    for past in ([1.0] * 1455, [GAP] * 20 + [1.0] * 1440, [1.0] * 600):
        assert build([past], 60.0)["day_ok"][0, 0] == 0


def test_negative_rates_and_infinities_count_for_nothing() -> None:
    inputs = build([[-4.0, math.inf, 3.0]], 60.0)
    assert inputs["fine"][0, -3:].tolist() == [0.0, 0.0, 3.0]
    assert inputs["fine_ok"][0, -3:].tolist() == [1.0, 0.0, 1.0]


def test_nothing_known_gives_inputs_of_zeros() -> None:
    inputs = build([[], [GAP] * FINE], 60.0)
    assert all(not np.any(values) for values in inputs.values())
