"""Three replicas elect, commit, read, and answer everything exactly once."""

import pytest

from aether.core.model.ids import NodeId
from aether.store.native.packets import MAX_COMMAND
from aether.store.native.results import Applied, Refused, Unknown
from tests.unit.store_native.native_rig import Ask, Group


def test_a_group_elects_one_leader_and_applies_what_any_member_is_given() -> None:
    group = Group()
    group.elect()
    for name in "abc":
        (ask,) = group.put(name, [name.encode()])
        assert isinstance(ask.result, Applied)
        assert ask.result.data.endswith(b":" + name.encode())
    group.settle()
    assert {tuple(each.commands) for each in group.machines.values()} == {(b"a", b"b", b"c")}


def test_one_alone_is_a_group() -> None:
    group = Group("a")
    group.elect()
    (ask,) = group.put("a", [b"x"])
    assert ask.result == Applied(b"1:x")


def test_many_at_once_keep_their_order() -> None:
    group = Group()
    group.elect()
    commands = [b"%d" % number for number in range(3000)]
    asks = group.put(group.others()[0], commands)
    assert all(isinstance(ask.result, Applied) for ask in asks)
    group.settle()
    assert all(group.commands(name) == commands for name in "abc")


def test_a_read_waits_until_what_was_acknowledged_is_applied_here() -> None:
    group = Group()
    group.elect()
    follower = group.others()[0]
    group.put(group.leader_name(), [b"x"])
    ask = group.read(follower)
    group.run(lambda: ask.is_done)
    assert ask.result is None
    assert group.commands(follower) == [b"x"]


def test_a_cut_off_leader_serves_no_read_and_acknowledges_no_write() -> None:
    group = Group()
    group.elect()
    old = group.leader_name()
    group.isolate(old)
    read, write = group.read(old, 3.0), group.submit(old, b"lost", 3.0)
    group.run(lambda: read.is_done and write.is_done)
    assert isinstance(read.result, Refused)
    assert isinstance(write.result, Unknown)
    group.run(lambda: any(group[n].role.value == "leader" for n in group.replicas if n != old))
    group.heal()
    group.settle()
    assert b"lost" not in group.commands("a")


def test_without_quorum_a_queued_write_is_refused() -> None:
    group = Group()
    group.elect()
    alone = group.others()[0]
    group.isolate(alone)
    group.run(lambda: group[alone].leader is None)
    ask = group.submit(alone, b"x", 1.0)
    group.run(lambda: ask.is_done)
    assert isinstance(ask.result, Refused)
    assert ask.result.code == "no_leader"


def test_what_another_leader_overwrote_is_refused_as_superseded() -> None:
    group = Group()
    group.elect()
    old = group.leader_name()
    group.isolate(old)
    ask = group.submit(old, b"lost", 30.0)
    group.run(lambda: any(group[n].role.value == "leader" for n in group.replicas if n != old))
    group.run(lambda: group[old].role.value == "follower")
    group.heal()
    group.run(lambda: ask.is_done)
    assert isinstance(ask.result, Refused)
    assert ask.result.code == "superseded"


def test_writes_go_on_after_the_leader_died() -> None:
    group = Group()
    group.elect()
    old = group.leader_name()
    group.put(old, [b"before"])
    group.kill(old)
    survivor = next(iter(group.replicas))
    (ask,) = group.put(survivor, [b"after"])
    assert isinstance(ask.result, Applied)
    group.start(old)
    group.settle()
    assert group.commands(old) == [
        b"before",
        b"after",
    ]


def test_everything_is_answered_when_a_member_stops() -> None:
    group = Group()
    group.elect()
    leader, follower = group.leader_name(), group.others()[0]
    group.cut = {(a, b) for a in group.disks for b in group.disks}
    asks = [group.submit(name, b"x", 1000.0) for name in (leader, follower)]
    group.step()
    asks += [group.submit(name, b"y", 1000.0) for name in (leader, follower)]
    asks += [group.read(name, 1000.0) for name in (leader, follower)]
    transfer = Ask()
    group[follower].transfer(None, transfer.done, group.now + 1000, group.now)
    for name in (leader, follower):
        group[name].close()
        group[name].close()
    assert all(ask.is_done for ask in [*asks, transfer])
    assert isinstance(asks[0].result, Unknown)
    assert isinstance(asks[2].result, Refused)
    late = group.submit(leader, b"z")
    assert isinstance(late.result, Refused)


def test_a_restart_finds_everything_again() -> None:
    group = Group()
    group.elect()
    group.put("a", [b"%d" % n for n in range(50)])
    group.settle()
    for name in "abc":
        group.kill(name)
    for name in "abc":
        group.start(name)
    group.elect()
    group.settle()
    assert all(len(each.commands) == 50 for each in group.machines.values())


def test_limits_are_refusals() -> None:
    group = Group(limits={"max_waiting": 2})
    group.elect()
    big = group.submit("a", bytes(MAX_COMMAND + 1))
    assert isinstance(big.result, Refused)
    assert big.result.code == "too_large"
    asks = [group.submit("a", b"x") for _ in range(3)]
    assert isinstance(asks[2].result, Refused)
    assert asks[2].result.code == "busy"


def test_what_falls_due_is_proposed_by_the_leader_alone() -> None:
    group = Group()
    group.elect()
    for machine in group.machines.values():
        machine.due_at_ms = 1500
    group.run(lambda: all(machine.due_at_ms is None for machine in group.machines.values()))
    assert len({tuple(machine.commands) for machine in group.machines.values()}) == 1
    assert len(group.commands("a")) == 1


@pytest.mark.parametrize("seed", range(5))
def test_an_idle_group_elects_once_and_is_quiet(seed: int) -> None:
    group = Group(seed=seed)
    group.elect()
    term = group.leader().term
    group.sent.clear()
    group.run_for(2.0)
    assert group.leader().term == term
    assert len(group.sent) < 2.0 / 0.1 * 4 + 20


def test_a_leader_whose_disk_stalls_hands_over_and_loses_nothing() -> None:
    group = Group()
    group.elect()
    old = group.leader_name()
    group.stalled[NodeId(old)] = []
    # The others are a quorum without it: its own disk holds no write up.
    asks = group.put(old, [b"%d" % number for number in range(10)])
    assert all(isinstance(ask.result, Applied) for ask in asks)
    began = group.now
    group.run(lambda: group.leader_name() not in ("", old))
    assert group.now - began < 5.0
    asks = group.put(group.leader_name(), [b"more"])
    assert isinstance(asks[0].result, Applied)
    group.resume(old)
    group.settle()
    assert group.commands(old) == group.commands(group.leader_name())


def test_a_follower_whose_disk_stalls_acknowledges_nothing_and_waits_quietly() -> None:
    group = Group()
    group.elect()
    slow, leader = group.others()[0], group.leader_name()
    group.stalled[NodeId(slow)] = []
    group.put(leader, [b"x"])
    group.run_for(4.0)
    peers = {peer.node: peer for peer in group[leader].status(group.now).peers}
    assert peers[NodeId(slow)].match < group[leader].status(group.now).last_index
    # It answers heartbeats all the same, so that it is not taken for dead.
    assert peers[NodeId(slow)].silent_s < 0.5
    assert group[slow].wake_at() > group.now
    group.kill(group.others()[1])
    ask = group.submit(leader, b"y", timeout_s=1.0)
    group.run(lambda: ask.is_done)
    assert isinstance(ask.result, Unknown)
    group.resume(slow)
    group.run(lambda: group.commands(slow) == [b"x", b"y"])
