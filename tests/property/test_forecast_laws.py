"""Laws of the shipped model, of what goes into it, and of the history it is fed from."""

import math
from array import array
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aether.forecast.history import RateHistory
from aether.forecast.inputs import Batch, build
from aether.forecast.packing import packed
from aether.forecast.runtime import OnnxForecaster
from aether.forecast.shape import COARSE_STEPS, FINE, HORIZON, INPUTS, LEAST_HISTORY
from tests.plain_forecast import plain_inputs, plainly_long_enough

RATES = st.floats(0, 1e6, allow_nan=False, width=32)
GAPPED = st.one_of(RATES, st.just(math.nan))
LONG = st.lists(RATES, min_size=LEAST_HISTORY * 2, max_size=300)


@pytest.fixture(scope="module")
def model() -> OnnxForecaster:
    return OnnxForecaster.load()


@settings(max_examples=40, deadline=None)
@given(past=LONG)
def test_quantiles_are_ordered_finite_and_never_below_zero(
    model: OnnxForecaster, past: list[float]
) -> None:
    (rows,) = model.predict_now([past])
    assert rows is not None
    assert len(rows) == HORIZON
    for row in rows:
        assert all(math.isfinite(rate) and rate >= 0 for rate in row)
        assert list(row) == sorted(row)


@settings(max_examples=40, deadline=None)
@given(past=st.lists(st.floats(0.125, 1000, width=32), min_size=64, max_size=300))
def test_a_thousand_times_the_traffic_is_a_thousand_times_the_forecast(
    model: OnnxForecaster, past: list[float]
) -> None:
    (rows,) = model.predict_now([past])
    (larger,) = model.predict_now([[1000 * rate for rate in past]])
    assert rows is not None
    assert larger is not None
    expected = 1000 * np.array(rows)
    assert np.allclose(np.array(larger), expected, rtol=2e-3, atol=1e-3 * expected.max())


@settings(max_examples=15, deadline=None)
@given(pasts=st.lists(LONG, min_size=2, max_size=6))
def test_a_batch_is_answered_as_each_history_alone(
    model: OnnxForecaster, pasts: list[list[float]]
) -> None:
    together = model.predict_now(pasts)
    for past, rows in zip(pasts, together, strict=True):
        (alone,) = model.predict_now([past])
        assert rows is not None
        assert alone is not None
        largest = max(max(row) for row in alone)
        assert np.allclose(rows, alone, rtol=1e-4, atol=1e-5 * largest)


@given(past=st.lists(GAPPED, max_size=700), step_s=st.sampled_from([10.0, 60.0, 300.0]))
def test_inputs_are_finite_masked_and_end_with_the_newest_step(
    past: list[float], step_s: float
) -> None:
    inputs = build([past], step_s)
    assert {name: values.shape for name, values in inputs.items()} == {
        name: (1, width) for name, width in INPUTS.items()
    }
    for values in inputs.values():
        assert np.isfinite(values).all()
    newest = past[-FINE:]
    known = [math.isfinite(rate) for rate in newest]
    if newest:
        assert inputs["fine_ok"][0, -len(newest) :].tolist() == [float(one) for one in known]
    assert inputs["fine_ok"][0, : FINE - len(newest)].sum() == 0
    whole = [rate for rate in past[-COARSE_STEPS:] if math.isfinite(rate)]
    if len(past) >= COARSE_STEPS and whole:
        assert inputs["coarse"][0, -1] == pytest.approx(np.mean(whole), rel=1e-4)


ODD = st.one_of(
    st.sampled_from([math.nan, math.inf, -math.inf, -1.0, -0.0, 0.0]),
    st.floats(width=32),
)


@st.composite
def pasts(draw: st.DrawFn) -> Sequence[float]:
    """Histories of all lengths, with stretches nobody measured and with numbers that are no rates."""
    size = draw(st.one_of(st.integers(0, 130), st.integers(470, 490), st.integers(1440, 1600)))
    scale = draw(st.floats(0, 1e6, width=32))
    past = array("f", [scale * (1 + place % 7) for place in range(size)])
    if not size:
        return past
    places = st.integers(0, size - 1)
    for place, value in draw(st.lists(st.tuples(places, ODD), max_size=8)):
        past[place] = value
    for place, length in draw(st.lists(st.tuples(places, st.integers(1, 100)), max_size=3)):
        gap = array("f", [math.nan]) * min(length, size - place)
        past[place : place + len(gap)] = gap
    return draw(st.sampled_from([past, list(past), tuple(past)]))


@given(
    batch=st.lists(pasts(), max_size=4),
    step_s=st.sampled_from([10.0, 60.0, 86_400 / 50, 86_400 / 20]),
)
def test_a_batch_is_read_as_its_numbers_are_one_by_one(
    batch: list[Sequence[float]], step_s: float
) -> None:
    found, plain = build(batch, step_s), plain_inputs(batch, step_s)
    assert found.keys() == INPUTS.keys()
    for name, values in found.items():
        assert values.dtype == np.float32
        assert np.array_equal(values, plain[name]), name
    asked = [place for place, past in enumerate(batch) if plainly_long_enough(past)]
    assert Batch.read(packed(batch, step_s)).long_enough().tolist() == asked


@given(past=st.lists(RATES, min_size=1, max_size=200), cut=st.integers(0, 50))
def test_what_is_older_than_the_inputs_reach_changes_nothing(past: list[float], cut: int) -> None:
    reach = 24 * 60 + 16
    older = [7.0] * cut + [1.0] * reach + past
    plain, longer = build([older[cut:]], 60.0), build([older], 60.0)
    for name, values in plain.items():
        assert np.array_equal(values, longer[name]), name


SECONDS = st.lists(st.tuples(st.integers(0, 400), RATES), min_size=1, max_size=60)


@given(readings=SECONDS)
def test_a_history_holds_the_mean_of_each_step_and_gaps_where_nobody_measured(
    readings: list[tuple[int, float]],
) -> None:
    history = RateHistory(10.0)
    wall, expected = 1000.0, dict[int, list[float]]()
    for jump, rate in readings:
        wall += jump
        history.note(wall, [("g:a", rate)])
        expected.setdefault(int(wall // 10), []).append(rate)
    course = history.course("g:a")
    last = int(wall // 10) - 1
    for back, value in enumerate(reversed(course)):
        seen = expected.get(last - back, [])
        if len(seen) >= 2:
            assert value == pytest.approx(np.mean(seen), rel=1e-5, abs=1e-6)
        else:
            assert math.isnan(value)


@given(readings=SECONDS, away=st.integers(0, 100))
def test_a_history_comes_back_from_bytes_with_gaps_for_the_time_away(
    readings: list[tuple[int, float]], away: int
) -> None:
    history = RateHistory(10.0)
    wall = 1000.0
    for jump, rate in readings:
        wall += jump
        history.note(wall, [("g:a", rate), ("g:b", 1.0)])
    again = RateHistory(10.0)
    again.restore(history.to_bytes(), wall + 10 * away)
    for base, course in history.courses().items():
        found = again.course(base)
        assert found[: len(course)].tobytes() == course.tobytes()
        assert len(found) == len(course) + away
        assert all(math.isnan(value) for value in found[len(course) :])


@given(walls=st.lists(st.floats(0, 1e6), min_size=1, max_size=40))
def test_a_clock_put_back_never_ends_a_step(walls: list[float]) -> None:
    history = RateHistory(60.0)
    highest = -math.inf
    for wall in walls:
        ended = history.note(wall, [("g:a", 1.0)])
        assert ended == (highest > -math.inf and wall // 60 > highest // 60)
        highest = max(highest, wall)
    assert history.ended_at == (highest // 60) * 60
