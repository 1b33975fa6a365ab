"""The choice of one node: its order, its reason, and what is said when there is none."""

import msgspec
import pytest

from aether.core.control.candidates import (
    MOST_REJECTED,
    Candidate,
    Choice,
    NoRoom,
    Question,
    decide,
)
from aether.core.control.evidence import read
from aether.core.model.ids import NodeId, SliceBase

BASE = SliceBase("org.example:app")


def candidate(
    name: str, *, avoided: bool = False, in_zone: int = 0, of_slice: int = 0, total: int = 0
) -> Candidate:
    return Candidate(
        node=NodeId(name),
        avoided=avoided,
        in_zone=in_zone,
        of_slice=of_slice,
        total=total,
        capacity=200,
    )


BEST_LAST = (
    candidate("a", avoided=True),
    candidate("b", in_zone=1),
    candidate("c", of_slice=1),
    candidate("d", total=1),
    candidate("f"),
    candidate("e"),
)


def test_each_criterion_counts_before_the_next() -> None:
    left = list(BEST_LAST)
    order = []
    while left:
        node = decide(Question(slice=BASE, spread="zone", candidates=tuple(left)))
        order.append(node)
        left = [c for c in left if c.node != node]
    assert order == ["e", "f", "d", "c", "b", "a"]


def test_who_goes_soon_does_not_count_and_is_named() -> None:
    emptying = msgspec.structs.replace(candidate("n1", total=12), soon_gone=12)
    asked = Question(slice=BASE, spread="node", candidates=(emptying, candidate("n2", total=1)))
    choice = Choice(decide(asked), asked, ())
    assert choice.node == "n1"
    assert choice.rejected["n2"] == ("it hosts 1 of at most 200, n1 12 of 200 (12 about to go)")
    past = {
        **choice.inputs,
        "candidates": choice.inputs["candidates"].replace(',"soon_gone":0', ""),
    }
    assert read(past, Question) == asked, "reasons of before this was counted are read"


def test_a_choice_keeps_its_question_and_says_why_not_the_others() -> None:
    asked = Question(slice=BASE, spread="zone", candidates=BEST_LAST)
    unfit = tuple((NodeId(f"n{number}"), "it is full") for number in range(9))
    choice = Choice(decide(asked), asked, unfit)
    assert read(choice.inputs, Question) == asked
    assert choice.inputs["decision"] == "e"
    assert not choice.is_last_resort
    assert len(choice.rejected) == MOST_REJECTED
    assert choice.rejected["a"] == "it gave the slice up before"
    assert choice.rejected["n0"] == "it is full"


@pytest.mark.parametrize(
    ("none", "why"),
    [
        (
            NoRoom(nodes=5, off_duty=2, lacking=1, full=2, require={"disk": "ssd"}),
            "no node can take it: of 5 nodes 2 not on duty, 1 without disk=ssd, 2 full",
        ),
        (
            NoRoom(nodes=1, off_duty=0, lacking=0, full=1, require={}),
            "no node can take it: of 1 nodes 1 full",
        ),
        (NoRoom(nodes=0, off_duty=0, lacking=0, full=0, require={}), "the cluster has no nodes"),
    ],
)
def test_without_a_node_it_says_what_kept_each_out(none: NoRoom, why: str) -> None:
    assert none.why == why
