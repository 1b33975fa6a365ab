"""What a node must never forget is on disk, and is checked when it comes back."""

from pathlib import Path

import pytest

from aether.core.agent.formation_state import Formed, KnownNode, Proposal
from aether.core.model.ids import NodeId
from aether.errors import ConfigInvalid
from aether.rpc.identity import forget_promise, load_formed, load_promise, save_formed, save_promise

ONE = KnownNode(NodeId("node-1"), "127.0.0.1:6001", "127.0.0.1:6101")
TWO = KnownNode(NodeId("node-2"), "127.0.0.1:6002", "127.0.0.1:6102")
FORMED = Formed("c1", (ONE, TWO), term=5)


def test_a_new_directory_knows_nothing(tmp_path: Path) -> None:
    assert load_formed(tmp_path / "none", ONE) is None
    assert load_promise(tmp_path / "none") is None


def test_cluster_and_promise_come_back(tmp_path: Path) -> None:
    save_formed(tmp_path / "new", ONE.node, FORMED)
    promise = Proposal(ONE.node, "c1", (ONE, TWO))
    save_promise(tmp_path / "new", promise)
    assert load_formed(tmp_path / "new", ONE) == FORMED
    assert load_promise(tmp_path / "new") == promise
    assert not list((tmp_path / "new").glob("*.tmp"))


def test_a_changed_cluster_address_is_taken_over(tmp_path: Path) -> None:
    save_formed(tmp_path, ONE.node, FORMED)
    moved = KnownNode(ONE.node, "127.0.0.1:7001", ONE.raft_addr)
    assert load_formed(tmp_path, moved) == Formed("c1", (moved, TWO), term=5)


def test_another_node_is_refused_with_both_names(tmp_path: Path) -> None:
    save_formed(tmp_path, ONE.node, FORMED)
    with pytest.raises(ConfigInvalid, match=r"belongs to node-1, but .* configured as node-2"):
        load_formed(tmp_path, TWO)


def test_another_raft_address_is_refused_with_both(tmp_path: Path) -> None:
    save_formed(tmp_path, ONE.node, FORMED)
    with pytest.raises(ConfigInvalid, match=r"127\.0\.0\.1:6101, but is configured .*:7101"):
        load_formed(tmp_path, KnownNode(ONE.node, ONE.cluster_addr, "127.0.0.1:7101"))


@pytest.mark.parametrize("content", ["", "{", '{"node": 1}', "[]"])
def test_a_damaged_file_is_an_error_not_a_new_node(tmp_path: Path, content: str) -> None:
    (tmp_path / "node.json").write_text(content)
    with pytest.raises(ConfigInvalid, match=r"node\.json is damaged"):
        load_formed(tmp_path, ONE)
    (tmp_path / "founding.json").write_text(content)
    with pytest.raises(ConfigInvalid, match=r"founding\.json is damaged"):
        load_promise(tmp_path)


def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    save_formed(tmp_path, ONE.node, FORMED)
    path = tmp_path / "node.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(ConfigInvalid, match="is of format 2"):
        load_formed(tmp_path, ONE)


def test_a_founding_can_be_forgotten(tmp_path: Path) -> None:
    save_promise(tmp_path, Proposal(ONE.node, "c1", (ONE, TWO)))
    for _ in range(2):
        forget_promise(tmp_path)
        assert load_promise(tmp_path) is None
