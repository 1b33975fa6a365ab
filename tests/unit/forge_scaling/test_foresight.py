"""Forecasts of one simulated pool."""

from collections.abc import Sequence

from aether_forge.scaling.foresight import LOOKS_BACK, Foresight, Rows


class Knowing:
    """Forecasts one rate for ever; nothing for histories of less than three steps."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.asked: list[int] = []

    def predict_now(self, histories: Sequence[Sequence[float]], step_s: float) -> list[Rows | None]:
        self.asked += [len(history) for history in histories]
        row = (self.rate * 0.9, self.rate, self.rate, self.rate)
        return [[row] * 15 if len(history) >= 3 else None for history in histories]


def test_the_past_is_forecast_again_so_that_trust_need_not_begin_anew() -> None:
    foresight = Foresight(Knowing(500.0), 60.0)
    made = foresight.looked_back([400.0, 400.0, 600.0, 600.0] * 25, 6000.0)
    assert len(made) == 100
    assert made[:2] == [None, None]
    last = made[-1]
    assert last is not None
    assert (last.made_at, last.trusted) == (6000.0, True)
    assert foresight.trust.scored > 30


def test_a_long_past_is_not_forecast_in_full() -> None:
    model = Knowing(500.0)
    made = Foresight(model, 60.0).looked_back([500.0] * 3000, 0.0)
    assert len(made) == 3000
    assert len(model.asked) == LOOKS_BACK
    assert max(model.asked) == 1560


def test_each_step_adds_to_what_the_next_forecast_is_made_from() -> None:
    model = Knowing(500.0)
    foresight = Foresight(model, 60.0)
    assert foresight.looked_back([], 0.0) == []
    told = [foresight.stepped(500.0, 60.0 * step) for step in range(1, 5)]
    assert [forecast is None for forecast in told] == [True, True, False, False]
    assert model.asked == [1, 2, 3, 4]
