"""Rows that differ between two tables, by example; the laws are in tests/property/test_delta_laws.py."""

from msgspec.structs import replace

from aether.core.dataplane.differences import differing
from aether.core.dataplane.rows import RouteRow
from aether.core.model.ids import SliceBase

A, B, C = (RouteRow(method="GET", pattern=f"/{name}", slice=SliceBase("a:b")) for name in "abc")


def test_rows_gone_and_come() -> None:
    assert differing((A, B), (B, C)) == ((A,), (C,))
    assert differing((), (A,)) == ((), (A,))
    assert differing((A,), ()) == ((A,), ())


def test_a_changed_row_is_in_both() -> None:
    slow = replace(B, timeout_s=99.0)
    assert differing((A, B, C), (A, slow, C)) == ((B,), (slow,))


def test_equal_rows_do_not_differ_whatever_object_they_are() -> None:
    assert differing((A, B), (replace(A), replace(B))) == ((), ())
