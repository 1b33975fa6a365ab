"""Every key family of the replicated store: how a key is written and read back.

Rules for this file: a family has one writer (the table in ARCHITECTURE.md says which); a prefix
ends with a slash, so that no family's keys begin with another family's prefix.
"""

from functools import lru_cache

from aether.core.model.ids import Artifact, InstanceId, NodeId, SliceBase

_MOST_KEPT = 32_768
"""Instances on nodes whose keys are remembered as read."""

CLUSTER = "cluster"
EPOCH = "control/epoch"
NODES = "node/"
VERDICTS = "verdict/"
ARTIFACTS = "artifact/"
BLUEPRINTS = "blueprint/"
TARGETS = "target/"
WANTED = "wanted/"
PHASES = "phase/"
ROUTES = "route/"
TRAFFIC = "traffic/"
TOPOLOGY = "topology"
PROVISIONS = "provision/"
PROVISIONED = "provisioned/"
REMOVED = "removed/"
CONFIG = "config/"
GENERATIONS = "generation/"
BLUEPRINT_TURN = "generation/turn"
"""Written by every change of a blueprint, guarded by its revision: of two that were decided from one
state, one lands. What slices, routes and circles they share is thereby never decided twice."""
DELETED_BLUEPRINTS = "generation/deleted/"
"""Under it the names of deleted blueprints of which the history is kept, by the time of deletion."""
THRESHOLDS = "threshold/"
ALERTS = "alert/"
SILENCES = "silence/"
LOG_LEVELS = "loglevel/"
WEBHOOKS = "webhook/"
DELIVERIES = "delivery/"
OUTAGE = "outage"
BACKUP = "backup"
APP = "app/"

SYSTEM_FAMILIES: tuple[str, ...] = (
    CLUSTER,
    "control/",
    NODES,
    VERDICTS,
    ARTIFACTS,
    BLUEPRINTS,
    TARGETS,
    WANTED,
    PHASES,
    ROUTES,
    TRAFFIC,
    TOPOLOGY,
    PROVISIONS,
    PROVISIONED,
    REMOVED,
    CONFIG,
    GENERATIONS,
    THRESHOLDS,
    ALERTS,
    SILENCES,
    LOG_LEVELS,
    WEBHOOKS,
    DELIVERIES,
    OUTAGE,
    BACKUP,
)
"""Families Aether itself writes; `kv put` and `kv delete` refuse them."""


def node(node: NodeId) -> str:
    """`node/{node}`."""
    return f"{NODES}{node}"


def verdict(node: NodeId) -> str:
    """`verdict/{node}`."""
    return f"{VERDICTS}{node}"


def artifact(artifact: Artifact) -> str:
    """`artifact/{group:name:version}`."""
    return f"{ARTIFACTS}{artifact}"


def blueprint(base: SliceBase) -> str:
    """`blueprint/{group:name}`."""
    return f"{BLUEPRINTS}{base}"


def target(base: SliceBase) -> str:
    """`target/{slice base}`."""
    return f"{TARGETS}{base}"


def wanted(node: NodeId, instance: InstanceId) -> str:
    """`wanted/{node}/{instance}`."""
    return f"{WANTED}{node}/{instance}"


def phase(node: NodeId, instance: InstanceId) -> str:
    """`phase/{node}/{instance}`."""
    return f"{PHASES}{node}/{instance}"


def route(method: str, place: str) -> str:
    """`route/{METHOD} {place}`; the place is `{host}{pattern}`, of which the host may be empty."""
    return f"{ROUTES}{method} {place}"


def traffic(base: SliceBase) -> str:
    """`traffic/{slice base}`."""
    return f"{TRAFFIC}{base}"


def provision(node: NodeId) -> str:
    """`provision/{node}`."""
    return f"{PROVISIONS}{node}"


def provisioned(node: NodeId) -> str:
    """`provisioned/{node}`."""
    return f"{PROVISIONED}{node}"


def removed(prefix: str) -> str:
    """`removed/{what stands before the number in a node's name}`."""
    return f"{REMOVED}{prefix}"


def generation(base: SliceBase, number: int) -> str:
    """`generation/{group:name}/{number}`: a blueprint as it was applied; sorts by number."""
    return f"{generations(base)}{number:09d}"


def generations(base: SliceBase) -> str:
    """`generation/{group:name}/`: what every generation of one blueprint is kept under."""
    return f"{GENERATIONS}{base}/"


def deleted_blueprint(base: SliceBase) -> str:
    """`generation/deleted/{group:name}`: this blueprint is deleted, its history is kept."""
    return f"{DELETED_BLUEPRINTS}{base}"


def config(scope: str, name: str) -> str:
    """`config/{scope}/{name}`; scope is `cluster`, `node/{node}` or `slice/{group:name}`."""
    return f"{CONFIG}{scope}/{name}"


WHOLE_CLUSTER = "-"
"""Stands in a key for the subject of what is measured of the cluster as a whole."""


def threshold(metric: str, subject: str) -> str:
    """`threshold/{metric}/{subject or *}`; subject is a node, a slice base or "" for the cluster."""
    return f"{THRESHOLDS}{metric}/{subject or WHOLE_CLUSTER}"


def alert(metric: str, subject: str) -> str:
    """`alert/{metric}/{subject}`: there while the alert is active."""
    return f"{ALERTS}{metric}/{subject or WHOLE_CLUSTER}"


def read_measured(key: str) -> tuple[str, str]:
    """Return metric and subject of a `threshold/` or `alert/` key; raise ValueError for another key."""
    family, _, rest = key.partition("/")
    metric, _, subject = rest.partition("/")
    if f"{family}/" not in (THRESHOLDS, ALERTS) or not metric or not subject:
        raise ValueError(f"{key!r} is not a key of {THRESHOLDS} or {ALERTS}")
    return metric, "" if subject == WHOLE_CLUSTER else subject


def app(base: SliceBase, key: str = "") -> str:
    """`app/{slice base}/{key}`: a slice's own data."""
    return f"{APP}{base}/{key}"


def read_placed(key: str, family: str) -> tuple[NodeId, InstanceId]:
    """Return node and instance of a `wanted/` or `phase/` key; raise ValueError for another key."""
    rest = key[len(family) :]
    if not key.startswith(family) or "/" not in rest:
        raise ValueError(f"{key!r} is not a key of {family}")
    return _placed(rest)


@lru_cache(maxsize=_MOST_KEPT)
def _placed(text: str) -> tuple[NodeId, InstanceId]:
    """Return node and instance, checked once: a wish and a fact of one instance share the value."""
    node, _, instance = text.partition("/")
    return NodeId(node), InstanceId(instance)


def read_route(key: str) -> tuple[str, str]:
    """Return method and place of a `route/` key; raise ValueError for another key."""
    method, space, place = key.removeprefix(ROUTES).partition(" ")
    if not key.startswith(ROUTES) or not space:
        raise ValueError(f"{key!r} is not a key of {ROUTES}")
    return method, place


def split_place(place: str) -> tuple[str, str]:
    """Return host and pattern of a route's place.

    >>> split_place("*.example.org/shop/{id}"), split_place("/shop")
    (('*.example.org', '/shop/{id}'), ('', '/shop'))
    """
    host, slash, rest = place.partition("/")
    return host, f"{slash}{rest}"


def read_config(key: str) -> tuple[str, str]:
    """Return scope and name of a `config/` key; raise ValueError for another key."""
    scope, slash, name = key.removeprefix(CONFIG).rpartition("/")
    if not key.startswith(CONFIG) or not slash or not name:
        raise ValueError(f"{key!r} is not a key of {CONFIG}")
    return scope, name


def is_system(key: str) -> bool:
    """Whether only Aether itself may write `key`."""
    return any(
        key == family or (family.endswith("/") and key.startswith(family))
        for family in SYSTEM_FAMILIES
    )
