"""Plans at work."""

import pytest

from aether.core.scaling.forecast import STEPS, Forecast
from aether.core.scaling.plans import (
    HEADROOMS,
    NO_FORECAST,
    PAST,
    QUANTILES,
    SPANS_S,
    USUAL,
    Plan,
    forecast_bases,
    from_forecast,
    from_past,
    past_bases,
    serves,
)

LOADS = ((0.0, 900.0), (800.0, 500.0), (950.0, 300.0))
ROWS = ((80.0, 100.0, 150.0, 200.0), (90.0, 110.0, 160.0, 210.0)) + ((1.0, 2.0, 3.0, 4.0),) * (
    STEPS - 2
)


def test_bases_of_the_past_are_the_largest_of_their_spans() -> None:
    assert past_bases(LOADS, 1000.0) == (300.0, 300.0, 300.0, 500.0, 500.0, 900.0)


def test_a_plan_on_the_past_multiplies_its_basis_up_to_the_cap() -> None:
    plan = from_past(USUAL, LOADS, 1000.0, 10_000.0)
    assert plan.rate == pytest.approx(500.0 * HEADROOMS[USUAL.headroom])
    assert (plan.span_s, plan.quantile, plan.capped) == (300.0, "", False)
    cut = from_past(USUAL, LOADS, 1000.0, 550.0)
    assert (cut.rate, cut.capped) == (550.0, True)


def test_a_plan_on_the_forecast_takes_the_rows_until_instances_serve() -> None:
    forecast = Forecast(1000.0, 60.0, ROWS)
    assert forecast_bases(forecast, 1001.0, 30.0) == (110.0, 160.0, 210.0)
    assert forecast_bases(forecast, 1200.0, 30.0) == NO_FORECAST
    assert forecast_bases(None, 1001.0, 30.0) == NO_FORECAST
    plan = from_forecast(Plan(PAST + 1, 0), forecast, 30.0, 10_000.0)
    assert (plan.rate, plan.quantile) == (160.0, "p90")


def test_few_instances_can_be_used_less_than_many() -> None:
    shares = [serves(instances) for instances in (1, 2, 10, 25, 100)]
    assert shares == sorted(shares)
    assert 0.85 < serves(2) < 0.87
    assert serves(25) == pytest.approx(0.96)
    assert len(SPANS_S) == PAST
    assert len(QUANTILES) == 3
