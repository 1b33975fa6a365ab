"""The files of a new store are written once, into a directory of their own."""

from pathlib import Path

import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Peer
from aether.store.disk.directory import Directory
from aether.store.disk.errors import WrongMember
from aether.store.disk.identity import read_identity
from aether.store.disk.vote_file import VoteFile
from aether.store.offline.founding import found
from tests.backup_world import machine

VOTER = Peer(NodeId("n"), "h:1")


def test_it_knows_its_cluster_its_term_and_its_place(tmp_path: Path) -> None:
    founded = found(tmp_path / "s", VOTER, machine(), index=7, term=3)
    with Directory(tmp_path / "s") as disk:
        identity = read_identity(disk)
        assert identity is not None
        assert (identity.cluster_id, identity.node) == (founded.cluster_id, "n")
        assert VoteFile.open(disk, fresh=False).state.term == 3
        assert "snap-0000000000000007-3" in disk.names()


def test_another_members_directory_is_not_taken_over(tmp_path: Path) -> None:
    found(tmp_path / "s", VOTER, machine(), index=7, term=3)
    with pytest.raises(WrongMember):
        found(tmp_path / "s", VOTER, machine(), index=7, term=3)
