"""The cluster as the store says it is, at one revision: immutable, typed and indexed.

Every decision reads this and nothing else of the store. A value that cannot be read is left out
and listed in `unreadable`, so that one bad record never stops the rest.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from aether.core.model import keys
from aether.core.model.ids import Artifact, InstanceId, NodeId, SliceBase
from aether.core.model.lifecycle import Phase
from aether.core.model.records import (
    ArtifactRecord,
    BlueprintRecord,
    ClusterRecord,
    ConfigRecord,
    EpochRecord,
    NodeRecord,
    PhaseRecord,
    ProvisionRecord,
    RouteRecord,
    TargetRecord,
    TopologyRecord,
    VerdictRecord,
    WantedRecord,
    decode,
)

Placed = tuple[NodeId, InstanceId]
"""An instance on a node: the second half of a `wanted/` or `phase/` key."""

PREFIXES: tuple[str, ...] = (
    keys.CLUSTER,
    keys.EPOCH,
    keys.NODES,
    keys.VERDICTS,
    keys.ARTIFACTS,
    keys.BLUEPRINTS,
    keys.TARGETS,
    keys.WANTED,
    keys.PHASES,
    keys.ROUTES,
    keys.TOPOLOGY,
    keys.PROVISIONS,
    keys.CONFIG,
)
"""What must be read from the store to project a whole view."""

_K = TypeVar("_K")
_R = TypeVar("_R")


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """All records by their keys; `revisions` holds each key's modification revision."""

    revision: int = 0
    cluster: ClusterRecord | None = None
    epoch: EpochRecord | None = None
    nodes: Mapping[NodeId, NodeRecord] = field(default_factory=_nothing)
    verdicts: Mapping[NodeId, VerdictRecord] = field(default_factory=_nothing)
    artifacts: Mapping[Artifact, ArtifactRecord] = field(default_factory=_nothing)
    blueprints: Mapping[SliceBase, BlueprintRecord] = field(default_factory=_nothing)
    targets: Mapping[SliceBase, TargetRecord] = field(default_factory=_nothing)
    wanted: Mapping[Placed, WantedRecord] = field(default_factory=_nothing)
    phases: Mapping[Placed, PhaseRecord] = field(default_factory=_nothing)
    routes: Mapping[tuple[str, str], RouteRecord] = field(default_factory=_nothing)
    topology: TopologyRecord | None = None
    provisions: Mapping[NodeId, ProvisionRecord] = field(default_factory=_nothing)
    config: Mapping[tuple[str, str], ConfigRecord] = field(default_factory=_nothing)
    """Settings changed at run time by (scope, name)."""
    revisions: Mapping[str, int] = field(default_factory=_nothing)
    unreadable: Mapping[str, str] = field(default_factory=_nothing)

    def is_current(self, placed: Placed) -> bool:
        """Whether the phase was written in the present life of its node."""
        phase, node = self.phases.get(placed), self.nodes.get(placed[0])
        return phase is not None and node is not None and phase.incarnation == node.incarnation

    def is_active(self, placed: Placed) -> bool:
        """Whether the instance serves: ACTIVE, and said so by the present life of its node."""
        phase = self.phases.get(placed)
        return phase is not None and phase.state is Phase.ACTIVE and self.is_current(placed)

    def active_by_slice(self) -> Mapping[SliceBase, tuple[Placed, ...]]:
        """Every instance that serves, by slice, sorted."""
        found: dict[SliceBase, list[Placed]] = {}
        for placed in sorted(self.phases):
            if self.is_active(placed):
                found.setdefault(placed[1].base, []).append(placed)
        return {base: tuple(items) for base, items in found.items()}


class _Reader:
    """Collects decoded records, and what could not be decoded."""

    def __init__(self) -> None:
        self.unreadable: dict[str, str] = {}

    def into(
        self,
        table: dict[_K, _R],
        kind: type[_R],
        name: Callable[[str], _K],
    ) -> Callable[[str, bytes], None]:
        def read(key: str, value: bytes) -> None:
            try:
                table[name(key)] = decode(value, kind)
            except ValueError as problem:
                self.unreadable[key] = str(problem)

        return read


def project(entries: Iterable[tuple[str, bytes, int]], revision: int) -> ClusterView:
    """Build the view from `(key, value, modification revision)` of every family it knows."""
    reader = _Reader()
    cluster: dict[str, ClusterRecord] = {}
    epoch: dict[str, EpochRecord] = {}
    nodes: dict[NodeId, NodeRecord] = {}
    verdicts: dict[NodeId, VerdictRecord] = {}
    artifacts: dict[Artifact, ArtifactRecord] = {}
    blueprints: dict[SliceBase, BlueprintRecord] = {}
    targets: dict[SliceBase, TargetRecord] = {}
    wanted: dict[Placed, WantedRecord] = {}
    phases: dict[Placed, PhaseRecord] = {}
    routes: dict[tuple[str, str], RouteRecord] = {}
    topology: dict[str, TopologyRecord] = {}
    provisions: dict[NodeId, ProvisionRecord] = {}
    config: dict[tuple[str, str], ConfigRecord] = {}
    families: dict[str, Callable[[str, bytes], None]] = {
        "cluster": reader.into(cluster, ClusterRecord, str),
        "control": reader.into(epoch, EpochRecord, str),
        "node": reader.into(nodes, NodeRecord, lambda key: NodeId(_rest(key))),
        "verdict": reader.into(verdicts, VerdictRecord, lambda key: NodeId(_rest(key))),
        "artifact": reader.into(artifacts, ArtifactRecord, lambda key: Artifact(_rest(key))),
        "blueprint": reader.into(blueprints, BlueprintRecord, lambda key: SliceBase(_rest(key))),
        "target": reader.into(targets, TargetRecord, lambda key: SliceBase(_rest(key))),
        "wanted": reader.into(wanted, WantedRecord, lambda k: keys.read_placed(k, keys.WANTED)),
        "phase": reader.into(phases, PhaseRecord, lambda k: keys.read_placed(k, keys.PHASES)),
        "route": reader.into(routes, RouteRecord, keys.read_route),
        "topology": reader.into(topology, TopologyRecord, str),
        "provision": reader.into(provisions, ProvisionRecord, lambda key: NodeId(_rest(key))),
        "config": reader.into(config, ConfigRecord, keys.read_config),
    }
    revisions: dict[str, int] = {}
    for key, value, mod_revision in entries:
        read = families.get(key.partition("/")[0])
        if read is not None:
            revisions[key] = mod_revision
            read(key, value)
    return ClusterView(
        revision=revision,
        cluster=cluster.get(keys.CLUSTER),
        epoch=epoch.get(keys.EPOCH),
        nodes=nodes,
        verdicts=verdicts,
        artifacts=artifacts,
        blueprints=blueprints,
        targets=targets,
        wanted=wanted,
        phases=phases,
        routes=routes,
        topology=topology.get(keys.TOPOLOGY),
        provisions=provisions,
        config=config,
        revisions=revisions,
        unreadable=reader.unreadable,
    )


def _rest(key: str) -> str:
    return key.partition("/")[2]
