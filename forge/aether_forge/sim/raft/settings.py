"""How one run is: its size, its weather, its clients, its limits; all drawn from the seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aether.core.model.ids import NodeId
from aether.core.raft.values import RaftConfig
from aether.ports import Disk, Member, StateMachine
from aether.store.disk.entry_log import LogLimits
from aether.store.native.replica import Links, Replica
from aether.store.native.settings import ReplicaSpec
from aether_forge.sim.raft.agenda import dice
from aether_forge.sim.raft.nemesis import Fault, plan
from aether_forge.sim.raft.network import Weather
from aether_forge.sim.raft.workload import Habits

CLUSTER = "simulated"


class MakeReplica(Protocol):
    """How members get their replicas; broken variants bring their own."""

    def __call__(
        self,
        spec: ReplicaSpec,
        disk: Disk,
        machine: StateMachine,
        links: Links,
        throw: Callable[[], float],
        stopwatch: Callable[[], float],
        /,
    ) -> Replica:
        """Return a replica that is not open yet."""
        ...


@dataclass(slots=True, kw_only=True)
class Settings:
    """One run. Everything but `seed` and `nodes` is drawn from those."""

    seed: int
    nodes: int
    seconds: float = 8.0
    """How long faults and clients go on."""
    rest_s: float = 12.0
    """Within this long after everything was healed the group must be whole and agree."""
    weather: Weather = field(default_factory=Weather)
    habits: Habits = field(default_factory=Habits)
    turn_s: float = 0.001
    """How long one turn of a member's loop takes."""
    sync_s: float = 0.0015
    append_bytes: int = 2048
    heartbeat_s: float = 0.1
    election_s: float = 0.3
    snapshot_entries: int = 40
    keep_entries: int = 12
    notice_s: float = 0.003
    """As in `RaftConfig`: how long an idle follower waits to hear of a commit."""
    kinds: Sequence[str] | None = None
    """Kinds of faults that may happen; None for those the seed draws."""
    faults: Sequence[int] | None = None
    """Which of the planned faults happen; None for all."""
    make_replica: MakeReplica = Replica
    ignores_sync: bool = False
    """Whether disks lie about syncs: for a broken variant."""

    def spec(self, node: NodeId, members: Sequence[Member]) -> ReplicaSpec:
        """Return what a member's replica is made of."""
        return ReplicaSpec(
            node=node,
            cluster_id=CLUSTER,
            members=members,
            raft=RaftConfig(
                node=node,
                heartbeat_s=self.heartbeat_s,
                election_s=self.election_s,
                suspicion_s=0.03,
                notice_s=self.notice_s,
                max_append_bytes=self.append_bytes,
                max_in_flight=4,
                tail_bytes=4096,
            ),
            log=LogLimits(
                segment_bytes=4096, slice_bytes=1024, record_bytes=1024, reserve_bytes=2048
            ),
            snapshot_entries=self.snapshot_entries,
            keep_entries=self.keep_entries,
            checkpoint_entries=16,
            apply_budget_s=0.002,
            chunk_bytes=512,
            ballast_bytes=2048,
            max_waiting=200,
        )


def planned(settings: Settings) -> list[Fault]:
    """Return every fault of a run, those left out included."""
    return plan(settings.seed, settings.seconds, settings.kinds)


def draw(seed: int, nodes: int | None = None) -> Settings:
    """Return the settings of a seed; without `nodes`, three or five of them."""
    throw = dice(seed, "settings")
    size = throw.choice((3, 3, 5))
    weather = Weather(
        latency_s=throw.choice((0.0002, 0.0005, 0.002)),
        spike_chance=throw.choice((0.0, 0.002, 0.02)),
        drop_chance=throw.choice((0.0, 0.0, 0.01, 0.05)),
        late=throw.random() < 0.7,
    )
    habits = Habits(
        clients=throw.choice((2, 4, 5)),
        keys=throw.choice((1, 2, 3)),
        think_s=throw.choice((0.05, 0.1)),
        request_ids=throw.choice((0.0, 0.5, 1.0)),
    )
    return Settings(
        seed=seed,
        nodes=nodes or size,
        weather=weather,
        habits=habits,
        turn_s=throw.choice((0.0003, 0.001, 0.003)),
        sync_s=throw.choice((0.0005, 0.002, 0.02, 0.08)),
        append_bytes=throw.choice((100, 2048)),
        snapshot_entries=throw.choice((15, 40, 1000)),
        keep_entries=throw.choice((2, 12, 30)),
        notice_s=throw.choice((0.0, 0.003, 0.003)),
    )
