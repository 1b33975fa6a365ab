"""Seeded numbers: the same for the same seed, and spread evenly enough to balance by."""

from collections import Counter

from aether.core.dataplane.draws import Draws


def test_equal_seeds_draw_equal_numbers_and_others_others() -> None:
    one, same, other = Draws(1), Draws(1), Draws(2)
    drawn = [one.below(1000) for _ in range(20)]
    assert drawn == [same.below(1000) for _ in range(20)]
    assert drawn != [other.below(1000) for _ in range(20)]


def test_draws_are_even_and_successive_ones_do_not_hang_together() -> None:
    draws = Draws(5)
    pairs = Counter((draws.below(7), draws.below(7)) for _ in range(49_000))
    assert len(pairs) == 49
    # 1,000 expected of each; chi-square of 48 degrees of freedom is below 85 in 999 of 1,000 cases
    assert sum((count - 1000) ** 2 / 1000 for count in pairs.values()) < 85


def test_numbers_of_neighbouring_seeds_are_far_apart() -> None:
    first = {Draws(seed).below(1_000_000) // 100_000 for seed in range(100)}
    assert len(first) == 10


def test_unit_lies_in_its_range() -> None:
    draws = Draws(-1)
    drawn = [draws.unit() for _ in range(1000)]
    assert 0.0 <= min(drawn) < 0.01
    assert 0.99 < max(drawn) < 1.0
