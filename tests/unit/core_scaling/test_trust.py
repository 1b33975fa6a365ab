"""Trust: earned by thirty good forecasts, lost by bad ones, regained below a stricter bound."""

import random

import pytest

from aether.core.scaling.forecast import Quantiles
from aether.core.scaling.trust import NARROWEST, TrustState, skipped, stepped


def rows(*middles: float, half: float = 10.0) -> tuple[Quantiles, ...]:
    return tuple((m - half, m, m + half, m + 2 * half) for m in middles)


def lived(state: TrustState, steps: int, factor: float = 1.0, start: int = 0) -> TrustState:
    """A load that rises by 10 a step; forecasts of it times a factor."""
    for step in range(start, start + steps):
        now = 1000.0 + 10.0 * step
        state = stepped(state, now, rows((now + 10.0) * factor, (now + 20.0) * factor))
    return state


def test_trust_takes_thirty_scored_forecasts() -> None:
    assert not lived(TrustState(), 31).trusted
    state = lived(TrustState(), 32)
    assert state.scored == 30
    assert state.trusted
    assert state.ratio == pytest.approx(0.0)


def test_bad_forecasts_lose_trust_and_good_ones_regain_it() -> None:
    good = lived(TrustState(), 60)
    bad = lived(good, 40, factor=0.4, start=60)
    assert not bad.trusted
    assert bad.lost == 1
    assert lived(bad, 2, start=100).trusted is False
    regained = lived(bad, 400, start=100)
    assert regained.trusted
    assert regained.ratio is not None
    assert regained.ratio < 0.9


def test_width_and_coverage_follow_how_often_the_edge_is_exceeded() -> None:
    dice = random.Random(3)
    narrow, wide = TrustState(), TrustState()
    for _ in range(1500):
        actual = dice.gauss(1000.0, 50.0)
        narrow = stepped(narrow, actual, rows(1000.0, 1000.0, half=20.0))
        wide = stepped(wide, actual, rows(1000.0, 1000.0, half=500.0))
    assert narrow.width > 1.8
    assert narrow.coverage < 0.8
    assert wide.width == NARROWEST
    assert wide.coverage == pytest.approx(1.0)


def test_steps_without_forecasts_or_figures_are_not_scored() -> None:
    state = TrustState()
    for _ in range(50):
        state = stepped(state, 100.0, None)
    assert state.scored == 0
    assert state.ratio is None
    made = stepped(state, 100.0, rows(100.0, 100.0))
    assert skipped(made).pending == ()
    after = stepped(stepped(skipped(made), 500.0, None), 500.0, None)
    assert after.scored == 0


def test_a_constant_load_is_trusted_when_forecast_exactly_and_not_otherwise() -> None:
    exact, off = TrustState(), TrustState()
    for _ in range(40):
        exact = stepped(exact, 100.0, rows(100.0, 100.0))
        off = stepped(off, 100.0, rows(101.0, 101.0))
    assert (exact.trusted, off.trusted) == (True, False)
    assert (exact.ratio, off.ratio) == (0.0, 1.0)
