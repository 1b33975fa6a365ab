"""A full disk takes nothing new and loses nothing; it heals by itself."""

from aether.core.model.ids import NodeId
from aether.core.raft.messages import Append
from aether.store.native.conditions import Condition
from aether.store.native.results import Applied, Refused
from tests.unit.store_native.native_rig import Ask, Group


def fill(group: Group, name: str) -> None:
    disk = group.disks[NodeId(name)]
    disk.capacity = disk.used() + 100


def write_until_full(group: Group, name: str) -> None:
    def full() -> bool:
        group.submit(name, bytes(500))
        return group[name].condition is Condition.DISK_FULL

    group.run(full)


def test_a_follower_with_a_full_disk_holds_nobody_up_and_catches_up() -> None:
    group = Group()
    group.elect()
    group.run_for(2.5)
    name, leader = group.others()[0], group.leader_name()
    fill(group, name)
    group.run(
        lambda: (
            bool(group.put(leader, [bytes(500)])) and group[name].condition is Condition.DISK_FULL
        )
    )
    assert "ballast" not in group.disks[NodeId(name)].files
    (put,) = group.put(leader, [b"goes on"])
    assert isinstance(put.result, Applied)
    group.disks[NodeId(name)].capacity = 1 << 30
    group.run(lambda: group[name].condition is Condition.OK)
    group.settle()
    assert group.commands(name) == group.commands(leader)
    group.run(lambda: len(group.disks[NodeId(name)].files.get("ballast", b"")) == 64 * 1024)


def test_a_follower_with_a_full_disk_is_offered_little_until_it_takes_some() -> None:
    group = Group()
    group.elect()
    group.run_for(2.5)
    full, other = group.others()[0], group.leader_name()
    fill(group, full)
    group.run(
        lambda: (
            bool(group.put(other, [bytes(500)])) and group[full].condition is Condition.DISK_FULL
        )
    )
    group.put(other, [bytes(10_000)] * 200)
    group.run_for(1.0)
    group.sent.clear()
    group.run_for(2.0)
    offers = [p for _, to, p in group.sent if to == full and isinstance(p, Append) and p.entries]
    assert 10 <= len(offers) <= 30, "about one a heartbeat"
    assert all(len(offer.entries) == 1 for offer in offers)
    group.disks[NodeId(full)].capacity = 1 << 30
    group.run(lambda: group.commands(full) == group.commands(other))
    group.settle()


def test_a_leader_with_a_full_disk_hands_over() -> None:
    group = Group()
    group.elect()
    group.run_for(2.5)
    old = group.leader_name()
    fill(group, old)
    write_until_full(group, old)
    group.run(lambda: group.leader_name() not in ("", old))
    (put,) = group.put(group.leader_name(), [b"goes on"])
    assert isinstance(put.result, Applied)
    refused = group.submit(old, b"here")
    assert isinstance(refused.result, Refused)
    assert refused.result.code == "disk_full"
    detail = group[old].status(group.now)
    assert (detail.condition, bool(detail.detail)) == ("disk_full", True)
    group.disks[NodeId(old)].capacity = 1 << 30
    group.run(lambda: group[old].condition is Condition.OK)
    group.settle()
    assert group.commands(old) == group.commands(group.leader_name())


def test_when_every_disk_is_full_what_was_acknowledged_stays() -> None:
    group = Group()
    group.elect()
    group.run_for(2.5)
    for name in "abc":
        fill(group, name)
    asks: list[Ask] = []

    def all_full() -> bool:
        asks.append(group.submit(group.leader_name(), b"%d" % len(asks) + bytes(500)))
        return all(each.condition is Condition.DISK_FULL for each in group.replicas.values())

    group.run(all_full)
    group.run_for(5.0)
    for name in "abc":
        group.disks[NodeId(name)].capacity = 1 << 30
    group.run(lambda: all(each.condition is Condition.OK for each in group.replicas.values()))
    group.elect()
    (put,) = group.put("a", [b"last"])
    assert isinstance(put.result, Applied)
    group.settle()
    applied = [
        ask.result.data.partition(b":")[2] for ask in asks if isinstance(ask.result, Applied)
    ]
    assert applied
    assert set(applied) <= set(group.commands("a"))


def test_a_member_starts_on_a_full_disk_by_giving_up_its_ballast() -> None:
    group = Group()
    group.elect()
    group.put("a", [bytes(300)])
    group.run_for(2.5)
    name = group.others()[0]
    group.kill(name)
    fill(group, name)
    group.disks[NodeId(name)].capacity -= 100
    group.start(name)
    group.run(lambda: group[name].applied == group.leader().applied)
