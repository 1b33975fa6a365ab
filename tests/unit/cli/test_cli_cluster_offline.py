"""What an operator is told before a quorum is given up."""

from pathlib import Path

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Peer
from aether.store.offline.founding import found
from tests.backup_world import machine
from tests.unit.cli.conftest import Aether


def test_an_interrupted_answer_changes_nothing(aether: Aether, tmp_path: Path) -> None:
    found(tmp_path / "store", Peer(NodeId("n-1"), "h:1"), machine(), index=7, term=3)
    before = sorted(path.name for path in (tmp_path / "store").iterdir())
    ran = aether("cluster", "recover", "--data-dir", str(tmp_path))
    assert ran.code == 2
    assert "nobody can be asked here: say --confirm CLUSTER_ID" in ran.err
    assert "*** THIS GIVES UP A CLUSTER" in ran.err
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == before


def test_a_disk_that_fails_is_told_of(aether: Aether, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "run").write_text("in the way")
    ran = aether("cluster", "recover", "--data-dir", str(tmp_path), "--look")
    assert ran.code == 1
    assert "the disk" in ran.err
