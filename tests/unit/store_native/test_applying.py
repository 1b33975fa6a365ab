"""What is committed is applied in order, within a budget, and what time it is comes from the log."""

from aether.core.model.ids import NodeId
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
