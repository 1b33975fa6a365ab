"""Plain aligned text."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether.cli.tables import Table, cell, printable, render_pairs, render_table, table_of


def test_a_table() -> None:
    items: list[dict[str, object]] = [{"a": "x", "b": 1}, {"a": "longer", "b": None}]
    assert render_table(table_of(items, {"NAME": "a", "NUMBER": "b", "GONE": "c"})) == [
        "NAME    NUMBER  GONE",
        "x       1       -",
        "longer  -       -",
    ]
    assert render_table(table_of([], {"NAME": "a"})) == ["NAME"]


def test_pairs() -> None:
    assert render_pairs([("id", "x"), ("longer", ["a", "b"])]) == ["id:      x", "longer:  a,b"]
    assert render_pairs([]) == []


def test_cells() -> None:
    values: tuple[object, ...] = (None, "", 0, True, False, {"k": 1}, [], ("a", 2))
    assert [cell(value) for value in values] == [
        "-", "-", "0", "yes", "no", "k=1", "-", "a,2",
    ]  # fmt: skip
    assert cell("x" * 100, 72) == "x" * 69 + "..."
    assert cell("x" * 100, 100) == "x" * 100


def test_cells_are_cut_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    long = "x" * 10_000
    for terminal, shown in ((True, "x" * 69 + "..."), (False, long)):
        monkeypatch.setattr(sys.stdout, "isatty", lambda terminal=terminal: terminal)
        assert render_table(table_of([{"a": long}], {"A": "a"}))[1] == shown
        assert render_pairs([("a", long)]) == [f"a:  {long}"]


def test_data_cannot_steer_a_terminal() -> None:
    assert printable("a\x1b[2J\n\tä→") == "a\\x1b[2J\\n\\tä→"


@given(st.lists(st.lists(st.text(), min_size=3, max_size=3), max_size=8))
def test_a_row_is_a_line_and_columns_start_below_each_other(rows: list[list[str]]) -> None:
    table = Table(("A", "B", "C"), tuple((cell(a), cell(b), cell(c)) for a, b, c in rows))
    lines = render_table(table)
    assert len(lines) == len(rows) + 1
    assert all(line.isprintable() and line == line.rstrip() for line in lines)
    second = lines[0].index("B")
    for line, row in zip(lines[1:], table.rows, strict=True):
        assert line[second:].startswith(row[1].rstrip())
