"""How far a peer is."""

from aether.core.model.ids import NodeId
from aether.core.raft.progress import Progress, Stage
from aether.core.raft.values import RaftConfig

CONFIG = RaftConfig(node=NodeId("a"), max_in_flight=2, max_in_flight_bytes=100)


def test_a_probe_is_one_at_a_time() -> None:
    peer = Progress(NodeId("b"), 5, 0.0)
    assert peer.has_room(CONFIG)
    peer.sent(9, 10)
    assert not peer.has_room(CONFIG)
    assert peer.next == 5


def test_the_window_is_bounded_by_count_and_bytes() -> None:
    peer = Progress(NodeId("b"), 1, 0.0)
    peer.go(Stage.REPLICATE, 1)
    peer.sent(1, 100)
    assert not peer.has_room(CONFIG)
    assert peer.matched(1, 3)
    assert (peer.in_flight_bytes, peer.match_round) == (0, 3)
    peer.sent(2, 1)
    peer.sent(3, 1)
    assert not peer.has_room(CONFIG)


def test_an_old_acknowledgement_changes_nothing() -> None:
    peer = Progress(NodeId("b"), 1, 0.0)
    peer.matched(7, 1)
    assert not peer.matched(3, 2)
    assert (peer.match, peer.next) == (7, 8)


def test_a_snapshot_stage_sends_nothing() -> None:
    peer = Progress(NodeId("b"), 1, 0.0)
    peer.go(Stage.SNAPSHOT, 1)
    assert not peer.has_room(CONFIG)
