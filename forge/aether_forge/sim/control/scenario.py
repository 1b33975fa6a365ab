"""Scenarios: a cluster, what befalls it in order of time, and what is expected; written as TOML.

Times are virtual seconds after the first blueprint is deployed.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from aether.config.toml import load_toml
from aether.core.model.ids import Artifact, SliceBase
from aether.core.model.records import OnDependencyLoss, Placement, SliceSpec, TopologyRecord, Update
from aether_forge.sim.control.expectations import Expect
from aether_forge.sim.control.hosts import HostHabits
from aether_forge.sim.control.nemesis import ACTS, FAULTS
from aether_forge.sim.control.settings import Settings

FOLDER = Path(__file__).with_name("scenarios")
LEADER = "leader"
"""Stands for whoever leads when an event happens."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every part: unknown keys are refused."""


class Slice(_Part, frozen=True, kw_only=True):
    """One slice of the blueprint, or `copies` of it under numbered names."""

    slice: str
    version: str = "1.0.0"
    instances: int = 1
    copies: int = 0
    min_available: int | None = None
    strategy: Literal["rolling", "immediate"] = "rolling"
    max_surge: int | None = None
    spread: Literal["node", "zone"] = "node"
    require: dict[str, str] = {}
    on_dependency_loss: OnDependencyLoss = "block"
    config: dict[str, Any] = {}

    def specs(self) -> Iterator[SliceSpec]:
        """Return what the blueprint says of it."""
        names = [f"{self.slice}-{number + 1}" for number in range(self.copies)] or [self.slice]
        for name in names:
            yield SliceSpec(
                artifact=Artifact.of(SliceBase(f"org.example:{name}"), self.version),
                instances=self.instances,
                max_instances=max(100, self.instances),
                config=self.config,
                min_available=self.min_available,
                placement=Placement(spread=self.spread, require=self.require),
                update=Update(strategy=self.strategy, max_surge=self.max_surge),
                on_dependency_loss=self.on_dependency_loss,
            )


class Event(_Part, frozen=True, kw_only=True, rename={"lasts": "for"}):
    """Something that befalls the cluster, or that its operator does."""

    at: float
    do: str
    """A fault or an act of the simulator, or `apply` with `slices`, `scale` with `slice` and `to`."""
    node: str = ""
    """Whom it befalls; `leader` for whoever leads then."""
    nodes: list[str] = []
    lasts: float = 5.0
    slices: list[Slice] = []
    slice: str = ""
    to: int = 0
    write: int = 0
    """With a strike at a write: at which of the leader's writes from then on, from 1."""
    each_of: int = 0
    """With a strike at a write: the scenario is played that often, at the 1st, 2nd … write."""


class Hosts(_Part, frozen=True, kw_only=True):
    """How hosts behave throughout."""

    slowest_step_s: float = 1.0
    fails: float = 0.0
    hangs: float = 0.0
    deaf: float = 0.0


class Topology(_Part, frozen=True, kw_only=True):
    """How many nodes are wanted, and may exist."""

    nodes: int
    max_nodes: int


class Scenario(_Part, frozen=True, kw_only=True):
    """One scenario."""

    title: str
    nodes: int
    seed: int = 1
    zones: int = 1
    capacity: int = 200
    routed: int = 9
    lag_s: float = 0.01
    topology: Topology | None = None
    labels: dict[str, dict[str, str]] = {}
    poison: list[str] = []
    """Artifacts `name:version` that cannot be loaded."""
    hosts: Hosts = Hosts()
    slices: list[Slice]
    deployed_within_s: float = 60.0
    events: list[Event] = []
    expect: list[Expect]

    def settings(self) -> Settings:
        """Return the settings of the cluster."""
        hosts = HostHabits(
            slowest_step_s=self.hosts.slowest_step_s,
            fails=self.hosts.fails,
            hangs=self.hosts.hangs,
            deaf=self.hosts.deaf,
            poison={Artifact(f"org.example:{one}"): "No module named 'app'" for one in self.poison},
        )
        settings = Settings(
            seed=self.seed,
            nodes=self.nodes,
            hosts=hosts,
            capacity=self.capacity,
            zones=self.zones,
            labels=self.labels,
            routed=self.routed,
        )
        if self.topology is not None:
            wanted = self.topology
            settings.topology = TopologyRecord(nodes=wanted.nodes, max_nodes=wanted.max_nodes)
        settings.quorum.lag_s = self.lag_s
        return settings


def specs_of(slices: Sequence[Slice]) -> tuple[SliceSpec, ...]:
    """Return what a blueprint of these slices says."""
    return tuple(spec for one in slices for spec in one.specs())


def artifacts_of(scenario: Scenario) -> list[Artifact]:
    """Return every artifact a scenario applies."""
    slices = [*scenario.slices, *(one for event in scenario.events for one in event.slices)]
    return sorted({spec.artifact for spec in specs_of(slices)})


def read(path: Path) -> Scenario:
    """Read a scenario; raise ValueError saying what is wrong with it, and where."""
    plain: Mapping[str, Any] = load_toml(path.read_text(), path.name)
    try:
        scenario = msgspec.convert(plain, Scenario)
    except msgspec.ValidationError as problem:
        raise ValueError(str(problem)) from problem
    most = scenario.topology.max_nodes if scenario.topology else scenario.nodes
    names = [f"node-{number + 1}" for number in range(most)]
    for event in scenario.events:
        if event.do not in (*FAULTS, *ACTS):
            known = ", ".join(sorted({*FAULTS, *ACTS}))
            raise ValueError(f"event at {event.at:g}: {event.do!r} is unknown; known are {known}")
        for node in (*event.nodes, *([event.node] if event.node else [])):
            if node not in (*names, LEADER):
                raise ValueError(f"event at {event.at:g}: there is no {node}; nodes are {names}")
    return scenario


def variants(scenario: Scenario) -> Iterator[Scenario]:
    """Return the scenario once for each write an event strikes at; itself when there is none."""
    for number, event in enumerate(scenario.events):
        if event.each_of:
            for write in range(1, event.each_of + 1):
                events = list(scenario.events)
                events[number] = msgspec.structs.replace(event, each_of=0, write=write)
                title = f"{scenario.title} (write {write})"
                yield from variants(msgspec.structs.replace(scenario, title=title, events=events))
            return
    yield scenario


def shipped() -> list[Path]:
    """Return the scenarios that come with Aether and take seconds, sorted."""
    return sorted(FOLDER.glob("*.toml"))
