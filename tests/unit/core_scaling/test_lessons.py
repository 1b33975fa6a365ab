"""What plans would have cost, counted minute by minute."""

import pytest

from aether.core.scaling.lessons import HEADS, Lessons, Look, day_peak, due, looked
from aether.core.scaling.plans import BASES, HEADROOMS, NO_FORECAST, PAST
from aether.core.scaling.settings import DEFAULTS


def look(at: float, load: float, basis: float, ahead: float = 0.0) -> Look:
    forecast = (ahead,) * 3 if ahead else NO_FORECAST
    return Look(
        at=at,
        load=load,
        bases=(*(basis,) * PAST, *forecast),
        capacity=100.0,
        lead_s=30.0,
        minimum=1,
    )


def lived(*loads: float, ahead: float = 0.0) -> Lessons:
    """Minutes of these loads, looked at every 5 s; the basis is the load of the minute before."""
    lessons = Lessons()
    before = loads[0]
    for minute, load in enumerate(loads):
        for second in range(0, 60, 5):
            lessons, _ = looked(
                lessons, look(minute * 60.0 + second, load, before, ahead), DEFAULTS
            )
        before = load
    return lessons


def test_a_look_is_due_every_few_seconds() -> None:
    assert due(Lessons(), 0.0)
    lessons, _ = looked(Lessons(), look(10.0, 1.0, 1.0), DEFAULTS)
    assert not due(lessons, 14.0)
    assert due(lessons, 15.0)


def test_calm_minutes_miss_nothing_and_cost_the_headroom() -> None:
    tally = lived(*[1000.0] * 11).tally
    assert tally.weight[0] == pytest.approx(10.0, rel=0.01)
    enough = HEADROOMS.index(1.06)
    assert tally.missed[enough] == 0.0
    assert tally.paid[HEADS - 1] / tally.paid[enough] == pytest.approx(32 / 12, rel=0.01)


def test_a_jump_is_missed_by_the_headrooms_it_exceeds() -> None:
    tally = lived(1000.0, 1000.0, 1500.0, 1500.0).tally
    missed = tally.missed[:HEADS]
    small = [headroom for headroom, count in zip(HEADROOMS, missed, strict=True) if count > 0.0]
    assert small == [1.0, 1.06, 1.13, 1.2, 1.3, 1.4]


def test_bases_of_a_forecast_count_only_where_there_was_one() -> None:
    without = lived(*[1000.0] * 4).tally
    assert without.weight[PAST:] == (0.0,) * (BASES - PAST)
    with_one = lived(*[1000.0] * 4, ahead=1100.0).tally
    assert with_one.weight[PAST] == pytest.approx(3.0, rel=0.01)
    assert with_one.missed[PAST * HEADS] == 0.0


def test_a_gap_leaves_the_minute_before_it_uncounted() -> None:
    lessons = lived(1000.0, 1000.0)
    after, learnt = looked(lessons, look(900.0, 5000.0, 1000.0), DEFAULTS)
    assert not learnt
    assert after.tally == lessons.tally


def test_the_peak_of_the_day_is_known_and_forgotten_after_it() -> None:
    lessons = lived(1000.0, 1700.0, 900.0)
    assert day_peak(lessons, 180.0) == 1700.0
    assert day_peak(lessons, 100_000.0) == 900.0


def test_long_start_ups_remember_more_looks_but_not_without_end() -> None:
    lessons = Lessons()
    for number in range(200):
        slow = Look(
            at=number * 5.0,
            load=1.0,
            bases=(1.0,) * BASES,
            capacity=1.0,
            lead_s=10_000.0,
            minimum=1,
        )
        lessons, _ = looked(lessons, slow, DEFAULTS)
    assert len(lessons.looks) == 64
