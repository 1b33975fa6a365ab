"""The cheapest plan."""

from dataclasses import replace

import msgspec
import pytest

from aether.core.scaling.choice import chosen, expected, priced
from aether.core.scaling.lessons import HEADS, Lessons, Tally
from aether.core.scaling.plans import BASES, HEADROOMS, PAST, USUAL, Plan
from aether.core.scaling.settings import DEFAULTS

MINUTES = 1000.0


def tally(missed_up_to: int, past: float = 1.0, ahead: float = 0.0) -> Tally:
    """Every basis missed 5 % of the minutes with the smallest headrooms; plans on a forecast cost `ahead` as much."""
    sizes = [past] * PAST + [ahead] * (BASES - PAST)
    return Tally(
        weight=tuple(MINUTES if size else 0.0 for size in sizes),
        missed=tuple(
            0.05 * MINUTES if head < missed_up_to else 0.0 for _ in sizes for head in range(HEADS)
        ),
        paid=tuple(MINUTES * 10.0 * size * head for size in sizes for head in HEADROOMS),
        usual=MINUTES * 13.3,
    )


def test_nothing_learnt_leaves_the_usual_plan() -> None:
    assert chosen(Lessons(), DEFAULTS).best == USUAL


def test_a_few_minutes_choose_nothing_though_they_would_be_cheap() -> None:
    few = 12.0
    short = Tally(
        weight=(few,) * PAST + (0.0,) * (BASES - PAST),
        paid=tuple(few * 10.0 * head for _ in range(BASES) for head in HEADROOMS),
        usual=few * 13.3,
    )
    assert chosen(Lessons(tally=short), DEFAULTS).best == USUAL


def test_the_usual_plan_is_the_cheapest_by_expectation() -> None:
    """The derivative of risk and price is zero at the target utilisation."""
    usual = 1.0 / DEFAULTS.target_utilisation
    basis = USUAL.basis

    def cost(headroom: float) -> float:
        return expected(basis, headroom, DEFAULTS) + DEFAULTS.thrift * headroom / usual

    assert cost(usual) < min(cost(usual * 0.95), cost(usual * 1.05))


@pytest.mark.parametrize(("missed", "headroom"), [(2, 1.13), (5, 1.4), (8, 2.0)])
def test_headroom_covers_what_was_missed_and_no_more(missed: int, headroom: float) -> None:
    best = chosen(Lessons(tally=tally(missed)), replace(DEFAULTS, prior_minutes=1.0)).best
    assert HEADROOMS[best.headroom] == headroom


def test_thrift_decides_how_much_a_bad_minute_is_worth() -> None:
    lessons = Lessons(tally=tally(9))
    spending = chosen(lessons, replace(DEFAULTS, thrift=0.001, prior_minutes=1.0)).best
    saving = chosen(lessons, replace(DEFAULTS, thrift=1.0, prior_minutes=1.0)).best
    assert spending.headroom > saving.headroom


def test_a_forecast_is_planned_on_where_it_is_cheaper() -> None:
    cheaper = chosen(Lessons(tally=tally(3, 1.0, 0.7)), DEFAULTS)
    assert cheaper.ahead is not None
    assert cheaper.ahead.basis >= PAST
    assert chosen(Lessons(tally=tally(3, 1.0, 1.5)), DEFAULTS).ahead is None
    assert chosen(Lessons(tally=tally(3)), DEFAULTS).ahead is None


def test_a_plan_on_a_forecast_comes_when_it_is_clearly_cheaper_and_goes_when_it_is_not_cheaper() -> (
    None
):
    clearly, about, dearer = (tally(3, 1.0, size) for size in (0.95, 0.97, 0.99))
    assert chosen(Lessons(tally=about), DEFAULTS).ahead is None
    planned = chosen(Lessons(tally=clearly), DEFAULTS)
    assert planned.ahead is not None
    kept = chosen(msgspec.structs.replace(planned, tally=about), DEFAULTS)
    assert kept.ahead == planned.ahead
    assert chosen(msgspec.structs.replace(kept, tally=dearer), DEFAULTS).ahead is None


def test_a_plan_stays_while_it_is_about_as_cheap() -> None:
    sure = replace(DEFAULTS, prior_minutes=1.0)
    lessons = chosen(Lessons(tally=tally(3)), sure)
    other = Plan(USUAL.basis - 1 or 1, lessons.best.headroom)
    costs = priced(lessons.tally, sure)
    assert costs[other.basis * HEADS + other.headroom] <= min(costs[: PAST * HEADS]) * 1.02
    assert other != lessons.best
    assert chosen(msgspec.structs.replace(lessons, best=other), sure).best == other
