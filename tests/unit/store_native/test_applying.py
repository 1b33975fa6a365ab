"""What is committed is applied in order, within a budget, and what time it is comes from the log."""

from itertools import count
from typing import cast

import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.entries import COMMAND, Entry, Members
from aether.core.raft.raft import Raft
from aether.errors import Bug
from aether.store.native.applying import Applying
from aether.store.native.checkpoints import Checkpoints
from aether.store.native.proposals import Proposals
from tests.unit.store_native.native_rig import Group, ListMachine


class TimedMachine(ListMachine):
    def __init__(self) -> None:
        super().__init__()
        self.times: list[int] = []

    def apply(self, command: bytes, time_ms: int) -> bytes:
        self.times.append(time_ms)
        return super().apply(command, time_ms)


def test_cluster_time_is_the_same_everywhere_and_never_goes_back() -> None:
    group = Group(machine=TimedMachine)
    group.elect()
    for round_ in range(5):
        group.put("abc"[round_ % 3], [b"%d" % round_])
        group.run_for(0.3)
    group.kill(group.leader_name())
    group.elect()
    survivor = group.leader_name()
    group.put(survivor, [b"after"])
    group.settle()
    times = [
        machine.times
        for node, machine in group.machines.items()
        if node in group.replicas and isinstance(machine, TimedMachine)
    ]
    assert times[0] == times[1] == sorted(times[0])
    assert times[0][4] - times[0][0] >= 1200


def test_a_turn_ends_when_its_budget_is_spent_and_says_that_there_is_more() -> None:
    group = Group()
    group.elect()
    leader = group.leader()
    time = [0.0]

    def stopwatch() -> float:
        time[0] += 0.001
        return time[0]

    group.stopwatch = stopwatch
    name = group.leader_name()
    group.kill(name)
    group.start(name)
    group.elect()
    del leader
    follower = group.others()[0]
    group.put(group.leader_name(), [b"%d" % number for number in range(300)])
    group.settle()
    replica = group[name]
    machine = group.machines[NodeId(name)]
    assert len(machine.commands) == 300
    assert not replica.more
    assert group.commands(follower) == machine.commands


def test_digests_go_to_everybody_at_every_checkpoint() -> None:
    group = Group(limits={"checkpoint_entries": 10})
    group.elect()
    group.put("a", [b"%d" % number for number in range(35)])
    group.settle()
    told = {
        (sender, to, packet.index)
        for sender, to, packet in group.sent
        if type(packet).__name__ == "Checkpoint" and hasattr(packet, "index")
    }
    assert {(NodeId("a"), NodeId("b"), index) for index in (10, 20, 30)} <= told
    assert len(told) == 3 * 2 * 3


class CountingLog:
    """Stands in for Raft: a long committed log, and how many of its entries were read."""

    def __init__(self, size: int) -> None:
        self.commit = size
        self.read = 0

    def entries(self, first: int, last: int, max_bytes: int) -> list[Entry]:
        found = [
            Entry(index, 1, COMMAND, 0, bytes(100))
            for index in range(first, min(last, first + max_bytes // 100) + 1)
        ]
        self.read += len(found)
        return found


def test_what_a_turn_leaves_is_not_read_again() -> None:
    log, ticks = CountingLog(5000), count()
    applying = Applying(
        machine=ListMachine(),
        raft=cast("Raft", log),
        proposals=Proposals(10, 0),
        checkpoints=Checkpoints(NodeId("a"), 1000),
        on_checkpoint=lambda _index, _digest: None,
        budget_s=7,
        stopwatch=lambda: float(next(ticks)),
        applied=0,
        term=1,
        time_ms=0,
        members=Members(()),
    )
    turns = 1
    while applying.run():
        turns += 1
    assert (applying.applied, log.read) == (5000, 5000)
    assert turns > 500


def test_a_committed_entry_that_is_not_there_is_a_fault_and_no_endless_loop() -> None:
    group = Group()
    group.elect()
    empty = CountingLog(1000)
    empty.entries = lambda *_: []  # type: ignore[method-assign] # a log that lost what it had
    applying = group.leader()._applying
    applying.raft = cast("Raft", empty)
    with pytest.raises(Bug, match="not in the log"):
        applying.run()
