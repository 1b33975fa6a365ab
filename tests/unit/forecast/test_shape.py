from aether.forecast.shape import DAY_AFTER, DAY_BEFORE, FINE, KEPT_S, day_steps


def test_a_day_in_steps_and_none_where_a_day_has_too_few() -> None:
    assert day_steps(60.0) == 1440
    assert day_steps(10.0) == 8640
    assert day_steps(3600.0) == 0


def test_what_is_kept_reaches_back_to_yesterday_and_what_was_before_it() -> None:
    assert day_steps(60.0) + DAY_BEFORE + max(0, FINE - DAY_AFTER) <= KEPT_S / 60
