"""Circles among slices."""

from aether.core.control.dependencies import find_cycle
from aether.core.model.ids import SliceBase
from aether.core.model.records import Dependency

A, B, C = SliceBase("x:a"), SliceBase("x:b"), SliceBase("x:c")


def needs(*bases: SliceBase, required: bool = True) -> tuple[Dependency, ...]:
    return tuple(Dependency(slice=base, required=required) for base in bases)


def test_a_line_has_no_circle() -> None:
    assert find_cycle({A: needs(B), B: needs(C), C: ()}) == []


def test_a_circle_is_returned_from_a_slice_back_to_itself() -> None:
    circle = find_cycle({A: needs(B), B: needs(C), C: needs(A)})
    assert circle[0] == circle[-1]
    assert set(circle) == {A, B, C}


def test_an_optional_need_closes_no_circle() -> None:
    assert find_cycle({A: needs(B), B: needs(A, required=False)}) == []
