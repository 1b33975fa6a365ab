"""Samples become text, bounded and readable."""

import gzip
import math

import pytest

from aether.telemetry.exposition.pages import MOST_LABEL_CHARS, checked, packed, page, taken
from aether.telemetry.exposition.series import Sample, Series, Spread
from tests.exposition_world import read_text

ROWS = (
    Series(name="aether_a", kind="counter", help="A.", source="s", labels=("x",), most=2),
    Series(name="aether_b_seconds", kind="histogram", help="B.", source="s", unit="seconds"),
    Series(name="aether_c", kind="info", help="C.", source="s", labels=("v",)),
    Series(name="aether_d", kind="gauge", help="D.", source="s"),
)
TABLE = {row.name: row for row in ROWS}
OPEN = "application/openmetrics-text; version=1.0.0"


def test_each_kind_reads_back_as_it_was() -> None:
    spread = Spread((*range(19), 20), 1.5)
    samples = [
        Sample("aether_a", ('q"\\\n',), 3),
        Sample("aether_b_seconds", (), spread),
        Sample("aether_c", ("1.0",), 1),
        Sample("aether_d", (), -0.5),
    ]
    made = page(ROWS, taken(TABLE, samples), OPEN)
    values = read_text(made.body)
    assert made.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert values["aether_a_total", frozenset({("x", 'q"\\\n')})] == 3
    assert values["aether_b_seconds_bucket", frozenset({("le", "0.0004")})] == 1
    assert values["aether_b_seconds_bucket", frozenset({("le", "+Inf")})] == 20
    assert values["aether_b_seconds_count", frozenset()] == 20
    assert values["aether_b_seconds_sum", frozenset()] == 1.5
    assert values["aether_c_info", frozenset({("v", "1.0")})] == 1
    assert values["aether_d", frozenset()] == -0.5
    assert b"# UNIT aether_b_seconds seconds" in made.body
    assert b"# HELP aether_d D." in made.body


def test_who_does_not_ask_for_openmetrics_gets_the_older_text() -> None:
    made = page(ROWS, taken(TABLE, [Sample("aether_d", (), math.inf)]), "*/*")
    assert made.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert made.body == b"# HELP aether_d D.\n# TYPE aether_d gauge\naether_d +Inf\n"


def test_label_sets_over_the_most_are_left_out_and_counted() -> None:
    found = taken(TABLE, [Sample("aether_a", (str(n),), n) for n in range(5)])
    assert dict(found.values["aether_a"]) == {("0",): 0, ("1",): 1}
    assert found.dropped == {"aether_a": 3}
    assert found.samples == 2


def test_a_label_set_that_is_too_long_is_left_out_and_counted() -> None:
    found = taken(TABLE, [Sample("aether_a", ("x" * (MOST_LABEL_CHARS + 1),), 1)])
    assert found.samples == 0
    assert found.dropped == {"aether_a": 1}


@pytest.mark.parametrize("stray", [Sample("aether_z", (), 1), Sample("aether_a", (), 1)])
def test_what_the_table_does_not_declare_is_an_error(stray: Sample) -> None:
    with pytest.raises(ValueError, match="not declared"):
        checked(TABLE, [stray])


def test_a_packed_page_unpacks() -> None:
    body = b"aether_d 1\n" * 1000
    small = packed(body)
    assert gzip.decompress(small) == body
    assert len(small) < len(body) / 10
