"""What a survivor holds, and the cluster that is made of it."""

from pathlib import Path

import msgspec
import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.entries import COMMAND, MEMBERS, NOOP, Entry, HardState, Members, Peer
from aether.core.raft.values import RaftConfig
from aether.core.store.codec import encode_command
from aether.core.store.commands import Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import Invalid, NotFound
from aether.store.disk.directory import Directory
from aether.store.disk.entry_log import EntryLog, LogLimits
from aether.store.disk.identity import claim
from aether.store.disk.vote_file import VOTE_NAME, VoteFile
from aether.store.native.conditions import Mark
from aether.store.native.opening import open_member
from aether.store.native.settings import ReplicaSpec
from aether.store.offline.holding import InUse, held
from aether.store.offline.quorum_loss import ASIDE, NotTrusted, examine, recover
from aether.store.origin import Origin, loss_of, read_origin, write_origin
from tests.backup_world import BY_TEST

NODE = NodeId("node-1")
PEERS = tuple(Peer(NodeId(f"node-{n}"), f"127.0.0.1:{n}") for n in (1, 2, 3))
FOUNDERS = Members(PEERS)
LIMITS = LogLimits(segment_bytes=64 * 1024)


def command(index: int) -> Entry:
    data = encode_command(Txn((Put(f"app/{index}", b"x"),), BY_TEST))
    return Entry(index, 4, COMMAND, index, data)


def member(data_dir: Path, entries: int = 20, changed: Members | None = None) -> KvMachine:
    """Write a stopped member's store; return the state of its whole log."""
    made = [Entry(1, 4, NOOP, 1, b""), *(command(index) for index in range(2, entries + 1))]
    if changed is not None:
        made.append(Entry(entries + 1, 4, MEMBERS, 99, msgspec.msgpack.encode(changed)))
    with Directory(data_dir / "store") as disk:
        claim(disk, "old", NODE)
        VoteFile.open(disk).save(HardState(4, "node-1"))
        log = EntryLog.open(disk, LIMITS, 0)
        log.append(made)
        log.close()
    machine = KvMachine()
    for entry in made:
        if entry.kind == COMMAND:
            machine.apply(entry.data, entry.time_ms)
    return machine


def test_a_survivor_tells_what_it_holds_and_whom_it_gives_up(tmp_path: Path) -> None:
    member(tmp_path)
    found = examine(tmp_path, FOUNDERS)
    assert (found.cluster_id, found.node, found.address) == ("old", NODE, "127.0.0.1:1")
    assert (found.term, found.last_term, found.last_index, found.snapshot_index) == (4, 4, 20, 0)
    assert found.votes
    assert [peer.node for peer in found.given_up] == ["node-2", "node-3"]
    assert found.revision == 19


def test_the_log_knows_the_members_better_than_the_node(tmp_path: Path) -> None:
    member(tmp_path, changed=Members(PEERS[1:], (PEERS[0],)))
    found = examine(tmp_path, FOUNDERS)
    assert not found.votes


def test_the_new_cluster_has_everything_in_the_log_and_one_voter(tmp_path: Path) -> None:
    expected = member(tmp_path)
    survivor, founded = recover(tmp_path, "old", FOUNDERS)
    assert founded.state_hash == expected.state_hash()
    assert founded.cluster_id != "old"
    assert (read_origin(tmp_path), loss_of(tmp_path)) == (Origin.FOUNDED, "")
    assert survivor.last_index == 20
    restored = KvMachine()
    with Directory(tmp_path / "store") as disk:
        spec = ReplicaSpec(node=NODE, cluster_id=founded.cluster_id, raft=RaftConfig(node=NODE))
        opened = open_member(spec, disk, restored)
        opened.log.close()
    assert restored.state_hash() == expected.state_hash()
    assert (opened.start.snapshot.index, opened.start.hard_state.term) == (20, 5)
    assert opened.start.snapshot.members == Members((PEERS[0],))
    # The files as they were are kept, and say the same as before.
    (tmp_path / "store").rename(tmp_path / "other")
    (tmp_path / ASIDE).rename(tmp_path / "store")
    assert examine(tmp_path, FOUNDERS).last_index == 20


def test_nothing_is_done_without_the_right_word(tmp_path: Path) -> None:
    member(tmp_path)
    for word in ("", "OLD", "yes"):
        with pytest.raises(Invalid, match="nothing was changed"):
            recover(tmp_path, word, FOUNDERS)
    assert examine(tmp_path, FOUNDERS).cluster_id == "old"
    assert not (tmp_path / ASIDE).exists()


def test_a_recovered_member_can_be_recovered_again(tmp_path: Path) -> None:
    expected = member(tmp_path)
    _, first = recover(tmp_path, "old", FOUNDERS)
    _, second = recover(tmp_path, first.cluster_id, Members(()))
    assert second.state_hash == expected.state_hash()
    assert (tmp_path / f"{ASIDE}-2").is_dir()


def test_a_recovery_that_was_interrupted_begins_anew(tmp_path: Path) -> None:
    expected = member(tmp_path)
    (tmp_path / "store").rename(tmp_path / ASIDE)
    (tmp_path / "store.recovered").mkdir()
    (tmp_path / "store.recovered" / "member").write_text("half")
    _, founded = recover(tmp_path, "old", FOUNDERS)
    assert founded.state_hash == expected.state_hash()


def test_a_member_that_runs_is_left_alone(tmp_path: Path) -> None:
    member(tmp_path)
    with held(tmp_path), pytest.raises(InUse, match="a node runs in"):
        examine(tmp_path, FOUNDERS)
    with Directory(tmp_path / "store"), pytest.raises(InUse, match="in use"):
        recover(tmp_path, "old", FOUNDERS)


def test_damaged_and_distrusted_members_are_refused_by_name(tmp_path: Path) -> None:
    member(tmp_path)
    with Directory(tmp_path / "store") as disk:
        Mark.recovering(disk).put("its vote was damaged")
    with pytest.raises(NotTrusted, match="its vote was damaged"):
        recover(tmp_path, "old", FOUNDERS)
    with Directory(tmp_path / "store") as disk:
        Mark.recovering(disk).clear()
    (segment,) = (tmp_path / "store").glob("log-*.seg")
    data = bytearray(segment.read_bytes())
    data[120] ^= 1
    segment.write_bytes(data)
    with pytest.raises(NotTrusted, match=r"log-.* is damaged"):
        recover(tmp_path, "old", FOUNDERS)
    assert not (tmp_path / ASIDE).exists()


def test_a_damaged_vote_does_not_matter_to_a_new_cluster(tmp_path: Path) -> None:
    """Who votes alone and lost its vote can be helped by nobody else."""
    expected = member(tmp_path)
    (tmp_path / "store" / VOTE_NAME).write_bytes(b"bits that rotted")
    assert examine(tmp_path, FOUNDERS).term == 4, "that of the log"
    _, founded = recover(tmp_path, "old", FOUNDERS)
    assert founded.state_hash == expected.state_hash()
    assert not loss_of(tmp_path)


def test_a_member_that_lost_its_store_is_refused(tmp_path: Path) -> None:
    member(tmp_path)
    write_origin(tmp_path, Origin.LOST)
    with pytest.raises(NotTrusted, match="had lost its store"):
        examine(tmp_path, FOUNDERS)


def test_who_was_removed_cannot_begin_a_cluster(tmp_path: Path) -> None:
    member(tmp_path, changed=Members(PEERS[1:]))
    with pytest.raises(NotTrusted, match=r"no member of cluster old any more .*node-2, node-3"):
        examine(tmp_path, FOUNDERS)


def test_directories_without_a_native_store_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="holds no store"):
        examine(tmp_path, FOUNDERS)
    with pytest.raises(NotFound, match="holds no store"):
        examine(tmp_path / "nowhere", FOUNDERS)
    member(tmp_path)
    (tmp_path / "engine").write_text("pysyncobj\n")
    with pytest.raises(Invalid, match="engine pysyncobj"):
        examine(tmp_path, FOUNDERS)
