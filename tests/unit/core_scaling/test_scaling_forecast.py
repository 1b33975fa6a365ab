"""Forecasts: how long they count, and what they say of the next minutes."""

import pytest

from aether.core.scaling.forecast import STEPS, Forecast


def rising() -> Forecast:
    rows = tuple((10.0 * n, 10.0 * n + 5.0, 10.0 * n + 9.0, 10.0 * n + 20.0) for n in range(STEPS))
    return Forecast(1000.0, 60.0, rows)


@pytest.mark.parametrize(
    ("at", "fresh"), [(999.0, False), (1000.0, True), (1120.0, True), (1121.0, False)]
)
def test_a_forecast_counts_for_two_steps(at: float, fresh: bool) -> None:
    assert rising().fresh(at) is fresh


@pytest.mark.parametrize(("lead", "steps"), [(10.0, 2), (35.0, 2), (65.0, 3), (5000.0, STEPS)])
def test_the_highest_until_new_instances_serve(lead: float, steps: int) -> None:
    assert rising().highest(2, lead) == 10.0 * (steps - 1) + 9.0


def test_the_upper_edge_widens_with_the_width() -> None:
    wide = Forecast(0.0, 60.0, ((0.0, 10.0, 20.0, 40.0),) * STEPS, width=2.0)
    assert wide.peak(0.0, 100.0) == 30.0
    assert rising().peak(60.0, 130.0) == 29.0
    assert rising().peak(0.0, 1e9) == 10.0 * (STEPS - 1) + 9.0
