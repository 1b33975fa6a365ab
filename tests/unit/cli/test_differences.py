"""What differs inside two values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether.cli.differences import MOST_LINES, changes_in


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (1, 1, []),
        (1, 2, [("", 1, 2)]),
        (True, 1, [("", True, 1)]),
        ({"a": 1, "b": 2}, {"b": 3, "c": 4}, [("a", 1, None), ("b", 2, 3), ("c", None, 4)]),
        ([{"n": 1}, {"n": 2}], [{"n": 1}, {"n": 3}], [("[1].n", 2, 3)]),
        ({"x": [1]}, {"x": [1, 2]}, [("x[1]", None, 2)]),
        ({"x": [1]}, {"x": {}}, [("x", [1], {})]),
        (
            {"source": "a = 1\nb = 2\nc = 3\n"},
            {"source": "a = 1\nb = 4\nc = 3\n"},
            [("source:2", "b = 2", None), ("source:2", None, "b = 4")],
        ),
    ],
)
def test_only_what_differs_is_told(before: object, after: object, changes: list[Any]) -> None:
    assert list(changes_in(before, after)) == changes


def test_long_texts_are_told_whole() -> None:
    before, after = "a\n" * MOST_LINES, "b\n" * MOST_LINES
    assert [path for path, _, _ in changes_in(before, after)] == [""]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab\n", max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab"), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_nothing_differs_from_itself(value: object) -> None:
    assert list(changes_in(value, value)) == []


@given(VALUES, VALUES)
def test_what_is_told_differs(before: object, after: object) -> None:
    for path, old, new in changes_in(before, after):
        assert (type(old), old) != (type(new), new), path
