"""Asking for votes and giving them."""

from dataclasses import replace

import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.entries import HardState
from aether.core.raft.messages import (
    Append,
    PreVote,
    PreVoteAnswer,
    TimeoutNow,
    Vote,
    VoteAnswer,
)
from aether.core.raft.values import RaftConfig, Role
from tests.raft_world import Bench, entry

LOG = [entry(1, 1), entry(2, 2)]


def bench(term: int = 2, vote: str = "") -> Bench:
    return Bench(entries=LOG, hard_state=HardState(term, vote))


@pytest.mark.parametrize(
    ("vote", "index", "term", "granted"),
    [("", 2, 2, True), ("", 1, 2, False), ("", 9, 1, False), ("c", 2, 2, False), ("b", 2, 2, True)],
)
def test_a_vote_is_given_once_and_to_no_worse_log(
    vote: str, index: int, term: int, granted: bool
) -> None:
    assert bench(3, vote).tell("b", Vote(3, index, term, transfer=False)) == [
        VoteAnswer(3, granted)
    ]


def test_a_vote_is_a_promise_and_stands_with_what_is_to_be_written() -> None:
    voter = bench()
    voter.raft.receive(NodeId("b"), Vote(3, 2, 2, transfer=False), 0.0)
    output = voter.take()
    assert output.hard_state == HardState(3, "b")
    assert output.messages == ()
    assert output.promises == ((NodeId("b"), VoteAnswer(3, granted=True)),)


def test_a_candidate_asks_before_it_raises_its_term() -> None:
    candidate = bench()
    candidate.wait(1.1)
    assert candidate.take().messages == tuple(
        (NodeId(node), PreVote(3, 2, 2)) for node in ("b", "c")
    )
    assert candidate.raft.term == 2
    candidate.raft.receive(NodeId("b"), PreVoteAnswer(3, granted=True), candidate.now)
    output = candidate.take()
    assert output.messages == ()
    assert output.promises == tuple(
        (NodeId(node), Vote(3, 2, 2, transfer=False)) for node in ("b", "c")
    )  # sent after its own vote is on disk


def test_two_that_ask_at_once_do_not_split_the_votes() -> None:
    asking = bench()
    asking.wait(1.1)
    asking.take()
    assert asking.tell("c", PreVote(3, 2, 2)) == [PreVoteAnswer(3, granted=True)]
    assert asking.raft.role is Role.FOLLOWER  # c comes after a
    ahead = Bench(config=replace(asking.config, node=NodeId("z")), voters="abz")
    ahead.wait(1.1)
    ahead.tell("b", PreVote(1, 0, 0))
    assert ahead.raft.role is Role.CANDIDATE


def test_refused_by_all_it_waits_and_a_higher_term_makes_it_follow() -> None:
    candidate = bench()
    candidate.wait(1.1)
    candidate.tell("b", PreVoteAnswer(2, granted=False))
    assert candidate.raft.role is Role.CANDIDATE
    candidate.tell("c", PreVoteAnswer(9, granted=False))
    assert (candidate.raft.role, candidate.raft.term) == (Role.FOLLOWER, 9)


def test_a_stranger_cannot_raise_the_term_with_an_answer() -> None:
    candidate = bench()
    candidate.tell("z", PreVoteAnswer(9, granted=False))
    candidate.tell("z", VoteAnswer(9, granted=False))
    assert candidate.raft.term == 2


def test_a_lost_connection_ends_loyalty_and_shortens_patience() -> None:
    follower = bench()
    follower.tell("b", Append(2, 1, 2, 2, 0, (), 2))
    assert follower.tell("c", PreVote(3, 2, 2)) == [PreVoteAnswer(2, granted=False)]
    follower.raft.link_lost(NodeId("c"), follower.now)  # does not lead
    assert follower.raft.wake_at() == pytest.approx(1.0)
    follower.raft.link_lost(NodeId("b"), follower.now)
    assert follower.raft.wake_at() == pytest.approx(follower.config.suspicion_s)
    assert follower.tell("c", PreVote(3, 2, 2)) == [PreVoteAnswer(3, granted=True)]


def test_a_recovering_member_neither_votes_nor_stands() -> None:
    config = RaftConfig(node=NodeId("a"), recovering=True)
    lost = Bench(config=config, hard_state=HardState(2, ""))
    assert lost.tell("b", PreVote(3, 9, 9)) == [PreVoteAnswer(2, granted=False)]
    assert lost.tell("b", Vote(3, 9, 9, transfer=False)) == [VoteAnswer(3, granted=False)]
    lost.wait(5.0)
    lost.take()
    assert lost.out == []


def test_who_is_told_to_stand_does_so_at_once() -> None:
    target = bench()
    target.tell("b", Append(2, 1, 2, 2, 0, (), 2))
    assert target.tell("c", TimeoutNow(2)) == []  # c does not lead
    assert target.tell("b", TimeoutNow(2)) == [Vote(3, 2, 2, transfer=True)]
