"""The table of series keeps to the rules of names, units and bounds."""

import re

import pytest

from aether.telemetry.exposition.series import Series
from aether.telemetry.exposition.table import SERIES

NAMES = [series.name for series in SERIES]
UNITS = ("", "seconds", "bytes", "ratio")
ABBREVIATED = re.compile(
    r"_(ms|s|sec|secs|us|ns|kb|mb|kib|mib|pct|percent|num|cnt|req|reqs|mem|fds|avg|lat)(_|$)"
)


def test_each_name_stands_once() -> None:
    assert len(NAMES) == len(set(NAMES))
    assert NAMES


@pytest.mark.parametrize("series", SERIES, ids=NAMES)
def test_a_row_is_whole(series: Series) -> None:
    assert re.fullmatch(r"aether(_[a-z0-9]+)+", series.name)
    assert not ABBREVIATED.search(series.name)
    assert not re.search(r"_(total|count|sum|bucket|info|created)$", series.name)
    assert series.help.endswith(".")
    assert series.unit in UNITS
    assert series.name.endswith(f"_{series.unit}") if series.unit else True
    assert series.unit or not series.name.endswith(("_seconds", "_bytes", "_ratio"))
    assert series.most >= 1
    assert bool(series.labels) or series.most == 1
    assert len(set(series.labels)) == len(series.labels)
    assert "le" not in series.labels
