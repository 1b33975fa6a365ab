"""Forecasters that are broken on purpose lose trust, and trust alone keeps them from acting."""

import pytest

from aether_forge.scaling.broken import Garbage, Low, Stuck, times
from aether_forge.scaling.foresight import Foresight, Model
from tests.unit.forge_scaling.test_foresight import Knowing

RATES = [500.0 + 5.0 * (step % 40) for step in range(400)]


class Following(Knowing):
    """Forecasts the last value."""

    def predict_now(self, histories, step_s):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - as its parent
        return [[(history[-1] * 0.9, *(history[-1],) * 3)] * 15 for history in histories]


@pytest.mark.parametrize("broken", [Garbage, Stuck, Low])
def test_trust_is_lost_or_never_gained(broken: type[Garbage | Stuck | Low]) -> None:
    model: Model = broken(Following(0.0))
    foresight = Foresight(model, 60.0)
    foresight.looked_back(RATES, 0.0)
    assert foresight.trust.scored > 300
    assert not foresight.trust.trusted


def test_garbage_is_the_same_each_time() -> None:
    once, again = (Garbage(Knowing(100.0)).predict_now([[1.0] * 9] * 4, 60.0) for _ in range(2))
    assert once == again
    assert len({rows[0][1] for rows in once if rows is not None}) == 4


def test_no_forecast_stays_none() -> None:
    assert times(None, 2.0) is None
    assert Stuck(Knowing(1.0)).predict_now([[1.0]], 60.0) == [None]
