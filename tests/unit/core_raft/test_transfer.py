"""Handing leadership over."""

from aether.core.model.ids import NodeId
from aether.core.raft.messages import TimeoutNow
from aether.core.raft.values import Refusal, Role
from tests.raft_world import Bench


def leading() -> Bench:
    bench = Bench()
    bench.lead()
    bench.accept("b", 1)
    return bench


def test_the_target_stands_once_it_holds_everything() -> None:
    bench = leading()
    bench.raft.propose([b"x"], bench.now)
    assert bench.raft.transfer(NodeId("b"), bench.now) is None
    bench.take()
    assert not any(isinstance(message, TimeoutNow) for _, message in bench.out)
    refusal = bench.raft.propose([b"y"], bench.now)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "transferring"
    assert TimeoutNow(bench.raft.term) in bench.accept("b", 2)


def test_it_is_given_up_after_the_election_time() -> None:
    bench = leading()
    bench.raft.transfer(NodeId("b"), bench.now)
    for _ in range(11):
        bench.wait(0.1)
        bench.accept("b", 1)
    assert bench.raft.role is Role.LEADER
    assert not isinstance(bench.raft.propose([b"y"], bench.now), Refusal)


def test_a_full_leader_without_a_successor_stops() -> None:
    bench = Bench()
    bench.lead()
    bench.now += 5.0
    bench.raft.set_writable(False, bench.now)
    assert bench.raft.role is Role.FOLLOWER
    full = Bench("a")
    full.lead()
    full.raft.set_writable(False, full.now)
    assert full.raft.role is Role.FOLLOWER
