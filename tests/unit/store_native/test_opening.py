"""What is found on a disk decides how a member begins."""

from dataclasses import replace

import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.entries import HardState
from aether.core.raft.values import RaftConfig
from aether.ports import Member
from aether.store.disk.entry_log import LogLimits
from aether.store.disk.errors import VoteDamaged, WrongMember
from aether.store.native import conditions
from aether.store.native.opening import open_member
from aether.store.native.settings import ReplicaSpec
from tests.unit.store_native.memory_disk import MemoryDisk
from tests.unit.store_native.native_rig import Group, ListMachine

A = NodeId("a")


def spec(cluster: str = "test", node: NodeId = A) -> ReplicaSpec:
    return ReplicaSpec(
        node=node,
        cluster_id=cluster,
        members=[Member(A, "a:1")],
        raft=RaftConfig(node=node),
        log=LogLimits(segment_bytes=16 * 1024, reserve_bytes=0),
        ballast_bytes=1024,
    )


def test_an_empty_disk_is_a_founder_and_opens_again() -> None:
    disk = MemoryDisk()
    for _ in range(2):
        opened = open_member(spec(), disk, ListMachine())
        assert opened.recovering == ""
        assert opened.start.last_index == 0
        assert [peer.node for peer in opened.start.snapshot.members.voters] == [A]


def test_who_joins_with_an_empty_disk_does_not_vote_until_it_has_the_log() -> None:
    """Its name may have voted on a disk that is gone, and a laggard may still count that vote."""
    disk = MemoryDisk()
    for _ in range(2):
        opened = open_member(replace(spec(), members=[]), disk, ListMachine())
        assert opened.recovering == "it joins with an empty disk"


def test_who_joins_takes_part_in_no_term_from_before_it_was_let_in() -> None:
    disk = MemoryDisk()
    joins = replace(spec(), members=[], term=7)
    opened = open_member(joins, disk, ListMachine())
    for _ in range(2):
        assert opened.start.hard_state == HardState(7, "a"), "its vote of this term is given away"
        assert opened.recovering
        opened = open_member(joins, disk, ListMachine())
    opened.votes.save(HardState(9, ""))
    assert open_member(joins, disk, ListMachine()).start.hard_state == HardState(9, "")


def test_the_directory_of_another_is_refused() -> None:
    disk = MemoryDisk()
    open_member(spec(), disk, ListMachine())
    with pytest.raises(WrongMember):
        open_member(spec(cluster="other"), disk, ListMachine())
    with pytest.raises(WrongMember):
        open_member(spec(node=NodeId("b")), disk, ListMachine())


def grown() -> tuple[Group, MemoryDisk]:
    group = Group("a", limits={"snapshot_entries": 50, "keep_entries": 5, "checkpoint_entries": 50})
    group.elect()
    for start in range(0, 600, 50):
        group.put("a", [b"%d" % n + bytes(100) for n in range(start, start + 50)])
    group.kill("a")
    return group, group.disks[A]


def test_a_snapshot_and_the_log_behind_it_are_the_state() -> None:
    _, disk = grown()
    machine = ListMachine()
    opened = open_member(spec(), disk, machine)
    assert opened.recovering == ""
    assert len(machine.commands) > 400
    assert opened.start.snapshot.index >= len(machine.commands)
    assert opened.start.first_index <= opened.start.snapshot.index + 1
    assert opened.start.last_index >= 601


def test_without_its_snapshot_a_log_that_was_cut_is_not_enough() -> None:
    _, disk = grown()
    for name in disk.names():
        if name.startswith("snap-"):
            disk.files[name][-5] ^= 1
    for _ in range(2):
        machine = ListMachine()
        opened = open_member(spec(), disk, machine)
        assert opened.recovering
        assert machine.commands == []
        assert opened.start.last_index == 0


def test_a_missing_log_is_damage() -> None:
    _, disk = grown()
    for name in disk.names():
        if name.startswith("log-"):
            disk.remove(name)
    opened = open_member(spec(), disk, ListMachine())
    assert "missing" in opened.recovering


def test_a_member_whose_votes_are_lost_is_not_opened() -> None:
    """A vote in a term above that of any leader it would hear could be given twice."""
    _, disk = grown()
    disk.files["vote"][-1] ^= 1
    with pytest.raises(VoteDamaged):
        open_member(spec(), disk, ListMachine())
    disk.remove("vote")
    with pytest.raises(VoteDamaged, match="missing"):
        open_member(spec(), disk, ListMachine())
    conditions.Mark.recovering(disk).put("its log was damaged before")
    with pytest.raises(VoteDamaged, match="missing"):
        open_member(spec(), disk, ListMachine())


def test_set_aside_files_do_not_pile_up() -> None:
    _, disk = grown()
    sizes = []
    for _ in range(3):
        for name in disk.names():
            if name.startswith("log-") and not name.endswith(".damaged"):
                disk.files[name][40:60] = bytes(20)
        open_member(spec(), disk, ListMachine())
        sizes.append(len(disk.names()))
    assert sizes[1] == sizes[2]
    assert any(name.startswith("log-") and name.endswith(".damaged") for name in disk.names())
