"""Scaling and forecasts as the exposition hears of them."""

from types import SimpleNamespace
from typing import cast

from aether.control.scaling import ScalingLoop
from aether.core.model.ids import SliceBase
from aether.core.scaling.forecast import Forecast
from aether.core.scaling.trust import TrustState
from aether.forecast.service import ForecastService
from aether.node.told_of_leader import forecast_seen, scaling_seen

B, C = SliceBase("a:b"), SliceBase("a:c")


def judged(utilisation: float | None, held: str) -> SimpleNamespace:
    return SimpleNamespace(
        looked=SimpleNamespace(
            seen=SimpleNamespace(utilisation=utilisation), bounds=SimpleNamespace(held=held)
        ),
        decision=SimpleNamespace(wanted=2, asked=SimpleNamespace(capacity=9.5)),
    )


def test_slices_in_order_with_what_is_known() -> None:
    loop = SimpleNamespace(
        judged={C: judged(None, "a roll-out runs"), B: judged(0.5, "")},
        decisions=SimpleNamespace(next_number=4),
    )
    seen = scaling_seen(cast("ScalingLoop", loop))
    first, second = seen.slices
    assert (first.slice, first.utilisation, first.capacity, first.held) == ("a:b", 0.5, 9.5, False)
    assert (second.slice, second.utilisation, second.held) == ("a:c", None, True)
    assert seen.decisions == 3


def service(**more: object) -> ForecastService:
    fields: dict[str, object] = {
        "forecaster": None, "problem": "", "trust": {}, "forecasts": dict, "age_of": lambda _: 3.0,
    }  # fmt: skip
    return cast("ForecastService", SimpleNamespace(**{**fields, **more}))


def test_a_service_that_has_made_nothing_yet() -> None:
    seen = forecast_seen(service(problem="no model"))
    assert (seen.ready, list(seen.slices), seen.batches) == (False, [], ())


def test_the_end_of_the_horizon_and_the_trust_are_told() -> None:
    made = Forecast(1.0, 60.0, ((1.0, 2.0, 3.0, 4.0), (5.0, 6.0, 7.0, 8.0)))
    counts = SimpleNamespace(batches=5, late=1, failed=0, last_s=0.25)
    seen = forecast_seen(
        service(
            forecaster=SimpleNamespace(counts=counts),
            trust={"a:c": TrustState(), "a:b": TrustState(scored=3, trusted=True)},
            forecasts=lambda: {B: made},
        )
    )
    first, second = seen.slices
    assert (first.slice, first.trusted, first.p50, first.p90, first.age_s) == ("a:b", True, 6, 7, 3)
    assert first.coverage is not None
    assert (second.slice, second.trusted, second.error, second.p50) == ("a:c", False, None, None)
    assert seen.batches == (("made", 5), ("late", 1), ("failed", 0))
    assert seen.last_s == 0.25
