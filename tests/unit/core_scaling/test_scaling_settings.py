"""Settings: the defaults fit each other."""

from aether.core.scaling.settings import DEFAULTS


def test_the_defaults_leave_something_to_add_instances_for() -> None:
    assert DEFAULTS.target_utilisation + DEFAULTS.dead_band < DEFAULTS.most_utilisation < 1.0
    assert DEFAULTS.fast_s <= DEFAULTS.slow_s <= DEFAULTS.hold_s
    assert DEFAULTS.forecast_hold_s <= DEFAULTS.hold_s
    assert not DEFAULTS.holds
