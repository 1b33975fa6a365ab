import hashlib
import math

import pytest

from aether.forecast.export import COLUMNS, LEAST_ROWS, MOST_GAP, export, filled_up

GAP = math.nan
ENDED = 1_700_000_040.0


def test_a_history_becomes_a_file_and_a_row() -> None:
    found = export("shop.demo:checkout", [1.0] * 200, ENDED, 60.0)
    assert found is not None
    row = found.row()
    assert tuple(row) == COLUMNS
    assert row["rows"] == 200
    assert row["start_utc"] == "2023-11-14 18:54:00"
    assert row["file"] == "shop.demo.checkout-20231114T185400.csv"
    assert row["licence"] == "own data"
    assert found.csv().splitlines()[:2] == ["value", "1"]
    assert row["sha256"] == hashlib.sha256(found.csv().encode()).hexdigest()[:16]


def test_short_gaps_are_filled_on_a_line_and_said_so() -> None:
    found = export("g:a", [*[1.0] * 100, GAP, GAP, GAP, *[5.0] * 100, GAP], ENDED, 60.0)
    assert found is not None
    assert found.values[100:103] == (2.0, 3.0, 4.0)
    assert found.filled == 3
    assert len(found.values) == 203
    assert str(found.row()["notes"]).startswith("3 steps")


def test_a_long_gap_ends_the_series_at_the_newest_stretch() -> None:
    past = [9.0] * 300 + [GAP] * (MOST_GAP + 1) + [1.0] * LEAST_ROWS
    found = export("g:a", past, ENDED, 60.0)
    assert found is not None
    assert set(found.values) == {1.0}
    assert found.start_s == ENDED - LEAST_ROWS * 60


@pytest.mark.parametrize("past", [[], [GAP] * 500, [1.0] * (LEAST_ROWS - 1)])
def test_too_little_is_no_series(past: list[float]) -> None:
    assert export("g:a", past, ENDED, 60.0) is None


def test_nothing_is_filled_where_nothing_is_missing() -> None:
    assert filled_up([1.0, 2.0]) == ((1.0, 2.0), 0)
