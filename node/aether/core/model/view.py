"""The cluster as the store says it is, at one revision: immutable, typed and indexed.

Every decision reads this and nothing else of the store. A value that cannot be read is left out
and listed in `unreadable`, so that one bad record never stops the rest.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from aether.core.model import keys
from aether.core.model.ids import Artifact, InstanceId, NodeId, SliceBase
from aether.core.model.lifecycle import Phase
from aether.core.model.provision_records import ProvisionedRecord, ProvisionRecord
from aether.core.model.records import (
    ArtifactRecord,
    BlueprintRecord,
    ClusterRecord,
    ConfigRecord,
    EpochRecord,
    NodeRecord,
    PhaseRecord,
    RemovedRecord,
    RouteRecord,
    TargetRecord,
    TopologyRecord,
    TrafficRecord,
    VerdictRecord,
    WantedRecord,
    decode,
)
from aether.core.model.slice_view import Changes, Slices, follow, gather

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
    keys.TRAFFIC,
    keys.TOPOLOGY,
    keys.PROVISIONS,
    keys.PROVISIONED,
    keys.REMOVED,
    keys.CONFIG,
)
"""What must be read from the store to project a whole view."""

_Answer = TypeVar("_Answer")

_MOST_CHANGES = 10_000
"""Names of what has changed that are kept while nobody asks for slices; with more all are built anew."""


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
    """By method and place: host, which may be empty, and pattern (`keys.split_place`)."""
    traffic: Mapping[SliceBase, TrafficRecord] = field(default_factory=_nothing)
    topology: TopologyRecord | None = None
    provisions: Mapping[NodeId, ProvisionRecord] = field(default_factory=_nothing)
    provisioned: Mapping[NodeId, ProvisionedRecord] = field(default_factory=_nothing)
    """Nodes that came through the provider, or were asked of it; all others were joined by hand."""
    removed: Mapping[str, RemovedRecord] = field(default_factory=_nothing)
    """By what stands before the number in a node's name."""
    config: Mapping[tuple[str, str], ConfigRecord] = field(default_factory=_nothing)
    """Settings changed at run time by (scope, name)."""
    revisions: Mapping[str, int] = field(default_factory=_nothing)
    unreadable: Mapping[str, str] = field(default_factory=_nothing)
    _answers: dict[Callable[["ClusterView"], Any], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def once(self, question: Callable[["ClusterView"], _Answer]) -> _Answer:
        """Return `question(self)`, asked once however many stages want to know.

        `question` is a function of a module, pure, and its answer is not to be changed.
        """
        if question not in self._answers:
            self._answers[question] = question(self)
        answer: _Answer = self._answers[question]
        return answer

    def at(self, revision: int) -> "ClusterView":
        """Return the same cluster at a later revision, with all that was asked of it."""
        later = replace(self, revision=revision)
        later._answers.update(self._answers)  # noqa: SLF001 - a view of the same class
        return later

    def after(self, earlier: "ClusterView", changes: Changes) -> "ClusterView":
        """Return this view, which knows now how it differs from an earlier one.

        Slices that `changes` do not concern are shared with the earlier view when somebody asks.
        """
        known, answers = earlier._answers.get(_slices), self._answers  # noqa: SLF001 - as above
        if known is not None:
            answers[_origin] = (known, changes)
        elif (origin := earlier.once(_origin)) is not None:
            both = origin[1].joined(changes)
            answers[_origin] = (origin[0], both) if len(both) <= _MOST_CHANGES else None
        return self

    def slices(self) -> Slices:
        """Every slice with a target or an instance, and all that is said about it."""
        return self.once(_slices)

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
        return self.once(_active_by_slice)

    def wanted_by_slice(self) -> Mapping[SliceBase, tuple[Placed, ...]]:
        """Every instance there is a wish for, by slice, sorted."""
        return self.once(_wanted_by_slice)


def _origin(view: ClusterView) -> tuple[Slices, Changes] | None:
    """Return the slices of an earlier view and what has changed since, where `after` has said so."""
    del view
    return None


def _slices(view: ClusterView) -> Slices:
    origin = view.once(_origin)
    view._answers.pop(_origin)  # noqa: SLF001 - from now on this view is what others come after
    return gather(view) if origin is None else follow(origin[0], view, origin[1])


def _active_by_slice(view: ClusterView) -> Mapping[SliceBase, tuple[Placed, ...]]:
    return {base: one.active for base, one in view.slices().items() if one.active}


def _wanted_by_slice(view: ClusterView) -> Mapping[SliceBase, tuple[Placed, ...]]:
    return {base: one.wanted for base, one in view.slices().items() if one.wanted}


@dataclass(frozen=True, slots=True)
class Family:
    """Records of one kind: the table of the view they are in, and how their keys are read."""

    table: str
    kind: type[Any]
    name: Callable[[str], Any]
    """Raises ValueError for a key that is not of the family."""


def _rest(key: str) -> str:
    return key.partition("/")[2]


FAMILIES: Mapping[str, Family] = {
    "cluster": Family("cluster", ClusterRecord, str),
    "control": Family("epoch", EpochRecord, str),
    "node": Family("nodes", NodeRecord, _rest),
    "verdict": Family("verdicts", VerdictRecord, _rest),
    "artifact": Family("artifacts", ArtifactRecord, lambda key: Artifact(_rest(key))),
    "blueprint": Family("blueprints", BlueprintRecord, _rest),
    "target": Family("targets", TargetRecord, _rest),
    "wanted": Family("wanted", WantedRecord, partial(keys.read_placed, family=keys.WANTED)),
    "phase": Family("phases", PhaseRecord, partial(keys.read_placed, family=keys.PHASES)),
    "route": Family("routes", RouteRecord, keys.read_route),
    "traffic": Family("traffic", TrafficRecord, _rest),
    "topology": Family("topology", TopologyRecord, str),
    "provision": Family("provisions", ProvisionRecord, _rest),
    "provisioned": Family("provisioned", ProvisionedRecord, _rest),
    "removed": Family("removed", RemovedRecord, _rest),
    "config": Family("config", ConfigRecord, keys.read_config),
}
"""The families of a view by the first part of their keys."""

_SINGLE = {"cluster": keys.CLUSTER, "epoch": keys.EPOCH, "topology": keys.TOPOLOGY}
"""Tables of the view that are one record, and its key."""


def family_of(key: str) -> Family | None:
    """Return the family of a key, None for one that no view holds."""
    return FAMILIES.get(key.partition("/")[0])


def project(entries: Iterable[tuple[str, bytes, int]], revision: int) -> ClusterView:
    """Build the view from `(key, value, modification revision)` of every family it knows."""
    tables: dict[str, dict[Any, Any]] = {family.table: {} for family in FAMILIES.values()}
    unreadable: dict[str, str] = {}
    revisions: dict[str, int] = {}
    for key, value, mod_revision in entries:
        family = family_of(key)
        if family is None:
            continue
        revisions[key] = mod_revision
        try:
            tables[family.table][family.name(key)] = decode(value, family.kind)
        except ValueError as problem:
            unreadable[key] = str(problem)
    return assemble(tables, revisions, unreadable, revision)


def assemble(
    tables: Mapping[str, Mapping[Any, Any]],
    revisions: Mapping[str, int],
    unreadable: Mapping[str, str],
    revision: int,
) -> ClusterView:
    """Return the view of these tables, one for each family, by name of the record."""
    whole: dict[str, Any] = {
        name: table.get(_SINGLE[name]) if name in _SINGLE else table
        for name, table in tables.items()
    }
    return ClusterView(revision=revision, revisions=revisions, unreadable=unreadable, **whole)
