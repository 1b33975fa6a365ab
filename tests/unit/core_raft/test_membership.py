"""Changes of members, and what a majority is."""

import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Members, Peer
from aether.core.raft.membership import (
    MAX_VOTERS,
    Membership,
    changed,
    decode_members,
    encode_members,
    majority_value,
)
from aether.core.raft.values import AddLearner, Change, Promote, Refusal, Remove
from tests.raft_world import members, peer


@pytest.mark.parametrize(
    ("change", "after"),
    [
        (AddLearner(peer("y")), members("abc", "xy")),
        (AddLearner(peer("a")), members("abc", "x")),
        (AddLearner(peer("x")), members("abc", "x")),
        (Promote(NodeId("x")), members("abcx")),
        (Promote(NodeId("b")), members("abc", "x")),
        (Remove(NodeId("b")), members("ac", "x")),
        (Remove(NodeId("x")), members("abc")),
        (Remove(NodeId("z")), members("abc", "x")),
    ],
)
def test_one_change(change: Change, after: Members) -> None:
    assert changed(members("abc", "x"), change) == after


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (Promote(NodeId("z")), "unknown_member"),
        (Remove(NodeId("a")), "last_voter"),
        (AddLearner(Peer(NodeId("a"), "elsewhere:1")), "other_address"),
    ],
)
def test_refusals(change: Change, code: str) -> None:
    refusal = changed(members("a"), change)
    assert getattr(refusal, "code", None) == code


@pytest.mark.parametrize(
    ("values", "reached"),
    [([5], 5), ([5, 9], 5), ([1, 5, 9], 5), ([1, 5, 7, 9], 5), ([1, 2, 5, 7, 9], 5)],
)
def test_what_a_majority_reaches(values: list[int], reached: int) -> None:
    assert majority_value(values) == reached


def test_a_change_counts_at_once_and_is_rolled_back_with_its_entry() -> None:
    membership = Membership(0, members("abc"))
    membership.append(7, members("abcd"))
    assert membership.voters == {"a", "b", "c", "d"}
    assert membership.at(6) == members("abc")
    membership.truncate(7)
    assert membership.voters == {"a", "b", "c"}
    assert membership.changed


def test_what_a_later_change_replaced_is_forgotten() -> None:
    membership = Membership(0, members("abc"))
    membership.append(3, members("ab"))
    membership.append(5, members("a"))
    membership.drop_before(5)
    assert membership.at(4) == members("ab")
    membership.drop_before(6)
    assert membership.at(4) == members("a")


def test_what_is_not_members_is_not_read_as_such() -> None:
    assert decode_members(encode_members(members("ab", "c"))) == members("ab", "c")
    assert decode_members(b"\xc1") is None
    assert decode_members(encode_members(Members(()))) is None


def test_nobody_is_promoted_beyond_the_most_voters() -> None:
    voters = tuple(Peer(NodeId(f"v{number}"), f"v{number}:1") for number in range(MAX_VOTERS))
    learner = Peer(NodeId("w"), "w:1")
    full = Members(voters, (learner,))
    refused = changed(full, Promote(learner.node))
    assert isinstance(refused, Refusal)
    assert refused.code == "enough_voters"
    assert "w stays a learner" in refused.message
    assert changed(Members(voters[1:], (learner,)), Promote(learner.node)) == Members(
        (*voters[1:], learner), ()
    )
