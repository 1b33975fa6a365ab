"""Values of the replicated store, one class per key family, and their JSON codec.

Rules for this file: a record is immutable; a new field has a default, so that yesterday's bytes
are still read; nothing here decides anything.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, is_dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal, TypeVar

import msgspec

from aether.core.model.ids import Artifact, InstanceId, NodeId, SliceBase, write_id
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.provision_records import ProvisionedRecord, ProvisionRecord
from aether.core.model.scaling import ScaledBy, Scaling
from aether.core.model.traffic import SplitRule, VersionWeight

FORMAT_VERSION = 1
"""Schema number of everything in this file; written into `cluster`."""


class Verdict(StrEnum):
    """The leader's judgement of a node."""

    JOINING = "JOINING"
    ON_DUTY = "ON_DUTY"
    SUSPECT = "SUSPECT"
    DRAINING = "DRAINING"
    DECOMMISSIONED = "DECOMMISSIONED"
    LOST = "LOST"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRecord:
    """`cluster`: written once, by the first leader."""

    cluster_id: str
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """`control/epoch`: one leadership; guards every write of that leader."""

    leader: NodeId
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """`node/{node}`: a node's facts about itself. Addresses are `host:port`."""

    node: NodeId
    incarnation: str
    """New for every start of the node process: tells one life from the next."""
    management: str
    cluster: str
    raft: str
    router: str
    mesh: str
    role: Literal["voter", "worker"] = "voter"
    labels: Mapping[str, str] = field(default_factory=dict)
    capacity: int = 200
    """Most instances this node will host."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Settings its file, environment or flags gave it, of those that can be changed at run time."""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainOrder:
    """An operator wants a node empty.

    It stands through restarts of the node, LOST included, until the node is activated or removed.
    """

    by: str
    """Actor that asked: `api:anonymous`."""
    shutdown: bool = False
    """Whether the node process is to stop once the node is empty."""
    force: bool = False
    """Whether instances leave at once, below their budgets if need be, before replacements serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRecord:
    """`verdict/{node}`: what the leader thinks of a node, and of which of its lives."""

    verdict: Verdict
    incarnation: str
    drain: DrainOrder | None = None
    """With DRAINING and DECOMMISSIONED, and with LOST when the node was draining before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopologyRecord:
    """`topology`: how large the operator wants the cluster; without it nobody heals nodes."""

    nodes: int
    """Nodes wanted ON_DUTY; fewer, and the NodeProvider is asked for another."""
    max_nodes: int
    """Nodes that exist never exceed this, those being started and those lost included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedRecord:
    """`removed/{prefix}`: nodes named `{prefix}-{number}` were removed from the cluster.

    Their data may still be where they ran, so a node that is asked for never gets such a name.
    """

    highest: int
    """The highest number among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRecord:
    """`config/{cluster or node/X or slice/B}/{name}`: one setting changed at run time."""

    value: Any
    """JSON value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """Another slice this one calls."""

    slice: SliceBase
    required: bool = True


class RoutePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a router treats the requests of one route."""

    timeout_s: float = 30.0
    body_limit: int = 16 * 1024 * 1024
    """Largest request body, in bytes."""
    host: str = ""
    """Host it answers for: exact, lower-case, without port, or `*.example.org`; "" any."""
    attempts: int = 3
    """Most times one request is written to an instance; 1: never again."""
    hedge_after_s: float = 0.0
    """A GET not answered for so long is sent to a second instance too; 0: never."""
    rate: float = 0.0
    """Requests a second each router lets through; 0: no limit."""
    burst: int = 0
    """Requests it lets through at once after a pause; 0: as many as in a second."""
    auth: str = ""
    """"" anyone; `internal`: only slices of this cluster, others are answered 404."""
    api_version: str = ""
    """Sent with each answer as `x-api-version`."""
    deprecated: str = ""
    """Date (RFC 3339) from which the route should not be used any more; sent as `Deprecation`."""
    sunset: str = ""
    """Date (RFC 3339) from which it may be gone; sent as `Sunset`."""


class Route(RoutePolicy, frozen=True, kw_only=True, omit_defaults=True):
    """One HTTP route of a slice; every instance tells all of its own, so what is usual is left out.

    `pattern` is `/literal/{parameter}/{*rest}`; `method` an upper-case verb or `*` for all verbs.
    """

    method: str
    pattern: str

    @property
    def place(self) -> str:
        """What it answers: its host, which may be empty, and its pattern."""
        return f"{self.host}{self.pattern}"


_MOST_SHAPES = 4096
"""Patterns whose shape is remembered: a node compares those of all routes again and again."""
_PARAMETER = re.compile(r"\{(\*?)[^{}/]*\}")


@lru_cache(maxsize=_MOST_SHAPES)
def pattern_shape(pattern: str) -> str:
    """Return the pattern with its parameter names blanked: equal for patterns that match alike.

    >>> pattern_shape("/users/{id}/{*rest}")
    '/users/{}/{*}'
    """
    return _PARAMETER.sub(r"{\1}", pattern)


Kind = Literal["slice", "app", "asgi", "wsgi"]
"""What an artifact is; `app` is an application whose interface shows when it is imported."""
MAX_THREADS = 128
"""Of one WSGI application in one instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an artifact says of itself: `[tool.aether.slice]` plus what a trial import found."""

    artifact: Artifact
    entry: str
    """`package.module:attribute`: a Slice class, or an ASGI or WSGI application."""
    kind: Kind
    prefix: str = ""
    """Path prefix of an application; empty for a slice."""
    threads: int = 0
    """Requests a WSGI application answers at once in one instance; 0: the default of hosts."""
    dependencies: tuple[Dependency, ...] = ()
    requires: tuple[str, ...] = ()
    """Requirements (PEP 508) the artifact brings beyond Aether itself."""
    routes: tuple[Route, ...] = ()
    methods: tuple[str, ...] = ()
    """Names callable from other slices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRecord:
    """`artifact/{group:name:version}`: a wheel the cluster holds."""

    digest: str
    """SHA-256 of the wheel, lower-case hex."""
    size: int
    filename: str
    holders: tuple[NodeId, ...]
    """Nodes that stored it when it was pushed; others may have fetched it since."""
    manifest: Manifest


OnDependencyLoss = Literal["cascade", "degrade", "block"]
"""What happens to a slice when one it requires has no ACTIVE instance left, or is to be removed.

cascade: its own instances are deactivated until the other is back; removing the other is allowed.
degrade: it serves on and is shown as degraded; removing the other is allowed.
block: removing the other is refused; a loss by failure is as with degrade.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where instances of a slice may and should be."""

    spread: Literal["node", "zone"] = "node"
    """What is evened out first. The zone of a node is its label `zone`; nodes without are one zone."""
    require: Mapping[str, str] = field(default_factory=dict)
    """Labels a node must have, with these values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """How a slice goes from one version or settings to the next."""

    strategy: Literal["immediate", "rolling"] = "rolling"
    """immediate: all new instances are started at once; rolling: at most `max_surge` at a time."""
    max_surge: int | None = None
    """Instances beyond the target while rolling; None: a quarter of the target, at least 1."""


Balance = Literal["round_robin", "least_pending", "random"]
"""How a router picks among the instances of a slice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceSpec:
    """One slice of a blueprint, as wanted by its author, defaults filled in."""

    artifact: Artifact
    instances: int = 1
    min_instances: int = 1
    max_instances: int = 100
    timeout_s: float | None = None
    """Overrides the time-out of every route of the slice, in seconds."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Settings handed to the slice; JSON values."""
    dependencies: tuple[Dependency, ...] = ()
    min_available: int | None = None
    """Disruption budget: no operator's act leaves fewer ACTIVE; None: half the instances, rounded up."""
    placement: Placement = field(default_factory=Placement)
    update: Update = field(default_factory=Update)
    on_dependency_loss: OnDependencyLoss = "block"
    balance: Balance = "round_robin"
    affinity: str = ""
    concurrency: int = 0
    slow_start_s: float = 0.0
    scaling: Scaling | None = None
    """How load changes the number of instances; None: it does not."""
    added_for: tuple[SliceBase, ...] = ()
    """Slices of the blueprint that require this one, when the author did not list it himself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueprintRecord:
    """`blueprint/{group:name}`: an applied blueprint; owns its slices."""

    id: Artifact
    generation: int
    """1 at the first apply, one more at each apply that changes something."""
    slices: tuple[SliceSpec, ...]
    source: str = ""
    """The TOML as the operator wrote it."""
    applied_by: str = ""
    """Actor of the apply."""
    applied_at_ms: int = 0
    """Milliseconds since 1970 at which it was applied, on the clock of the node that took it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRecord:
    """`target/{slice base}`: how many instances of which version are wanted now."""

    version: str
    instances: int
    min_instances: int
    max_instances: int
    owner: SliceBase
    """The blueprint (without version) that owns this slice."""
    generation: int
    """Generation of the owner this target was derived from."""
    purge: bool = False
    """Whether the slice's own data goes with it; set when a blueprint is deleted with its data."""
    timeout_s: float | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    dependencies: tuple[Dependency, ...] = ()
    min_available: int | None = None
    placement: Placement = field(default_factory=Placement)
    update: Update = field(default_factory=Update)
    on_dependency_loss: OnDependencyLoss = "block"
    balance: Balance = "round_robin"
    affinity: str = ""
    """What requests of one client have in common, so that they go to one instance: `header:NAME`,
    `cookie:NAME` or `path:PARAMETER`; "" nothing."""
    concurrency: int = 0
    """Most requests in flight that one instance takes from one router; 0: no limit."""
    slow_start_s: float = 0.0
    """Time in which a new instance comes to its full share of the requests; 0: at once."""
    scaling: Scaling | None = None
    """How load changes the number of instances; None: it does not."""
    scaled_by: ScaledBy = ""
    """Who said how many instances last; after a person the leader lets the number be for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficRecord:
    """`traffic/{slice base}`: how its requests are divided among its versions; without it evenly."""

    weights: tuple[VersionWeight, ...] = ()
    """One for each version there is; empty: every instance gets the same."""
    rules: tuple[SplitRule, ...] = ()
    """Looked at before the weights; the first that fits wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRecord:
    """`wanted/{node}/{instance}`: the leader's wish for one instance."""

    desired: Desired
    generation: int
    """Counts the wishes for this instance; the node answers with the last it acted on."""
    target_generation: int
    """Generation of the target this instance was placed for."""
    attempt: int = 0
    """Transient failures in a row on this node."""
    tried: tuple[NodeId, ...] = ()
    """Nodes that gave up on this instance before."""
    parked: bool = False
    """Whether it was deactivated only because a slice it requires is gone, and stays loaded."""
    replaces: str = ""
    """`{node}/{instance}` that is to go once this one is ACTIVE; empty when it replaces nothing."""
    timeout_s: float | None = None
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an instance is FAILED."""

    kind: Literal["fatal", "transient"]
    """Fatal: the same artifact would fail again, so nobody retries until the blueprint changes."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRecord:
    """`phase/{node}/{instance}`: the node's fact about one instance."""

    state: Phase
    observed_generation: int
    incarnation: str
    """Life of the node that wrote this; an older one is stale."""
    socket: str = ""
    """Path of the host's Unix socket, valid on that node only."""
    methods: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    failure: Failure | None = None
    settings_problem: str = ""
    """Why the slice did not take the settings given it last; it goes on all the same."""


class RouteRecord(RoutePolicy, frozen=True, kw_only=True):
    """`route/{METHOD} {host}{pattern}`: which slice answers a route, and how."""

    slice: SliceBase
    generation: int = 0
    """Of the target that the instance was placed for which asked for this policy."""


Record = (
    ClusterRecord
    | EpochRecord
    | NodeRecord
    | VerdictRecord
    | ArtifactRecord
    | BlueprintRecord
    | TargetRecord
    | TrafficRecord
    | WantedRecord
    | PhaseRecord
    | RouteRecord
    | TopologyRecord
    | ProvisionRecord
    | ProvisionedRecord
    | ConfigRecord
)

_R = TypeVar("_R")

BROKEN: tuple[type[Exception], ...] = (ValueError, msgspec.MsgspecError, RecursionError)
"""What reading a key or a value that is no record may raise."""


def encode(record: object) -> bytes:
    """Return the record as JSON, the same bytes for equal records on every node."""
    return msgspec.json.encode(record, order="deterministic", enc_hook=write_id)


def to_plain(record: object) -> Any:  # noqa: ANN401 - JSON values are what the caller asked for
    """Return the record as JSON values (dicts, lists, strings, numbers)."""
    return msgspec.to_builtins(record, enc_hook=write_id)


def decode(value: bytes, kind: type[_R]) -> _R:
    """Read a record of class `kind`; raise ValueError when the bytes are something else."""
    try:
        return reader(kind)(value)
    except BROKEN as problem:
        raise ValueError(f"not a {kind.__name__}: {problem}") from problem


def reader(kind: type[_R]) -> Callable[[bytes], _R]:
    """Return what reads records of class `kind`; it raises one of `BROKEN`, where `decode` says what is wrong."""
    return _decoder(kind).decode  # type: ignore[arg-type] # classes are hashable


@lru_cache(maxsize=64)
def _decoder(kind: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, dec_hook=_read_id)


def from_plain(value: object, kind: type[_R]) -> _R:
    """Build a record of class `kind` from JSON values; raise ValueError when they do not fit."""
    try:
        return msgspec.convert(value, type=kind, dec_hook=_read_id)
    except msgspec.MsgspecError as problem:
        raise ValueError(f"not a {kind.__name__}: {problem}") from problem


def _read_id(kind: type, value: object) -> object:
    if issubclass(kind, Artifact | InstanceId) and isinstance(value, str):
        return kind(value)
    raise NotImplementedError(f"no way to read {kind.__name__}")


def make_ready(kinds: Iterable[object]) -> None:
    """Have msgspec learn these classes now, in the one thread that loads this module.

    It shows what it learns of a class to other threads before all of it is there: two threads that met a
    class for the first time together would end the process with a segmentation fault.
    """
    for kind in kinds:
        if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, msgspec.Struct)):
            _decoder(kind)


make_ready(tuple(globals().values()))
