"""The eleven defects of pysyncobj's core, each answered: a test for every one."""

import random

from aether.core.model.ids import NodeId
from aether.core.raft.entries import COMMAND, HardState, SnapshotPoint
from aether.core.raft.messages import Append, AppendAnswer, PreVote, PreVoteAnswer, Vote
from aether.core.raft.values import (
    AddLearner,
    Promote,
    Proposed,
    RaftConfig,
    Read,
    Refusal,
    Remove,
    Role,
)
from tests.raft_world import Bench, World, entry, members, peer

LOG = [entry(1, 1), entry(2, 1), entry(3, 2), entry(4, 2)]


def append(
    term: int, prev: tuple[int, int], *entries: tuple[int, int], commit: int = 0, round_: int = 1
) -> Append:
    last = entries[-1][0] if entries else prev[0]
    return Append(
        term, round_, prev[0], prev[1], commit, tuple(entry(*each) for each in entries), last
    )


def refused(term: int, prev: int, index: int, hint_term: int, round_: int = 0) -> AppendAnswer:
    return AppendAnswer(term, round_, False, prev, index, hint_term)


def test_1_matching_entries_are_never_truncated() -> None:
    bench = Bench(entries=LOG, hard_state=HardState(2, ""))
    bench.raft.receive(NodeId("b"), append(2, (0, 0), (1, 1), (2, 1)), 0.0)
    output = bench.take()
    assert bench.raft.last_index == 4
    assert output.entries == ()


def test_2_an_acknowledgement_never_rewinds_what_is_sent_next() -> None:
    bench = Bench()
    bench.lead()
    bench.accept("b", 1)
    for _ in range(3):
        bench.raft.propose([b"x"], bench.now)
        bench.take()
    assert bench.accept("b", 2) == []  # 3 and 4 are under way, nothing is sent again
    assert bench.accept("b", 1) == []
    bench.raft.propose([b"y"], bench.now)
    bench.take()
    sent = [m for node, m in bench.out if node == "b" and isinstance(m, Append)]
    assert [[e.index for e in message.entries] for message in sent] == [[5]]


def test_3_answers_carry_their_term_and_other_terms_are_ignored() -> None:
    bench = Bench(hard_state=HardState(5, ""))
    (answer,) = bench.tell("b", append(4, (0, 0), (1, 4)))
    assert isinstance(answer, AppendAnswer)
    assert (answer.term, answer.accepted) == (5, False)
    assert bench.raft.last_index == 0
    bench.lead()
    bench.tell("b", AppendAnswer(5, 0, True, 0, 1, 0))
    assert bench.raft.commit == 0  # an answer of an older leadership of the same member


def test_4_the_commit_index_comes_only_from_what_an_append_proves_to_agree() -> None:
    bench = Bench(entries=LOG, hard_state=HardState(2, ""))
    bench.tell("b", append(3, (2, 1), commit=9))
    assert bench.raft.commit == 2  # not 4: entries 3 and 4 may be anything
    bench.tell("b", append(3, (3, 3), commit=9, round_=2))
    assert bench.raft.commit == 2


def test_5_the_log_that_continues_a_snapshot_is_kept() -> None:
    bench = Bench(
        entries=LOG, hard_state=HardState(2, ""), snapshot=SnapshotPoint(2, 1, 2, members("abc"))
    )
    assert (bench.raft.commit, bench.raft.last_index) == (2, 4)
    assert not bench.raft.needs_snapshot(SnapshotPoint(3, 2, 3, members("abc")))
    assert bench.raft.needs_snapshot(SnapshotPoint(3, 3, 3, members("abc")))


def test_6_one_change_of_members_at_a_time_a_learner_first_and_oneself_too() -> None:
    bench = Bench()
    bench.lead()
    early = bench.raft.change(AddLearner(peer("x")), bench.now)
    assert isinstance(early, Refusal)
    assert early.code == "not_ready"
    bench.accept("b", 1)
    assert isinstance(bench.raft.change(AddLearner(peer("x")), bench.now), Proposed)
    second = bench.raft.change(AddLearner(peer("y")), bench.now)
    assert isinstance(second, Refusal)
    assert second.code == "pending_change"
    bench.take()
    bench.accept("b", 2)
    late = bench.raft.change(Promote(NodeId("x")), bench.now)
    assert isinstance(late, Refusal)
    assert late.code == "lagging"
    bench.accept("c", 2)
    bench.raft.change(Remove(NodeId("a")), bench.now)
    bench.take()
    bench.accept("b", 3)
    assert bench.raft.role is Role.LEADER  # it no longer counts itself: both others must have it
    bench.accept("c", 3)
    assert bench.raft.role is not Role.LEADER
    assert bench.raft.commit == 3


def test_7_a_refusal_skips_the_whole_conflicting_term() -> None:
    mine = [*LOG, *(entry(index, 3) for index in range(5, 500))]
    bench = Bench(entries=mine, hard_state=HardState(3, ""))
    (answer,) = bench.tell("b", append(4, (450, 2)))
    assert isinstance(answer, AppendAnswer)
    assert (answer.accepted, answer.index, answer.hint_term) == (False, 4, 2)
    leader = Bench(
        entries=[*LOG, *(entry(i, 4) for i in range(5, 500))], hard_state=HardState(4, "")
    )
    leader.lead()
    (probe,) = leader.tell("b", refused(5, prev=499, index=4, hint_term=2))
    assert isinstance(probe, Append)
    assert (probe.prev_index, probe.prev_term) == (4, 2)


def test_8_whoever_hears_a_leader_is_loyal_and_a_lonely_leader_stops() -> None:
    bench = Bench()
    bench.tell("b", append(1, (0, 0)))
    assert bench.tell("c", PreVote(2, 9, 9)) == [PreVoteAnswer(1, granted=False)]
    assert bench.tell("c", Vote(7, 9, 9, transfer=False)) == []
    assert bench.raft.term == 1
    leader = Bench()
    leader.lead()
    leader.raft.read(1, leader.now)
    for _ in range(12):
        leader.wait(0.1)
    output = leader.take()
    assert leader.raft.role is Role.FOLLOWER
    assert output.reads == (Read(1, None),)  # nobody waits for an answer that cannot come


def test_9_the_core_never_looks_into_a_command() -> None:
    bench = Bench("a")
    bench.lead()
    poison = [b"", b"\xff" * 100, b"cos\nsystem\n(S'true'\ntR."]
    assert isinstance(bench.raft.propose(poison, bench.now), Proposed)
    bench.take()
    assert bench.take().commit == 4
    entries = bench.raft.entries(2, 4, 10_000)
    assert [each.data for each in entries if each.kind == COMMAND] == poison


def test_10_what_is_applied_at_a_time_is_bounded_and_heartbeats_do_not_wait_for_it() -> None:
    bench = Bench()
    bench.lead()
    bench.raft.propose([bytes(10)] * 100, bench.now)
    bench.take()
    bench.accept("b", 101)
    assert bench.raft.commit == 101
    assert len(bench.raft.entries(2, 101, 50)) == 5
    bench.wait(0.1)  # nothing has been applied yet
    bench.take()
    assert {node for node, message in bench.out if isinstance(message, Append)} == {"b", "c"}


def test_11_what_is_under_way_to_a_peer_is_bounded_by_count_and_bytes() -> None:
    for config, most in (
        (RaftConfig(node=NodeId("a"), max_in_flight=5), 5),
        (RaftConfig(node=NodeId("a"), max_in_flight_bytes=300), 3),
    ):
        bench = Bench(config=config)
        bench.lead()
        bench.accept("b", 1)
        sent = 0
        for _ in range(20):
            bench.raft.propose([bytes(100)], bench.now)
            bench.take()
            sent += sum(bool(m.entries) for n, m in bench.out if n == "b" and isinstance(m, Append))
        assert sent == most


def test_together_a_follower_with_another_tail_is_healed_in_two_rounds() -> None:
    dice = random.Random(1)
    world = World("abc", lambda _node: dice.random)
    leader = world.await_leader()
    world.cut |= {(leader.node, other) for other in world.hosts}
    world.propose(leader, *[b"lost"] * 300)
    leader.turn()
    world.run(3.0)
    world.cut.clear()
    world.run(0.3)
    assert len({host.applied for host in world.hosts.values()}) == 1
