"""Arithmetic of quorums."""

import pytest

from aether.core.control.margins import margin, margin_judged, margin_without
from aether.core.model.ids import NodeId
from aether.core.model.records import DrainOrder, Verdict, VerdictRecord

A, B, C, D, E = (NodeId(name) for name in "abcde")


@pytest.mark.parametrize(
    ("voters", "answering", "quorum", "may_fail"),
    [
        ({A}, {A}, 1, 0),
        ({A, B}, {A, B}, 2, 0),
        ({A, B, C}, {A, B, C}, 2, 1),
        ({A, B, C}, {A, B}, 2, 0),
        ({A, B, C}, {A}, 2, -1),
        ({A, B, C, D, E}, {A, B, C, D}, 3, 1),
    ],
)
def test_how_many_may_fail(
    voters: set[NodeId], answering: set[NodeId], quorum: int, may_fail: int
) -> None:
    found = margin(voters, answering)
    assert (found.quorum, found.may_fail) == (quorum, may_fail)


def test_who_has_no_vote_does_not_count() -> None:
    assert margin({A, B, C}, {A, D, E}).answering == 1


def test_taking_out_a_dead_voter_costs_nothing_and_a_live_one_does() -> None:
    voters, answering = {A, B, C}, {A, B}
    assert margin_without(C, voters, answering).may_fail == 0
    assert margin_without(B, voters, answering).may_fail == -1
    assert margin_without(B, voters, voters).may_fail == 0


def test_who_is_silent_unknown_or_to_stop_is_not_counted_on() -> None:
    def judged(verdict: Verdict, *, shutdown: bool | None = None) -> VerdictRecord:
        order = None if shutdown is None else DrainOrder(by="test", shutdown=shutdown)
        return VerdictRecord(verdict=verdict, incarnation="life-1", drain=order)

    good = judged(Verdict.ON_DUTY)
    assert margin_judged(A, {A, B, C}, {A: good, B: good, C: good}).may_fail == 0
    assert margin_judged(A, {A, B, C}, {B: good}).may_fail == -1
    for doubted in (
        judged(Verdict.LOST),
        judged(Verdict.SUSPECT),
        judged(Verdict.DRAINING, shutdown=True),
        judged(Verdict.DECOMMISSIONED, shutdown=True),
    ):
        assert margin_judged(A, {A, B, C}, {B: good, C: doubted}).may_fail == -1
    staying = judged(Verdict.DRAINING, shutdown=False)
    assert margin_judged(A, {A, B, C}, {B: good, C: staying}).may_fail == 0
