"""Marks outlive the process; a failed disk, a damaged log and a differing state take the right way."""

import pytest

from aether.core.model.ids import NodeId
from aether.store.disk.errors import VoteDamaged
from aether.store.native.conditions import Condition, Health, Mark
from aether.store.native.results import Applied, Refused
from tests.unit.store_native.memory_disk import MemoryDisk
from tests.unit.store_native.native_rig import Group


def test_the_worst_condition_counts_and_its_first_reason_stays() -> None:
    health = Health()
    assert (health.condition, health.detail, health.takes_part) == (Condition.OK, "", True)
    health.enter(Condition.RECOVERING, "lost")
    health.enter(Condition.DISK_FULL, "no space")
    health.enter(Condition.DISK_FULL, "another")
    assert (health.condition, health.detail) == (Condition.DISK_FULL, "no space")
    health.leave(Condition.DISK_FULL)
    assert health.condition is Condition.RECOVERING
    assert health.takes_part
    health.enter(Condition.QUARANTINED, "differs")
    assert not health.takes_part


def test_a_mark_is_there_until_it_is_cleared() -> None:
    disk = MemoryDisk()
    mark = Mark.recovering(disk)
    assert mark.text is None
    mark.put("why ä")
    mark.put("why ö")
    assert Mark.recovering(disk).text == "why ö"
    assert Mark.quarantined(disk).text is None
    mark.clear()
    assert mark.text is None


def test_a_member_whose_disk_fails_takes_no_part_until_it_is_started_anew() -> None:
    group = Group()
    group.elect()
    old = group.leader_name()
    ask = group.submit(old, b"x")
    group.disks[NodeId(old)].broken = True
    group.run(lambda: group[old].condition is Condition.DISK_FAILED)
    group.run(lambda: ask.is_done)
    group.disks[NodeId(old)].broken = False
    group.sent.clear()
    group.run_for(3.0)
    assert not [packet for sender, _, packet in group.sent if sender == old]
    refused = group.submit(old, b"y")
    assert isinstance(refused.result, Refused)
    assert refused.result.code == "disk_failed"
    assert "broken" in group[old].status(group.now).detail
    (put,) = group.put(group.others()[0] if group.others()[0] != old else "a", [b"z"])
    assert isinstance(put.result, Applied)
    group.kill(old)
    group.start(old)
    group.settle()
    assert group[old].condition is Condition.OK


def test_a_member_whose_state_differs_is_quarantined_and_refetches_everything() -> None:
    group = Group(limits={"checkpoint_entries": 20, "snapshot_entries": 50, "keep_entries": 5})
    group.elect()
    group.put("a", [b"%d" % n for n in range(120)])
    group.settle()
    name = group.others()[0]
    group.machines[NodeId(name)].commands[3] = b"flipped"
    group.put("a", [b"%d" % n for n in range(30)])
    group.run(lambda: group[name].condition is Condition.QUARANTINED)
    group.run_for(2.0)
    status = group[name].status(group.now)
    assert "differs" in status.detail
    assert status.leader is None
    refused = group.read(name)
    assert isinstance(refused.result, Refused)
    group.kill(name)
    group.start(name)
    assert group[name].condition is Condition.RECOVERING
    assert group[name].applied == 0
    group.settle()
    group.run(lambda: group[name].condition is Condition.OK)
    assert group.commands(name) == group.commands(group.leader_name())
    group.kill(name)
    group.start(name)
    assert group[name].condition is Condition.OK


def test_a_member_with_damage_neither_votes_nor_leads_until_it_has_refetched() -> None:
    group = Group(limits={"keep_entries": 5})
    group.elect()
    group.put("a", [b"%d" % n for n in range(200)])
    group.settle()
    victim = group.others()[0]
    disk = group.disks[NodeId(victim)]
    group.kill(victim)
    damaged = next(name for name in disk.names() if name.startswith("log-"))
    disk.files[damaged][60] ^= 0xFF
    last = group.others()[0]
    group.kill(last)
    group.start(victim)
    assert group[victim].condition is Condition.RECOVERING
    group.run(lambda: group[victim].applied == group.leader().applied)
    # It must not make a majority by a vote: with the old leader alone and it, nobody is elected anew.
    group.start(last)
    group.run(lambda: group[victim].condition is Condition.OK)
    group.settle()
    assert group.commands(victim) == group.commands(last)


def test_a_member_that_does_not_know_what_it_voted_is_not_opened() -> None:
    group = Group()
    group.elect()
    group.settle()
    victim = group.others()[0]
    group.kill(victim)
    group.disks[NodeId(victim)].files["vote"][-1] ^= 0xFF
    for _ in range(2):
        with pytest.raises(VoteDamaged):
            group.start(victim)


def test_recovery_lasts_over_restarts_without_a_leader() -> None:
    group = Group()
    group.elect()
    group.put("a", [b"%d" % n for n in range(20)])
    group.settle()
    for name in "abc":
        group.kill(name)
    disk = group.disks[NodeId("a")]
    disk.files[next(name for name in disk.names() if name.startswith("log-"))][60] ^= 0xFF
    for _ in range(2):
        group.start("a")
        group.start("b")
        group.run_for(5.0)
        assert group["a"].condition is Condition.RECOVERING
        assert group["b"].role.value != "leader"
        group.kill("a")
        group.kill("b")
    for name in "abc":
        group.start(name)
    group.elect()
    group.run(lambda: group["a"].condition is Condition.OK)
    assert group.commands("a") == [b"%d" % n for n in range(20)]
