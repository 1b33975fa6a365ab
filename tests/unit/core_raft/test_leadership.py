"""One term of leading."""

from dataclasses import replace

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Entry, HardState
from aether.core.raft.values import Proposed, RaftConfig, Refusal, Remove
from tests.raft_world import Bench, entry


def test_only_entries_of_the_own_term_are_committed_by_counting() -> None:
    bench = Bench(entries=[entry(1, 1)], hard_state=HardState(1, ""))
    bench.lead()
    bench.accept("b", 1)
    assert bench.raft.commit == 0
    bench.accept("b", 2)
    assert bench.raft.commit == 2


def test_a_leader_counts_itself_only_for_what_is_on_its_disk() -> None:
    bench = Bench()
    bench.lead()
    bench.raft.propose([b"x"], bench.now)
    bench.take(sync=False)
    bench.accept("b", 2)
    assert bench.raft.commit == 1
    bench.raft.persisted(2, bench.raft.term)
    assert bench.raft.commit == 2


def test_cluster_time_goes_on_where_the_log_stopped() -> None:
    bench = Bench(entries=[Entry(1, 1, 0, 5000, b"")], hard_state=HardState(1, ""))
    bench.lead()
    began = bench.now
    assert bench.raft.time_ms(began) == 5000
    assert bench.raft.time_ms(began + 1.5) == 6500
    bench.now += 1.5
    bench.raft.propose([b"x"], bench.now)
    assert bench.raft.entries(3, 3, 10)[0].time_ms == 6500
    assert bench.raft.time_ms(0.0) == 6500  # never back


def test_too_much_uncommitted_is_refused_until_it_is_committed() -> None:
    bench = Bench(config=replace(RaftConfig(node=NodeId("a")), max_uncommitted_bytes=10))
    bench.lead()
    assert isinstance(bench.raft.propose([bytes(20)], bench.now), Proposed)
    refusal = bench.raft.propose([b"x"], bench.now)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "busy"
    bench.take()
    bench.accept("b", 2)
    assert isinstance(bench.raft.propose([b"x"], bench.now), Proposed)


def test_who_a_quorum_would_miss_is_not_removed() -> None:
    bench = Bench()
    bench.lead()
    bench.accept("b", 1)
    refusal = bench.raft.change(Remove(NodeId("b")), bench.now)  # c has nothing yet
    assert isinstance(refusal, Refusal)
    assert refusal.code == "lagging"
    assert isinstance(bench.raft.change(Remove(NodeId("c")), bench.now), Proposed)


def test_proposing_nothing_promises_nothing() -> None:
    bench = Bench()
    bench.lead()
    assert bench.raft.propose([], bench.now) == Proposed(2, bench.raft.term)
    assert bench.raft.last_index == 1


def test_a_leader_that_was_kept_waiting_judges_one_round_later() -> None:
    bench = Bench()
    bench.lead()
    bench.wait(0.0)
    bench.wait(5.0)
    assert bench.raft.leader == "a"
    bench.wait(0.1)
    assert bench.raft.leader is None
    slow = Bench()
    slow.lead()
    slow.wait(0.0)
    for _ in range(2):
        slow.wait(2.0)  # always late: it may not judge later and later
    assert slow.raft.leader is None
