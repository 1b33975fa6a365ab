import numpy as np
import pytest

from aether.forecast.inputs import build
from aether.forecast.shape import HORIZON, INPUTS
from aether_forge.training.windows import Chances, Track, Windows

PLAIN = Chances(short=0, no_day=0, wrong_day=0, mixed=0, noisy=0)


def rising(size: int = 3000) -> Track:
    """A series whose values tell their place: value n stands at place n, before it is scaled."""
    return Track(np.arange(1.0, size + 1), 1440, 1.0)


def test_a_window_is_what_the_inputs_of_its_history_are() -> None:
    track = rising()
    mean = track.values.mean()
    batch = Windows([track], PLAIN).draw(np.random.default_rng(1), 50)
    for row in range(50):
        origin = round(float(batch.target[row, 0]) * mean) - 1
        expected = build([(track.values[:origin] / mean).tolist()], 60.0)
        for name in INPUTS:
            assert np.allclose(batch.inputs[name][row], expected[name][0], rtol=1e-4), (
                name,
                origin,
            )


def test_nothing_of_the_future_is_shown() -> None:
    batch = Windows([rising()], Chances(mixed=0, noisy=0)).draw(np.random.default_rng(2), 400)
    for name in ("fine", "coarse", "day"):
        assert (batch.inputs[name].max(axis=1) < batch.target[:, 0]).all(), name


def test_equal_dice_draw_equal_batches() -> None:
    windows = Windows([rising(), rising(600)])
    one, two = (windows.draw(np.random.default_rng(3), 64) for _ in range(2))
    for name in INPUTS:
        assert np.array_equal(one.inputs[name], two.inputs[name])
    assert np.array_equal(one.target, two.target)


def test_what_is_masked_is_zero_and_some_windows_are_short() -> None:
    batch = Windows([rising()]).draw(np.random.default_rng(4), 400)
    for name in ("fine", "coarse"):
        assert not batch.inputs[name][batch.inputs[f"{name}_ok"] == 0].any()
    assert 0.15 < (batch.inputs["coarse_ok"].sum(axis=1) < 48).mean() < 0.6
    assert 0.2 < (batch.inputs["day_ok"] == 0).mean() < 0.8
    assert batch.target.shape == (400, HORIZON)


def test_a_series_too_short_for_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 46 steps"):
        Windows([Track(np.ones(45), 0, 1.0)])
