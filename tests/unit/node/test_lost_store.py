"""What is left of a store that lost its memory is put aside, and the node told to join anew."""

from dataclasses import replace
from pathlib import Path

from aether.config.node import NodeConfig, StoreConfig
from aether.core.model.ids import NodeId
from aether.core.raft.entries import HardState
from aether.node.clock import MonotonicClock
from aether.node.lost_store import ASIDE, loss, put_lost_store_aside
from aether.store.disk.directory import Directory
from aether.store.disk.identity import claim
from aether.store.disk.vote_file import VOTE_NAME, VoteFile
from aether.store.origin import Origin, read_origin, write_origin


def ran(path: Path) -> NodeConfig:
    with Directory(path / "store") as disk:
        claim(disk, "one", NodeId("a"))
        VoteFile.open(disk).save(HardState(3, "b"))
    write_origin(path, Origin.FOUNDED)
    return NodeConfig(node_id=NodeId("a"), data_dir=path)


def test_a_store_that_is_whole_is_not_lost(tmp_path: Path) -> None:
    config = ran(tmp_path)
    assert not loss(config, tmp_path)
    (tmp_path / "store" / VOTE_NAME).unlink()
    assert "missing" in loss(config, tmp_path)
    assert not loss(replace(config, store=StoreConfig(engine="pysyncobj")), tmp_path)


async def test_a_store_whose_vote_is_damaged_is_kept_aside_to_look_at(tmp_path: Path) -> None:
    config = ran(tmp_path)
    (tmp_path / "store" / VOTE_NAME).write_bytes(b"not a vote")
    for _ in range(2):  # until it has joined again
        why = loss(config, tmp_path)
        assert why
        assert (tmp_path / "store").is_dir()
        await put_lost_store_aside(tmp_path, why, MonotonicClock())
        assert read_origin(tmp_path) is Origin.LOST
    assert (tmp_path / ASIDE / VOTE_NAME).read_bytes() == b"not a vote"
    assert not (tmp_path / "store" / VOTE_NAME).exists()
    (tmp_path / "store" / "log-2").write_bytes(b"of the next loss")
    await put_lost_store_aside(tmp_path, "lost once more", MonotonicClock())
    assert [each.name for each in (tmp_path / ASIDE).glob("log-*")] == ["log-2"]
    assert not (tmp_path / ASIDE / VOTE_NAME).exists()
