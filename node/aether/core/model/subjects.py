"""What a change of a key is about: the nodes, slices and blueprints somebody may ask after.

A subject is written `node/{node}`, `slice/{group:name}`, `blueprint/{group:name}` or `cluster`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from aether.core.model import keys
from aether.core.model.ids import Artifact, InstanceId, NodeId, SliceBase, parse_slice_base
from aether.core.model.records import (
    BlueprintRecord,
    EpochRecord,
    RouteRecord,
    TargetRecord,
    decode,
)

CLUSTER = "cluster"
VALUED: tuple[str, ...] = (keys.EPOCH, keys.BLUEPRINTS, keys.TARGETS, keys.ROUTES, keys.GENERATIONS)
"""Families whose keys do not name all they are about: their values, old and new, do."""


def of_node(node: NodeId | str) -> str:
    """Return the subject that stands for a node."""
    return f"node/{node}"


def of_slice(base: SliceBase | str) -> str:
    """Return the subject that stands for a slice."""
    return f"slice/{base}"


def of_blueprint(base: SliceBase | str) -> str:
    """Return the subject that stands for a blueprint."""
    return f"blueprint/{base}"


def of_measured(metric: str, subject: str) -> str:
    """Return what a metric's subject stands for: a slice, a node, or else the cluster."""
    if subject in ("", "*") or metric.startswith(("cluster.", "webhook.")):
        return CLUSTER
    if ":" not in subject:
        return of_node(subject)
    return of_slice(":".join(subject.split(":")[:2]))  # an instance is told as its slice


def subjects_of(key: str, values: Iterable[bytes] = ()) -> frozenset[str]:
    """Return what a change of `key` is about; `values` are what stood and stands under it.

    A key or value that cannot be read is about nothing but what can be read of it.
    """
    family = key.partition("/")[0]
    name = _BY_KEY.get(family)
    found: set[str] = set()
    if name is not None:
        found |= _readable(name, key)
    tell = _BY_VALUE.get(family)
    if tell is not None:
        for value in values:
            found |= _readable(tell, value)
    return frozenset(found)


def _readable(tell: Callable[..., Iterator[str]], source: str | bytes) -> set[str]:
    found: set[str] = set()
    try:
        found.update(tell(source))
    except ValueError:
        return found  # what was read before the part that cannot be
    return found


def _cluster(_: str) -> Iterator[str]:
    yield CLUSTER


def _node(key: str) -> Iterator[str]:
    yield of_node(key.partition("/")[2])


def _slice(key: str) -> Iterator[str]:
    yield of_slice(key.partition("/")[2])


def _blueprint(key: str) -> Iterator[str]:
    yield of_blueprint(key.split("/")[1])


def _generation(key: str) -> Iterator[str]:
    name = key.removeprefix(keys.DELETED_BLUEPRINTS).removeprefix(keys.GENERATIONS).split("/")[0]
    yield of_blueprint(parse_slice_base(name))


def _artifact(key: str) -> Iterator[str]:
    yield of_slice(Artifact(key.removeprefix(keys.ARTIFACTS)).base)


def _placed(key: str) -> Iterator[str]:
    node, _, instance = key.partition("/")[2].partition("/")
    yield of_node(node)
    yield of_slice(InstanceId(instance).base)


def _measured(key: str) -> Iterator[str]:
    metric, subject = keys.read_measured(key)
    yield of_measured(metric, subject)


def _config(key: str) -> Iterator[str]:
    scope, _ = keys.read_config(key)
    yield scope


_BY_KEY: Mapping[str, Callable[[str], Iterator[str]]] = {
    "cluster": _cluster,
    "topology": _cluster,
    "outage": _cluster,
    "backup": _cluster,
    "control": _cluster,
    "node": _node,
    "verdict": _node,
    "provision": _node,
    "provisioned": _node,
    "removed": _cluster,
    "target": _slice,
    "traffic": _slice,
    "wanted": _placed,
    "phase": _placed,
    "artifact": _artifact,
    "blueprint": _blueprint,
    "generation": _generation,
    "config": _config,
    "threshold": _measured,
    "alert": _measured,
    "silence": _cluster,
    "loglevel": _cluster,
    "webhook": _cluster,
}


def _of_epoch(value: bytes) -> Iterator[str]:
    yield of_node(decode(value, EpochRecord).leader)


def _of_target(value: bytes) -> Iterator[str]:
    yield of_blueprint(decode(value, TargetRecord).owner)


def _of_route(value: bytes) -> Iterator[str]:
    yield of_slice(decode(value, RouteRecord).slice)


def _of_blueprint(value: bytes) -> Iterator[str]:
    for spec in decode(value, BlueprintRecord).slices:
        yield of_slice(spec.artifact.base)


_BY_VALUE: Mapping[str, Callable[[bytes], Iterator[str]]] = {
    "control": _of_epoch,
    "target": _of_target,
    "route": _of_route,
    "blueprint": _of_blueprint,
    "generation": _of_blueprint,
}
