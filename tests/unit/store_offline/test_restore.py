"""A backup becomes a store that opens like any other."""

from pathlib import Path

import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.values import RaftConfig
from aether.core.store.machine import KvMachine
from aether.store.backup.reader import load_backup
from aether.store.disk.directory import Directory
from aether.store.disk.errors import WrongMember
from aether.store.native.opening import open_member
from aether.store.native.settings import ReplicaSpec
from aether.store.offline.restore import NotEmpty, restore
from aether.store.origin import Origin, loss_of, read_origin
from tests.backup_world import backup_file, machine

NODE = NodeId("fresh-1")
ADDRESS = "127.0.0.1:9"


def spec(cluster_id: str) -> ReplicaSpec:
    return ReplicaSpec(node=NODE, cluster_id=cluster_id, raft=RaftConfig(node=NODE))


def test_the_state_is_the_backups_and_the_cluster_a_new_one(tmp_path: Path) -> None:
    one = machine()
    backup = load_backup(backup_file(tmp_path / "b", one))
    founded = restore(backup, tmp_path / "data", NODE, ADDRESS)
    assert founded.state_hash == one.state_hash()
    assert founded.cluster_id not in ("old", "")
    assert (read_origin(tmp_path / "data"), loss_of(tmp_path / "data")) == (Origin.FOUNDED, "")
    restored = KvMachine()
    with Directory(tmp_path / "data" / "store") as disk:
        opened = open_member(spec(founded.cluster_id), disk, restored)
        opened.log.close()
    assert restored.state_hash() == one.state_hash()
    assert restored.digest() == one.digest()
    assert opened.recovering == ""
    assert [(peer.node, peer.address) for peer in opened.start.snapshot.members.voters] == [
        (NODE, ADDRESS)
    ]
    assert opened.start.snapshot.time_ms == one.time_ms
    assert (tmp_path / "data" / "engine").read_text() == "native\n"


def test_the_old_cluster_cannot_open_it(tmp_path: Path) -> None:
    restore(load_backup(backup_file(tmp_path / "b", machine())), tmp_path / "data", NODE, ADDRESS)
    with (
        Directory(tmp_path / "data" / "store") as disk,
        pytest.raises(WrongMember, match="belongs to member fresh-1 of cluster"),
    ):
        open_member(spec("old"), disk, KvMachine())


def test_two_restores_make_two_clusters(tmp_path: Path) -> None:
    backup = load_backup(backup_file(tmp_path / "b", machine()))
    made = {restore(backup, tmp_path / name, NODE, ADDRESS).cluster_id for name in ("a", "c")}
    assert len(made) == 2


def test_only_an_empty_directory_will_do(tmp_path: Path) -> None:
    backup = load_backup(backup_file(tmp_path / "b", machine()))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "something").write_text("precious")
    with pytest.raises(NotEmpty, match="is not empty"):
        restore(backup, tmp_path / "data", NODE, ADDRESS)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["something"]
