"""Two imagined pools under the same load."""

from dataclasses import replace

from aether.core.scaling.forecast import STEPS, Forecast
from aether.core.scaling.shadow import Shadow, compared, first_shadow, lived
from tests.scaling_seconds import FIXED, WIDE, seen


def jumping(at: float) -> float:
    """Every tenth minute has four times the load."""
    return 1600.0 if int(at // 60.0) % 10 == 9 else 400.0


def knowing(at: float) -> Forecast:
    """The load of the next minutes, exactly."""
    begun = at - at % 60.0
    rows = tuple(
        (rate, rate, rate, rate) for rate in (jumping(begun + 60.0 * step) for step in range(STEPS))
    )
    return Forecast(begun, 60.0, rows)


def after(seconds: int, *, forecasts: bool) -> Shadow:
    shadow = first_shadow(seen(0.0, 400.0, 6, startup_s=30.0))
    for second in range(1, seconds):
        at = float(second)
        look = seen(at, jumping(at), 6, startup_s=30.0)
        shadow = lived(shadow, look, WIDE, FIXED, knowing(at) if forecasts else None)
    return shadow


def test_a_forecast_that_knows_saves_the_bad_minutes() -> None:
    told = compared(after(3600, forecasts=True))
    assert told.minutes == 59
    assert told.bad_minutes[0] >= 5
    assert told.bad_minutes[1] == 0
    assert told.instance_hours[0] > 0.0
    assert told.changes[1] > 0


def test_without_forecasts_both_pools_live_alike() -> None:
    told = compared(after(1500, forecasts=False))
    assert told.bad_minutes[0] == told.bad_minutes[1]
    assert told.instance_hours[0] == told.instance_hours[1]


def test_what_cannot_be_compared_is_not_lived_through() -> None:
    shadow = first_shadow(seen(0.0, 400.0, 6))
    for look, bounds in (
        (seen(1.0, None, 6), WIDE),
        (seen(1.0, 400.0, 6, capacity_rps=None), WIDE),
        (seen(1.0, 400.0, 6), replace(WIDE, held="paused")),
        (seen(500.0, 400.0, 6), WIDE),
    ):
        moved = lived(shadow, look, bounds, FIXED, None)
        assert moved.reactive == shadow.reactive
        assert moved.at == look.at


def test_starting_instances_are_paid_for_and_go_first() -> None:
    shadow = first_shadow(seen(0.0, 100.0, 2, startup_s=30.0))
    shadow = lived(shadow, seen(1.0, 1000.0, 2, startup_s=30.0), WIDE, FIXED, None)
    pool = shadow.reactive
    assert pool.ready == 2
    assert pool.size > 2
    assert pool.instance_s == pool.size
