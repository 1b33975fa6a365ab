"""The facade: inputs, one Output, questions."""

from aether.core.model.ids import NodeId
from aether.core.raft.entries import SnapshotPoint
from aether.core.raft.messages import Append, PreVote, TimeoutNow, Vote
from aether.core.raft.values import Output, Refusal, Role
from tests.raft_world import Bench, entry, members


def test_nothing_happened_gives_nothing_out() -> None:
    bench = Bench()
    bench.take()
    assert bench.raft.take() == Output()
    assert bench.raft.take() is bench.raft.take()


def test_who_does_not_lead_refuses_and_says_who_does() -> None:
    bench = Bench()
    bench.tell("b", Append(1, 1, 0, 0, 0, (), 0))
    refusal = bench.raft.propose([b"x"], 0.0)
    assert refusal == Refusal("not_leader", "a does not lead; b does")
    assert bench.raft.transfer(None, 0.0) == refusal


def test_time_never_goes_back_and_ticks_before_their_time_do_nothing() -> None:
    bench = Bench()
    bench.wait(5.0)
    bench.take()
    bench.raft.tick(1.0)
    assert bench.raft.wake_at() > 5.0
    assert bench.raft.take() == Output()


def test_an_installed_snapshot_is_the_whole_log() -> None:
    bench = Bench(entries=[entry(1, 1)])
    point = SnapshotPoint(9, 2, 900, members("ax", "b"))
    bench.raft.installed(point, 0.0)
    output = bench.take()
    assert (output.commit, output.members) == (9, point.members)
    assert (bench.raft.first_index, bench.raft.last_index, bench.raft.time_ms(0.0)) == (10, 9, 900)
    bench.raft.installed(SnapshotPoint(5, 1, 0, members("abc")), 0.0)
    assert bench.raft.commit == 9


def test_nonsense_terms_and_echoes_are_ignored() -> None:
    bench = Bench()
    for message in (Vote(1 << 63, 1, 1, transfer=False), PreVote(-1, 0, 0), TimeoutNow(1 << 62)):
        assert bench.tell("b", message) == []
    bench.raft.receive(NodeId("a"), Vote(9, 9, 9, transfer=False), 0.0)
    assert bench.raft.term == 0


def test_a_learner_waits_and_says_so() -> None:
    bench = Bench("bc")
    assert bench.raft.role is Role.LEARNER
    bench.wait(10.0)
    bench.take()
    assert (bench.out, bench.raft.term) == ([], 0)
    assert bench.raft.status(bench.now).leader is None
