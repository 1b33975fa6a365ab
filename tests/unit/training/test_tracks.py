import numpy as np

from aether_forge.training.series import Series
from aether_forge.training.tracks import recorded


def series(step_s: float, values: np.ndarray) -> Series:
    return Series("a", step_s, values, "MIT", "", "0" * 64)


def test_only_the_first_part_of_a_series_is_drawn_from() -> None:
    values = np.concatenate([np.ones(7000), np.full(3000, 1e6)])
    batch = recorded([series(60.0, values)]).draw(np.random.default_rng(1), 500)
    assert batch.target.max() < 100
    assert all(one.max() < 100 for one in batch.inputs.values())


def test_series_of_seconds_are_taken_as_means() -> None:
    values = np.tile([0.0, 2.0], 5000)
    batch = recorded([series(1.0, values)]).draw(np.random.default_rng(1), 200)
    assert np.median(np.abs(batch.target - 1)) < 0.7
