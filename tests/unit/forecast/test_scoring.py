import math
from dataclasses import dataclass

from aether.core.scaling.bounds import Bounds
from aether.core.scaling.forecast import Forecast
from aether.core.scaling.observation import Observation
from aether.core.scaling.settings import ScalingSettings
from aether.core.scaling.shadow import compared
from aether.core.scaling.trust import FEWEST_SCORED, TrustState
from aether.forecast import scoring
from aether.forecast.scoring import Rows, Shadows, scored, taught

PAST = [100.0 + 20 * math.sin(step / 3) for step in range(200)]


def rows_of(truth: list[float]) -> Rows:
    return tuple((rate - 1, rate, rate + 1, rate + 2) for rate in truth)


def foreseen(past: list[float], steps: int) -> list[Rows | None]:
    """Return perfect forecasts made at the end of each of the last steps."""
    first = len(past) - steps
    answers: list[Rows | None] = []
    for at in range(first, len(past)):
        ahead = (past[at + 1 :] + [past[-1]] * 15)[:15]
        answers.append(rows_of(ahead))
    return answers


def test_trust_taught_by_the_past_is_the_trust_of_who_lived_through_it() -> None:
    answers = foreseen(PAST, 90)
    lived = TrustState()
    for actual, rows in zip(PAST[-90:], answers, strict=True):
        lived = scored(lived, actual, rows)
    assert taught(PAST, answers) == lived
    assert lived.trusted
    assert lived.scored == 88


def test_forecasts_worse_than_the_last_value_are_not_trusted() -> None:
    wrong: list[Rows | None] = [rows_of([500.0] * 15) for _ in range(60)]
    state = taught(PAST, wrong)
    assert state.scored >= FEWEST_SCORED
    assert not state.trusted


def test_a_step_nobody_measured_scores_nothing() -> None:
    state = taught(PAST, foreseen(PAST, 40))
    after = scored(state, math.nan, None)
    assert after.scored == state.scored
    assert after.pending == ()


@dataclass
class Seen:
    seen: Observation
    bounds: Bounds
    settings: ScalingSettings


def watched(at: float, rate: float) -> Seen:
    seen = Observation(
        at=at, ready=2, starting=0, target=2, rate=rate, in_flight=None, queue=0.0,
        utilisation=rate / 200, p95_s=None, capacity_rps=100.0, startup_s=30.0,
    )  # fmt: skip
    return Seen(seen, Bounds(1, 50, 50), ScalingSettings(learns=False))


def test_a_jump_that_was_foreseen_costs_fewer_bad_minutes_in_shadow() -> None:
    shadows = Shadows()
    for second in range(1800):
        rate = 100.0 if second < 900 else 1500.0
        minute = second // 60
        ahead = [100.0 if minute + step < 15 else 1500.0 for step in range(15)]
        made = Forecast(
            60.0 * minute, 60.0, tuple((r, r, 1.02 * r, 1.05 * r) for r in ahead), 1.0, True
        )
        shadows.live("g:a", watched(float(second), rate), made)
    found = compared(shadows.all()["g:a"])
    assert found.minutes == 29
    assert found.bad_minutes[1] < found.bad_minutes[0]


def test_no_more_slices_are_shadowed_than_the_bound_and_gone_ones_are_forgotten() -> None:
    shadows = Shadows()
    for number in range(scoring.MOST_SHADOWED + 5):
        shadows.live(f"g:s{number:04}", watched(1.0, 10.0), None)
    assert len(shadows.all()) == scoring.MOST_SHADOWED
    shadows.keep_only({"g:s0001", "g:other"})
    assert list(shadows.all()) == ["g:s0001"]
