"""Snapshots shorten the log, bring members up to date that are behind it, and lose nothing."""

import pytest

from aether.core.model.ids import NodeId
from aether.store.native.packets import SnapshotChunk
from aether.store.native.results import Applied
from tests.unit.store_native.native_rig import Group

LIMITS: dict[str, int] = {
    "snapshot_entries": 100,
    "keep_entries": 10,
    "chunk_bytes": 512,
    "checkpoint_entries": 50,
}


def numbers(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last)]


def snapshot_chunks(group: Group) -> list[SnapshotChunk]:
    return [packet for _, _, packet in group.sent if isinstance(packet, SnapshotChunk)]


def behind(group: Group) -> str:
    """Cut a follower off until the others' logs no longer have what it needs."""
    group.elect()
    name = group.others()[0]
    group.put(group.leader_name(), numbers(0, 20))
    group.settle()
    group.isolate(name)
    for start in range(20, 1520, 100):
        group.put(group.leader_name(), [b"%d" % n + bytes(50) for n in range(start, start + 100)])
    leader = group.leader()
    last = group[name].status(group.now).last_index
    assert leader.status(group.now).first_index > last + 1
    return name


def test_the_log_is_cut_behind_a_snapshot_and_a_restart_begins_with_it() -> None:
    group = Group(limits=LIMITS)
    group.elect()
    for start in range(0, 3000, 100):
        group.put("a", [b"%d" % n + bytes(50) for n in range(start, start + 100)])
    group.settle()
    for name in "abc":
        status = group[name].status(group.now)
        assert status.snapshot_index > 2500
        assert 1 < status.first_index <= status.snapshot_index
    commands = group.commands("a")
    for name in "abc":
        group.kill(name)
    for name in "abc":
        group.start(name)
    group.elect()
    group.settle()
    assert group.commands("b") == commands


def test_a_member_behind_the_log_gets_a_snapshot_and_then_the_rest() -> None:
    group = Group(limits=LIMITS)
    name = behind(group)
    group.heal()
    group.settle()
    assert group.commands(name) == group.commands(group.leader_name())
    assert snapshot_chunks(group)
    status = group[name].status(group.now)
    assert status.snapshot_index > 1000
    (ask,) = group.put(name, [b"more"])
    assert isinstance(ask.result, Applied)


def test_a_transfer_that_broke_off_goes_on_where_it_was() -> None:
    group = Group(limits=LIMITS)
    name = behind(group)
    group.heal()
    group.run(lambda: any(chunk.offset > 10_000 for chunk in snapshot_chunks(group)))
    leader = group.leader_name()
    group.isolate(name)
    group[leader].link_lost(NodeId(name), group.now)
    group.wire.clear()
    group.run_for(0.2)
    before = max(chunk.offset for chunk in snapshot_chunks(group))
    group.sent.clear()
    group.heal()
    group.settle()
    with_data = [chunk for chunk in snapshot_chunks(group) if chunk.data]
    assert min(chunk.offset for chunk in with_data) > before - 6 * 512
    assert group.commands(name) == group.commands(group.leader_name())


def test_lost_chunks_are_sent_again() -> None:
    group = Group(limits=LIMITS)
    name = behind(group)
    group.drop = lambda packet: isinstance(packet, SnapshotChunk) and group.dice.random() < 0.02
    group.heal()
    group.run(lambda: group[name].applied >= group.leader().applied, limit_s=120.0)
    assert group.commands(name) == group.commands(group.leader_name())


def test_a_member_that_died_while_receiving_begins_again() -> None:
    group = Group(limits=LIMITS)
    name = behind(group)
    group.heal()
    group.run(lambda: any(chunk.offset > 10_000 for chunk in snapshot_chunks(group)))
    group.kill(name)
    group.run_for(0.5)
    group.start(name)
    group.settle()
    assert group.commands(name) == group.commands(group.leader_name())


def test_a_new_leader_takes_a_transfer_over() -> None:
    group = Group(limits=LIMITS)
    name = behind(group)
    group.heal()
    group.run(lambda: any(chunk.offset > 10_000 for chunk in snapshot_chunks(group)))
    group.kill(group.leader_name())
    group.elect()
    group.settle()
    assert group.commands(name) == group.commands(group.leader_name())


def test_a_snapshot_the_machine_refuses_is_not_installed() -> None:
    group = Group(limits=LIMITS)
    name = behind(group)
    group.put(group.leader_name(), [b"poison"])
    for start in range(0, 2000, 100):
        group.put(group.leader_name(), [b"%d" % n + bytes(50) for n in range(start, start + 100)])
    before = list(group.commands(name))
    group.heal()
    group.run_for(3.0)
    assert group.commands(name) == before
    (ask,) = group.put(group.leader_name(), [b"still"])
    assert isinstance(ask.result, Applied)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_slices_of_snapshots_let_other_work_through(share: float) -> None:
    group = Group(limits=LIMITS)
    ticking = [0.0]

    def stopwatch() -> float:
        ticking[0] += 0.004 * share
        return ticking[0]

    group.stopwatch = stopwatch
    for name in "abc":
        group.kill(name)
        group.start(name)
    group.elect()
    for start in range(0, 500, 50):
        group.put("a", numbers(start, start + 50))
    group.settle()
    assert group["a"].status(group.now).snapshot_index > 100
    assert group.commands("a") == group.commands("b") == numbers(0, 500)


def test_a_disk_that_fills_up_while_a_snapshot_comes_in_or_is_taken_heals() -> None:
    group = Group(limits={**LIMITS, "ballast_bytes": 0})
    name = behind(group)
    disk = group.disks[NodeId(name)]
    group.heal()
    group.run(lambda: any(chunk.offset > 5_000 for chunk in snapshot_chunks(group)))
    disk.capacity = disk.used() + 2_000
    group.run(lambda: group[name].condition.value == "disk_full")
    leader = group.leader_name()
    for start in range(0, 500, 100):
        group.put(leader, [b"%d" % n for n in range(start, start + 100)])
    assert not [each for each in disk.names() if each.endswith(".part")]
    disk.capacity = 1 << 30
    group.run(lambda: group[name].condition.value == "ok")
    group.settle()
    assert group.commands(name) == group.commands(leader)


def test_a_failed_disk_while_a_snapshot_is_synced_ends_taking_part() -> None:
    group = Group(limits=LIMITS)
    group.elect()
    name = group.others()[0]
    group.stalled[NodeId(name)] = []
    # Applied are also entries that are not on this member's own disk yet.
    group.put(group.leader_name(), [b"%d" % n for n in range(200)])
    group.run(lambda: any(job.background for job in group.stalled[NodeId(name)]))
    group.disks[NodeId(name)].broken = True
    group.resume(name)
    assert group[name].condition.value == "disk_failed"
    group.disks[NodeId(name)].broken = False
    group.kill(name)
    group.start(name)
    group.settle()
    assert group.commands(name) == group.commands(group.leader_name())


def test_what_commits_while_a_snapshot_is_verified_makes_it_needless() -> None:
    group = Group(limits=LIMITS)
    name = behind(group)
    node = NodeId(name)
    group.stalled[node] = []
    group.heal()
    group.run(lambda: any(job.background for job in group.stalled[node]))
    group.run_for(0.5)
    group.put(group.leader_name(), [b"%d" % n for n in range(300)])
    group.resume(name)
    group.settle()
    assert group.commands(name) == group.commands(group.leader_name())


def test_old_snapshots_go_although_the_log_reaches_further_back() -> None:
    group = Group(limits={"snapshot_entries": 20, "keep_entries": 10_000})
    group.elect()
    leader = group.leader_name()
    for round_ in range(12):
        group.put(leader, [b"%d/%d" % (round_, number) for number in range(25)])
        group.settle()
    names = [name for name in group.disks[NodeId(leader)].names() if name.startswith("snap-")]
    assert group[leader].status(group.now).first_index == 1
    assert 1 <= len(names) <= 2
