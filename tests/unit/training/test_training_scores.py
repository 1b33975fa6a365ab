import numpy as np
import pytest

from aether.forecast.inputs import Inputs
from aether.forecast.shape import HORIZON, QUANTILES
from aether_forge.training.scores import Answer, geometric, mean_coverage, score, scored_form, table
from aether_forge.training.series import Series

DICE = np.random.default_rng(1)
WALK = np.abs(np.cumsum(DICE.normal(size=4000))) + 10


def series(values: np.ndarray, step_s: float = 60.0) -> Series:
    return Series("walk", step_s, values, "MIT", "", "0" * 64)


def last_value(inputs: Inputs) -> Answer:
    return np.repeat(inputs["fine"][:, -1:, None], HORIZON, axis=1).repeat(len(QUANTILES), axis=2)


def test_the_last_value_scores_one() -> None:
    found = score(series(WALK), last_value)
    assert found is not None
    for ahead, ratio in found.mae.items():
        assert ratio == pytest.approx(1.0, abs=1e-4), ahead
    assert 0.3 < found.coverage90[5] < 0.7


def test_a_better_forecast_scores_less_and_only_the_last_part_is_scored() -> None:
    noisy = 100 + DICE.normal(size=4000)
    noisy[:2500] = 1e6

    def mean(inputs: Inputs) -> Answer:
        return last_value(inputs) * 0 + np.float32(100.0)

    found = score(series(noisy), mean)
    assert found is not None
    assert found.mae[5] == pytest.approx(2**-0.5, abs=0.05)


def test_too_short_a_series_is_not_scored_and_seconds_are_scored_as_tens() -> None:
    assert score(series(np.ones(150)), last_value) is None
    values, step_s = scored_form(series(np.arange(100.0), step_s=1.0))
    assert (values.size, step_s) == (10, 10.0)


def test_means_are_geometric_for_ratios_and_shown_last() -> None:
    found = score(series(WALK), last_value)
    assert found is not None
    assert geometric([found, found], "mae", 5) == pytest.approx(found.mae[5])
    assert mean_coverage([found], 5) == found.coverage90[5]
    assert table([found])[-1].startswith("geometric mean")
