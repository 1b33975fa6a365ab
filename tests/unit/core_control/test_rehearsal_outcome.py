"""Outlines, their digests and their differences."""

from aether.core.control.rehearsal_outcome import Dip, Rehearsal, differences, digest_of
from tests.worlds import SHOP


def dip(lowest: int, budget: int) -> Dip:
    return Dip(slice=SHOP, lowest=lowest, usual=4, budget=budget, from_s=1.0, to_s=2.0)


def rehearsal(*dips: Dip) -> Rehearsal:
    return Rehearsal(
        converged=True, duration_s=0.0, steps=(), placements={}, verdicts={}, slices=(), dips=dips,
        waiting=(), outline=("a", "b"),
    )  # fmt: skip


def test_the_digest_is_that_of_the_outline() -> None:
    assert rehearsal().digest == digest_of(["a", "b"]) == digest_of(("a", "b"))
    assert digest_of(["b", "a"]) != digest_of(["a", "b"])
    assert digest_of(["a\nb"]) != digest_of(["a", "b"])
    assert digest_of(["a\\nb"]) != digest_of(["a\nb"])
    assert len(digest_of([])) == 64


def test_a_dip_below_the_budget_is_told() -> None:
    assert not dip(2, 2).is_below_budget
    assert rehearsal(dip(2, 2)).below_budget == ()
    told = rehearsal(dip(2, 2), dip(1, 2)).below_budget
    assert told == (f"{SHOP} goes down to 1 ACTIVE, its budget is 2",)


def test_differences_name_what_stands_in_one_outline_only() -> None:
    assert differences(["a", "b"], ["a", "b"]) == ()
    assert differences(["a", "b"], ["a", "c"]) == (
        "not planned, and would happen now: c",
        "planned, and would not happen now: b",
    )
    assert differences(["a", "b"], ["b", "a"]) == (
        "the same steps would be taken in another order",
    )


def test_differences_are_bounded() -> None:
    told = differences([], [str(number) for number in range(30)], most=3)
    assert len(told) == 4
    assert told[-1] == "and 27 differences more"
