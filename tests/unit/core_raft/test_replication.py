"""Probes, windows, heartbeats and what the answers say."""

from aether.core.model.ids import NodeId
from aether.core.raft.entries import SnapshotPoint
from aether.core.raft.messages import Append, AppendAnswer
from aether.core.raft.values import RaftConfig
from tests.raft_world import Bench, members


def leading(voters: str = "abc", **settings: int) -> Bench:
    bench = Bench(voters, config=RaftConfig(node=NodeId("a"), **settings))  # type: ignore[arg-type] # counts and bytes only
    bench.lead()
    return bench


def refusal(bench: Bench, prev: int, index: int, round_: int) -> AppendAnswer:
    return AppendAnswer(bench.raft.term, round_, False, prev, index, 0)


def stage(bench: Bench, node: str) -> tuple[str, int]:
    peers = bench.raft.status(bench.now).peers
    return next((peer.state, peer.match) for peer in peers if peer.node == node)


def test_peers_that_are_equally_far_get_one_object() -> None:
    bench = leading()
    bench.accept("b", 1)
    bench.accept("c", 1)
    bench.raft.propose([b"x"], bench.now)
    bench.take()
    (_, first), (_, second) = bench.out
    assert first is second


def test_a_refused_heartbeat_shows_that_an_append_was_lost() -> None:
    bench = leading()
    bench.accept("b", 1)
    bench.raft.propose([b"x"], bench.now)
    bench.take()  # lost
    bench.wait(0.1)
    bench.take()
    beat = next(m for node, m in bench.out if node == "b" and isinstance(m, Append))
    assert (beat.prev_index, beat.entries) == (2, ())
    (again,) = bench.tell("b", refusal(bench, 2, 1, beat.round))
    assert isinstance(again, Append)
    assert [e.index for e in again.entries] == [2]


def test_an_old_refusal_is_not_taken_for_a_lost_disk() -> None:
    bench = leading()
    bench.accept("b", 1)
    bench.tell("b", refusal(bench, 1, 0, 0))
    assert stage(bench, "b") == ("replicate", 1)


def test_a_peer_whose_disk_lost_what_it_had_begins_anew() -> None:
    bench = leading()
    bench.accept("b", 1)
    bench.wait(0.1)
    bench.take()
    (probe,) = bench.tell("b", refusal(bench, 1, 0, 1))
    assert isinstance(probe, Append)
    assert probe.prev_index == 0
    assert stage(bench, "b") == ("probe", 0)


def test_a_peer_that_needs_what_is_gone_is_asked_for_once() -> None:
    bench = leading("abc")
    bench.accept("b", 1)
    bench.raft.propose([b"x", b"y"], bench.now)
    bench.take()
    bench.accept("b", 3)
    bench.raft.compacted(4)
    bench.take()
    bench.wait(0.1)
    output = bench.take()
    assert output.snapshots == (NodeId("c"),)
    bench.wait(0.1)
    output = bench.take()
    assert output.snapshots == ()
    assert {node for node, _ in output.messages} == {"b", "c"}
    bench.raft.snapshot_sent(NodeId("c"), 3, bench.now)
    bench.take()
    assert stage(bench, "c") == ("probe", 0)
    bench.accept("c", 3)
    bench.tell("c", AppendAnswer(bench.raft.term, 2, True, 3, 3, 0))
    assert stage(bench, "c") == ("replicate", 3)


def test_nonsense_is_ignored() -> None:
    bench = leading()
    for answer in (
        AppendAnswer(bench.raft.term, 99, True, 0, 1, 0),
        AppendAnswer(bench.raft.term, 0, True, 0, 99, 0),
        AppendAnswer(bench.raft.term, 0, True, -5, 1, 0),
        AppendAnswer(bench.raft.term, 0, False, -5, -7, -3),
        AppendAnswer(bench.raft.term, 0, False, 1 << 63, -7, 1 << 63),
    ):
        bench.tell("b", answer)
    assert stage(bench, "b")[1] == 0


def test_a_lone_voter_sends_to_learners_only_what_is_on_disk() -> None:
    bench = Bench("a", snapshot=SnapshotPoint(0, 0, 0, members("a", "x")))
    bench.wait(1.1)
    output = bench.take()
    assert [node for node, _ in output.promises] == ["x"]
    assert output.messages == ()


def noticing() -> Bench:
    """Return a leader that lets commits wait for 3 ms; peers hold its first entry."""
    bench = Bench("abc", config=RaftConfig(node=NodeId("a"), notice_s=0.003))
    bench.lead()
    for node in "bc":
        bench.accept(node, 1)
    bench.wait(0.004)
    bench.take()
    bench.out.clear()
    return bench


def told(bench: Bench) -> list[tuple[NodeId, int, int]]:
    """Return the Appends since the last call: to whom, with how many entries, with which commit."""
    bench.take()
    found = [(n, len(m.entries), m.commit) for n, m in bench.out if isinstance(m, Append)]
    bench.out.clear()
    return found


def test_a_commit_waits_a_moment_for_an_append_that_tells_of_it() -> None:
    bench = noticing()
    bench.raft.propose([b"x"], bench.now)
    assert told(bench) == [("b", 1, 1), ("c", 1, 1)]
    for node in "bc":
        assert bench.accept(node, 2) == []
    assert bench.raft.commit == 2
    assert told(bench) == []
    assert bench.raft.wake_at() <= bench.now + 0.003
    bench.raft.propose([b"y"], bench.now)
    assert told(bench) == [("b", 1, 2), ("c", 1, 2)]
    for node in "bc":
        assert bench.accept(node, 3) == []
    bench.wait(0.0031)
    assert told(bench) == [("b", 0, 3), ("c", 0, 3)]


def test_a_peer_that_waits_for_a_commit_is_told_at_once() -> None:
    bench = noticing()
    bench.raft.propose([b"x"], bench.now, NodeId("c"))
    bench.take()
    assert bench.accept("b", 2) == []
    (notice,) = bench.accept("c", 2)
    assert isinstance(notice, Append)
    assert (notice.entries, notice.commit) == ((), 2)
