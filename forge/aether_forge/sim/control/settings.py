"""How one simulated cluster is: its size, its weather, its habits; all drawn from the seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from aether.core.control.signals import ControlSettings
from aether.core.model.records import TopologyRecord
from aether_forge.sim.control.hosts import HostHabits
from aether_forge.sim.control.links import LinkWeather
from aether_forge.sim.control.quorum import QuorumWeather
from aether_forge.sim.raft.agenda import dice

ZONES = ("a", "b", "c")


@dataclass(slots=True, kw_only=True)
class Settings:
    """One simulated life of a cluster."""

    seed: int
    nodes: int
    seconds: float = 60.0
    """How long faults and the operator go on."""
    met_within_s: float = 60.0
    """Within this long after the last fault, and the time steps take, all targets are met."""
    quorum: QuorumWeather = field(default_factory=QuorumWeather)
    links: LinkWeather = field(default_factory=LinkWeather)
    hosts: HostHabits = field(default_factory=HostHabits)
    control: ControlSettings = field(default_factory=ControlSettings)
    capacity: int = 200
    """Most instances of each node."""
    zones: int = 1
    """Zones the nodes are spread over, by their label."""
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """More labels, by node."""
    kinds: Sequence[str] | None = None
    """Kinds of faults that may happen; None for those the seed draws."""
    faults: Sequence[int] | None = None
    """Which of the planned faults happen; None for all."""
    hosts_hung: bool = False
    """Whether a step of a host may have hung: it is found out by its time-out."""
    topology: TopologyRecord | None = None
    """How many nodes are wanted; with it those that are lost are replaced."""
    traffic_s: float = 0.25
    """Time between two rounds of requests; 0 for none."""
    routed: int = 9
    """Most nodes that run a router."""
    period_s: float = 1.0


def draw(seed: int, nodes: int | None = None) -> Settings:
    """Return the settings of a seed; without `nodes`, three, four or five of them."""
    throw = dice(seed, "control/settings")
    size = throw.choice((3, 3, 4, 5))
    return Settings(
        seed=seed,
        nodes=nodes or size,
        seconds=throw.choice((30.0, 60.0, 90.0)),
        quorum=QuorumWeather(
            commit_s=throw.choice((0.002, 0.01, 0.05)),
            lag_s=throw.choice((0.002, 0.02, 0.3)),
            election_s=throw.choice((0.5, 1.5)),
            loses_answer=throw.choice((0.0, 0.0, 0.02)),
            loses_proposal=throw.choice((0.0, 0.0, 0.02)),
            late=throw.choice((0.0, 0.0, 0.02)),
        ),
        links=LinkWeather(
            latency_s=throw.choice((0.001, 0.05, 0.3)),
            slow=throw.choice((0.0, 0.0, 0.02)),
            breaks=throw.choice((0.0, 0.0, 0.05)),
        ),
        hosts=HostHabits(
            slowest_step_s=throw.choice((0.3, 2.0, 10.0)),
            fails=throw.choice((0.0, 0.05, 0.25)),
            hangs=throw.choice((0.0, 0.0, 0.01)),
            deaf=throw.choice((0.0, 0.0, 0.05)),
        ),
        capacity=throw.choice((200, 200, 6)),
        zones=throw.choice((1, 2, 3)),
        topology=_topology(throw, nodes or size),
    )


def _topology(throw: Random, nodes: int) -> TopologyRecord | None:
    """Return the topology of some clusters: room for one node more, or for two."""
    more = throw.choice((0, 0, 1, 2))
    return TopologyRecord(nodes=nodes, max_nodes=nodes + more) if more else None
