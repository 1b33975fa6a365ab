"""Forecasts become series of the leader."""

from aether.telemetry.exposition.forecasts import ForecastSeen, Foreseen, forecasts_source
from tests.exposition_world import told


def foreseen(name: str, *, known: bool) -> Foreseen:
    return Foreseen(
        slice=name,
        trusted=known,
        error=0.8 if known else None,
        coverage=0.9 if known else None,
        age_s=12.0 if known else None,
        p50=10.0 if known else None,
        p90=14.0 if known else None,
    )


async def test_slices_without_a_forecast_have_no_rates() -> None:
    seen = ForecastSeen(
        ready=True,
        slices=[foreseen("a:b", known=True), foreseen("a:c", known=False)],
        batches=(("made", 3), ("late", 1), ("failed", 0)),
        last_s=0.002,
    )
    values = await told(forecasts_source(lambda: seen))
    assert values["aether_forecast_ready"] == {(): True}
    assert values["aether_forecast_requests_per_second"] == {("a:b", "0.5"): 10, ("a:b", "0.9"): 14}
    assert values["aether_forecast_trusted"] == {("a:b",): True, ("a:c",): False}
    assert values["aether_forecast_error_ratio"] == {("a:b",): 0.8}
    assert values["aether_forecast_coverage_ratio"] == {("a:b",): 0.9}
    assert values["aether_forecast_age_seconds"] == {("a:b",): 12.0}
    assert values["aether_forecast_batches"] == {("made",): 3, ("late",): 1, ("failed",): 0}
    assert values["aether_forecast_batch_seconds"] == {(): 0.002}


async def test_before_the_first_batch_only_readiness_is_told() -> None:
    values = await told(forecasts_source(lambda: ForecastSeen(ready=False, slices=[])))
    assert values == {"aether_forecast_ready": {(): False}}
    assert await told(forecasts_source(lambda: None)) == {}
