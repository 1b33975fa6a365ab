"""A group of replicas in virtual time, over a network that can be cut, on disks in memory."""

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from aether.core.model.ids import NodeId
from aether.core.raft.values import Change, RaftConfig
from aether.ports import Member, MemberStatus
from aether.store.disk.entry_log import LogLimits
from aether.store.native.jobs import Job
from aether.store.native.packets import Packet, decode_packet, encode_packet
from aether.store.native.replica import Replica, ReplicaSpec
from aether.store.native.results import Refused, Result, Unknown
from tests.unit.store_native.memory_disk import MemoryDisk

LATENCY_S = 0.001
STEP_S = 0.001


class ListMachine:
    """A state machine whose state is the list of commands it applied."""

    def __init__(self) -> None:
        self.commands: list[bytes] = []
        self.due_at_ms: int | None = None
        self.salt = b""

    def apply(self, command: bytes, time_ms: int) -> bytes:
        self.commands.append(command)
        if command.startswith(b"due"):
            self.due_at_ms = None
        return b"%d:%s" % (len(self.commands), command)

    def due(self, time_ms: int) -> bytes | None:
        if self.due_at_ms is not None and time_ms >= self.due_at_ms:
            return b"due %d" % time_ms
        return None

    def snapshot(self) -> Iterator[bytes]:
        return iter([*self.commands])

    def restoring(self) -> "ListRestoring":
        return ListRestoring(self)

    def digest(self) -> bytes:
        return b"%d" % (hash((tuple(self.commands), self.salt)) % 2**62)


class ListRestoring:
    def __init__(self, machine: ListMachine) -> None:
        self._machine = machine
        self._parts: list[bytes] = []

    def feed(self, part: bytes) -> None:
        if part == b"poison":
            raise ValueError("a part that cannot be")
        self._parts.append(part)

    def finish(self) -> None:
        self._machine.commands = self._parts


class Ask:
    """One request and its outcome."""

    def __init__(self) -> None:
        self.result: Result | None = None
        self.is_done = False
        self.applied: int | None = None

    def done(self, result: Result) -> None:
        assert not self.is_done
        self.is_done, self.result = True, result

    def read_done(self, result: Refused | Unknown | None) -> None:
        assert not self.is_done
        self.is_done, self.result = True, result


class Group:
    """Replicas a, b, c… that run on one thread; `run` lets time pass until something holds."""

    def __init__(
        self,
        names: str = "abc",
        seed: int = 1,
        limits: Mapping[str, Any] | None = None,
        machine: Callable[[], "ListMachine"] | None = None,
    ) -> None:
        self.now = 100.0
        self.limits = limits or {}
        self.machine = machine or ListMachine
        self.dice = random.Random(seed)
        self.founders = [Member(NodeId(name), f"{name}:1") for name in names]
        self.disks = {NodeId(name): MemoryDisk() for name in names}
        self.machines: dict[NodeId, ListMachine] = {}
        self.replicas: dict[NodeId, Replica] = {}
        self.wire: deque[tuple[float, NodeId, NodeId, bytes]] = deque()
        self.cut: set[tuple[NodeId, NodeId]] = set()
        self.sent: list[tuple[NodeId, NodeId, Packet]] = []
        self.drop: Callable[[Packet], bool] = lambda _: False
        self.stopwatch: Callable[[], float] = lambda: 0.0
        self.stalled: dict[NodeId, list[Job]] = {}
        """Members whose disk does not return from a sync, and the syncs."""
        for name in names:
            self.start(name)

    def spec(self, node: NodeId, members: Sequence[Member]) -> ReplicaSpec:
        defaults: dict[str, Any] = {
            "log": LogLimits(segment_bytes=16 * 1024, reserve_bytes=0),
            "ballast_bytes": 64 * 1024,
            "snapshot_entries": 1_000_000,
        }
        return ReplicaSpec(
            node=node,
            cluster_id="test",
            members=members,
            raft=RaftConfig(node=node),
            **{**defaults, **self.limits},
        )

    def start(self, name: str, *, joins: bool = False) -> Replica:
        node = NodeId(name)
        disk = self.disks.setdefault(node, MemoryDisk())
        machine = self.machines[node] = self.machine()
        group = self

        class Wire:
            def send(self, to: NodeId, packet: Packet) -> None:
                if (node, to) not in group.cut and not group.drop(packet):
                    group.sent.append((node, to, packet))
                    data = encode_packet(packet)
                    group.wire.append((group.now + LATENCY_S, node, to, data))

        spec = self.spec(node, [] if joins else self.founders)
        replica = Replica(spec, disk, machine, Wire(), self.dice.random, self.stopwatch)
        replica.open(self.now)
        self.replicas[node] = replica
        return replica

    def kill(self, name: str) -> None:
        node = NodeId(name)
        del self.replicas[node]
        self.wire = deque(each for each in self.wire if node not in each[1:3])
        for replica in self.replicas.values():
            replica.link_lost(node, self.now)

    def isolate(self, *names: str) -> None:
        inside = {NodeId(name) for name in names}
        outside = set(self.disks) - inside
        self.cut |= {(a, b) for a in inside for b in outside}
        self.cut |= {(b, a) for a in inside for b in outside}

    def heal(self) -> None:
        self.cut.clear()

    def step(self) -> None:
        self.now += STEP_S
        while self.wire and self.wire[0][0] <= self.now:
            _, sender, to, data = self.wire.popleft()
            if to in self.replicas and (sender, to) not in self.cut:
                self.replicas[to].receive(sender, decode_packet(data), self.now)
                self.turn(to)
        for node, replica in list(self.replicas.items()):
            if replica.wake_at() <= self.now:
                replica.tick(self.now)
            self.turn(node)

    def turn(self, node: NodeId) -> None:
        replica = self.replicas[node]
        self.halves(replica)
        while (job := replica.sync_job()) is not None:
            if node in self.stalled:
                self.stalled[node].append(job)
            else:
                self.finish(replica, job)
        for _ in range(1000):
            if not replica.more:
                return
            self.halves(replica)
        raise AssertionError("a replica always wants another turn")

    def finish(self, replica: Replica, job: Job) -> None:
        try:
            job.run()
        except OSError as error:
            replica.sync_failed(job, error, self.now)
        else:
            replica.synced(job, self.now)
        self.halves(replica)

    def halves(self, replica: Replica) -> None:
        replica.decide(self.now)
        replica.apply(self.now)

    def resume(self, name: str) -> None:
        node = NodeId(name)
        for job in self.stalled.pop(node):
            self.finish(self.replicas[node], job)

    def run(self, until: Callable[[], bool], limit_s: float = 20.0) -> None:
        ends_at = self.now + limit_s
        while not until():
            assert self.now < ends_at, f"did not come true in {limit_s} s: {self.describe()}"
            self.step()

    def run_for(self, seconds: float) -> None:
        ends_at = self.now + seconds
        while self.now < ends_at:
            self.step()

    def describe(self) -> list[MemberStatus]:
        return [replica.status(self.now) for replica in self.replicas.values()]

    # What tests ask

    def __getitem__(self, name: str) -> Replica:
        return self.replicas[NodeId(name)]

    def commands(self, name: str) -> list[bytes]:
        return self.machines[NodeId(name)].commands

    def leader(self) -> Replica:
        leading = [each for each in self.replicas.values() if each.role.value == "leader"]
        return max(leading, key=lambda each: each.term)

    def leader_name(self) -> str:
        """Name of the newest leader; empty while nobody leads."""
        leading = {n: each.term for n, each in self.replicas.items() if each.role.value == "leader"}
        return max(leading, key=leading.__getitem__, default=NodeId(""))

    def others(self) -> list[str]:
        return [node for node in self.replicas if node != self.leader_name()]

    def elect(self) -> Replica:
        self.run(lambda: any(each.role.value == "leader" for each in self.replicas.values()))
        self.run(lambda: self.leader().applied >= 1)
        return self.leader()

    def submit(self, name: str, command: bytes, timeout_s: float = 5.0) -> Ask:
        ask = Ask()
        self[name].submit(command, ask.done, self.now + timeout_s, self.now)
        return ask

    def put(self, name: str, commands: Iterable[bytes], timeout_s: float = 5.0) -> list[Ask]:
        asks = [self.submit(name, command, timeout_s) for command in commands]
        self.run(lambda: all(ask.is_done for ask in asks))
        return asks

    def read(self, name: str, timeout_s: float = 5.0) -> Ask:
        ask = Ask()
        self[name].read(ask.read_done, self.now + timeout_s, self.now)
        return ask

    def change(self, name: str, change: Change, timeout_s: float = 5.0) -> Ask:
        ask = Ask()
        self[name].change(change, ask.done, self.now + timeout_s, self.now)
        self.run(lambda: ask.is_done)
        return ask

    def settle(self) -> None:
        """Let everybody apply what the leader has committed."""

        def same() -> bool:
            applied = {each.applied for each in self.replicas.values()}
            return len(applied) == 1 and self.leader().status(self.now).commit in applied

        self.run(same)
