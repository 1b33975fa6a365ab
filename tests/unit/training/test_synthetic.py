import numpy as np

from aether_forge.training import synthetic, tracks


def test_series_are_finite_never_negative_and_of_one_length() -> None:
    dice = np.random.default_rng(7)
    for _ in range(60):
        values = synthetic.make(dice)
        assert values.size == synthetic.LENGTH
        assert np.isfinite(values).all()
        assert (values >= 0).all()
        assert 0.05 < values.mean() < 50


def test_equal_seeds_make_equal_windows() -> None:
    one, two = (tracks.made(5, 3).draw(np.random.default_rng(1), 8) for _ in range(2))
    assert np.array_equal(one.target, two.target)
    other = tracks.made(6, 3).draw(np.random.default_rng(1), 8)
    assert not np.array_equal(one.target, other.target)
