"""A member learns that it is the one that differs, and only then."""

from aether.core.model.ids import NodeId
from aether.store.native.checkpoints import KEPT, Checkpoints

A, B, C, D = (NodeId(name) for name in "abcd")


def test_the_minority_differs() -> None:
    mine = Checkpoints(A, 10)
    mine.own(10, b"x")
    mine.note(B, 10, b"y")
    assert not mine.differs_at(10, {A, B, C})
    mine.note(C, 10, b"y")
    assert mine.differs_at(10, {A, B, C})


def test_the_majority_does_not() -> None:
    mine = Checkpoints(A, 10)
    mine.own(10, b"x")
    mine.note(B, 10, b"x")
    mine.note(C, 10, b"y")
    assert not mine.differs_at(10, {A, B, C})


def test_learners_have_no_say_and_three_ways_tell_nothing() -> None:
    mine = Checkpoints(A, 10)
    mine.own(10, b"x")
    mine.note(B, 10, b"y")
    mine.note(D, 10, b"y")
    assert not mine.differs_at(10, {A, B, C})
    mine.note(C, 10, b"z")
    assert not mine.differs_at(10, {A, B, C})


def test_digests_may_come_before_ones_own() -> None:
    mine = Checkpoints(A, 10)
    mine.note(B, 10, b"y")
    mine.note(C, 10, b"y")
    assert not mine.differs_at(10, {A, B, C})
    mine.own(10, b"x")
    assert mine.differs_at(10, {A, B, C})


def test_what_is_far_off_or_odd_is_not_kept() -> None:
    mine = Checkpoints(A, 10)
    mine.own(1000, b"x")
    for index in (1000 - KEPT * 10, 1000 + KEPT * 10 + 10, 1005, 2**62):
        mine.note(B, index, b"y")
        mine.note(C, index, b"y")
    for index in range(1000, 3000, 10):
        mine.own(index, b"x")
        assert not mine.differs_at(index, {A, B, C})


def test_a_replaced_state_has_no_past() -> None:
    mine = Checkpoints(A, 10)
    mine.own(10, b"x")
    mine.forget()
    mine.note(B, 10, b"y")
    mine.note(C, 10, b"y")
    assert not mine.differs_at(10, {A, B, C})
