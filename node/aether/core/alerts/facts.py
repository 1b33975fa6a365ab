"""What one changed key says has happened: the fact before and the fact after, told as an event.

Of each record only what is told or compared is kept, so that a node can hold the facts of a whole
cluster. A value that cannot be read is no fact: what is about it is not told.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from aether.core.alerts import facts_of_alerts as alerts
from aether.core.alerts import facts_of_store as store
from aether.core.alerts.events import Told
from aether.core.model import keys
from aether.core.model.alert_records import (
    AlertRecord,
    LogLevelRecord,
    Severity,
    SilenceRecord,
    ThresholdRecord,
    WebhookRecord,
)
from aether.core.model.ids import Artifact
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.provision_records import ProvisionRecord
from aether.core.model.records import (
    ArtifactRecord,
    BlueprintRecord,
    ClusterRecord,
    ConfigRecord,
    EpochRecord,
    NodeRecord,
    PhaseRecord,
    RouteRecord,
    TargetRecord,
    TopologyRecord,
    TrafficRecord,
    Verdict,
    VerdictRecord,
    WantedRecord,
    decode,
)
from aether.core.model.store_records import BackupRecord, OutageRecord
from aether.core.model.subjects import CLUSTER, of_blueprint, of_node, of_slice

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL


class PhaseFact(NamedTuple):
    """What is kept of a `phase/` record."""

    state: Phase
    incarnation: str
    failure: str
    is_fatal: bool


class TargetFact(NamedTuple):
    """What is kept of a `target/` record."""

    version: str
    instances: int
    rest: int
    """Generation of the blueprint it was derived from: another one means other settings."""


class NodeFact(NamedTuple):
    """What is kept of a `node/` record."""

    incarnation: str
    rest: NodeRecord


def _cluster(_: str, before: Any, after: Any) -> Iterator[Told]:  # noqa: ANN401 - a fact of its family
    if before is None and after is not None:
        yield Told("CLUSTER_FORMED", INFO, CLUSTER, f"cluster {after} was formed")
    elif after is not None and after != before:
        text = f"cluster {after} begins with what cluster {before} held: restored or recovered"
        yield Told("CLUSTER_RESTORED", WARNING, CLUSTER, text)


def _epoch(_: str, before: EpochRecord | None, after: EpochRecord | None) -> Iterator[Told]:
    if after is not None and after != before:
        text = f"{after.leader} leads, epoch {after.epoch}"
        yield Told("LEADER_ELECTED", INFO, of_node(after.leader), text)


def _topology(_: str, before: Any, after: TopologyRecord | None) -> Iterator[Told]:  # noqa: ANN401 - as above
    if after is not None and after != before:
        text = f"{after.nodes} nodes are wanted, at most {after.max_nodes}"
        yield Told("TOPOLOGY_CHANGED", INFO, CLUSTER, text)


def _node(key: str, before: NodeFact | None, after: NodeFact | None) -> Iterator[Told]:
    name = key.removeprefix(keys.NODES)
    subject = of_node(name)
    if after is None:
        yield Told("NODE_REMOVED", WARNING, subject, f"{name} is removed from the cluster")
    elif before is None:
        yield Told("NODE_JOINED", INFO, subject, f"{name} joined as {after.rest.role}")
    elif before.incarnation != after.incarnation:
        yield Told("NODE_RESTARTED", WARNING, subject, f"{name} was started again")
    elif before != after:
        yield Told("NODE_CHANGED", INFO, subject, f"{name} changed what it says of itself")


_JUDGED: Mapping[Verdict, tuple[str, Severity, str]] = {
    Verdict.ON_DUTY: ("NODE_ON_DUTY", INFO, "is on duty"),
    Verdict.SUSPECT: ("NODE_SUSPECT", WARNING, "is silent and gets no new instances"),
    Verdict.LOST: ("NODE_LOST", CRITICAL, "is lost; its instances are placed anew"),
    Verdict.DRAINING: ("NODE_DRAINING", INFO, "is being drained"),
    Verdict.DECOMMISSIONED: ("NODE_DRAINED", INFO, "is drained and hosts nothing"),
}
_DOUBTED = (Verdict.SUSPECT, Verdict.LOST)


def _verdict(key: str, before: Verdict | None, after: Verdict | None) -> Iterator[Told]:
    name = key.removeprefix(keys.VERDICTS)
    if after is None or after == before or after not in _JUDGED:
        return
    if before in _DOUBTED and after not in _DOUBTED:
        yield Told("NODE_RECOVERED", INFO, of_node(name), f"{name} is heard again, was {before}")
    kind, severity, text = _JUDGED[after]
    yield Told(kind, severity, of_node(name), f"{name} {text}")


def _provision(
    key: str, before: ProvisionRecord | None, after: ProvisionRecord | None
) -> Iterator[Told]:
    name = key.removeprefix(keys.PROVISIONS)
    subject = of_node(name)
    if after is None:
        yield Told("NODE_PROVIDED", INFO, subject, f"{name} is no longer asked for")
    elif before is None:
        yield Told("NODE_WANTED", INFO, subject, f"the provider is asked for {name}")
    elif after.attempt > before.attempt:
        text = f"{name} was not provided, try {after.attempt}: {after.problem}"
        yield Told("NODE_NOT_PROVIDED", WARNING, subject, text)


def _artifact(key: str, before: Any, after: Any) -> Iterator[Told]:  # noqa: ANN401 - as above
    name = key.removeprefix(keys.ARTIFACTS)
    subject = of_slice(Artifact(name).base)
    if after is None:
        yield Told("ARTIFACT_REMOVED", INFO, subject, f"{name} is forgotten")
    elif before is None:
        yield Told("ARTIFACT_PUSHED", INFO, subject, f"{name} was pushed")


def _blueprint(key: str, before: Any, after: Any) -> Iterator[Told]:  # noqa: ANN401 - as above
    name = key.removeprefix(keys.BLUEPRINTS)
    if after is None:
        yield Told("BLUEPRINT_DELETED", WARNING, of_blueprint(name), f"{name} was deleted")
    elif after != before:
        text = f"{after[0]} was applied, generation {after[1]}"
        yield Told("BLUEPRINT_APPLIED", INFO, of_blueprint(name), text)


def _target(key: str, before: TargetFact | None, after: TargetFact | None) -> Iterator[Told]:
    name = key.removeprefix(keys.TARGETS)
    subject = of_slice(name)
    if after is None:
        yield Told("SLICE_REMOVED", INFO, subject, f"{name} is no longer wanted")
        return
    if before is None:
        text = f"{after.instances} instances of {name}:{after.version} are wanted"
        yield Told("SLICE_ADDED", INFO, subject, text)
        return
    if before.version != after.version:
        text = f"{name} goes from {before.version} to {after.version}"
        yield Told("SLICE_UPDATED", INFO, subject, text)
    if before.instances != after.instances:
        text = f"{name} goes from {before.instances} to {after.instances} instances"
        yield Told("SLICE_SCALED", INFO, subject, text)
    if before[:2] == after[:2] and before != after:
        yield Told("SLICE_CHANGED", INFO, subject, f"{name} is wanted with other settings")


def _traffic(key: str, before: Any, after: Any) -> Iterator[Told]:  # noqa: ANN401 - as above
    name = key.removeprefix(keys.TRAFFIC)
    if before != after:
        how = "evenly among its instances" if after is None else "by weights and rules"
        yield Told("TRAFFIC_CHANGED", INFO, of_slice(name), f"requests of {name} go {how}")


def _route(key: str, before: Any, after: Any) -> Iterator[Told]:  # noqa: ANN401 - as above
    name = key.removeprefix(keys.ROUTES)
    if after is None:
        yield Told("ROUTE_REMOVED", INFO, of_slice(before.slice), f"{name} is no longer answered")
    elif before is None:
        yield Told("ROUTE_ADDED", INFO, of_slice(after.slice), f"{after.slice} answers {name}")
    elif before != after:
        text = f"{after.slice} answers {name}, otherwise than before"
        yield Told("ROUTE_CHANGED", INFO, of_slice(after.slice), text)


def _wanted(key: str, before: Desired | None, after: Desired | None) -> Iterator[Told]:
    node, instance = keys.read_placed(key, keys.WANTED)
    if after is None:
        return  # the phase tells the end, and the leader's other wishes what led there
    if before is None:
        text = f"{instance} is placed on {node}"
        yield Told("INSTANCE_PLACED", INFO, of_slice(instance.base), text)
    elif before != after:
        text = f"the leader wants {instance} on {node}: {after}"
        yield Told("INSTANCE_ORDERED", INFO, of_slice(instance.base), text)


def _phase(key: str, before: PhaseFact | None, after: PhaseFact | None) -> Iterator[Told]:
    node, instance = keys.read_placed(key, keys.PHASES)
    subject = of_slice(instance.base)
    if after is None:
        yield Told("INSTANCE_GONE", INFO, subject, f"{instance} is no longer on {node}")
    elif before is None or before != after:
        severity = (CRITICAL if after.is_fatal else WARNING) if after.failure else INFO
        why = f": {after.failure}" if after.failure else ""
        text = f"{instance} on {node} is {after.state}{why}"
        yield Told(f"INSTANCE_{after.state}", severity, subject, text)


def _config(key: str, before: Any, after: Any) -> Iterator[Told]:  # noqa: ANN401 - as above
    scope, name = keys.read_config(key)
    if before == after:
        return
    now = "is no longer changed" if after is None else "was set"
    yield Told("CONFIG_CHANGED", INFO, scope, f"{name} {now} for {scope}")


@dataclass(frozen=True, slots=True)
class Family:
    """How the keys of one family are told."""

    record: type[Any]
    keep: Callable[[Any], Any]
    """Returns what is kept of a record."""
    tell: Callable[[str, Any, Any], Iterator[Told]]
    """Yields what a change of the fact says; None stands for no record. May raise ValueError."""


def _whole(record: Any) -> Any:  # noqa: ANN401 - a record of any family
    return record


def _phase_fact(record: PhaseRecord) -> PhaseFact:
    failure = record.failure
    return PhaseFact(
        record.state,
        record.incarnation,
        failure.message[:300] if failure is not None else "",
        failure is not None and failure.kind == "fatal",
    )


FAMILIES: Mapping[str, Family] = {
    "cluster": Family(ClusterRecord, lambda one: one.cluster_id, _cluster),
    "control": Family(EpochRecord, _whole, _epoch),
    "topology": Family(TopologyRecord, _whole, _topology),
    "node": Family(NodeRecord, lambda one: NodeFact(one.incarnation, one), _node),
    "verdict": Family(VerdictRecord, lambda one: one.verdict, _verdict),
    "provision": Family(ProvisionRecord, _whole, _provision),
    "artifact": Family(ArtifactRecord, lambda one: one.digest, _artifact),
    "blueprint": Family(BlueprintRecord, lambda one: (str(one.id), one.generation), _blueprint),
    "target": Family(
        TargetRecord, lambda one: TargetFact(one.version, one.instances, one.generation), _target
    ),
    "traffic": Family(TrafficRecord, _whole, _traffic),
    "route": Family(RouteRecord, _whole, _route),
    "wanted": Family(WantedRecord, lambda one: one.desired, _wanted),
    "phase": Family(PhaseRecord, _phase_fact, _phase),
    "config": Family(ConfigRecord, _whole, _config),
    "threshold": Family(ThresholdRecord, _whole, alerts.threshold),
    "alert": Family(AlertRecord, _whole, alerts.alert),
    "silence": Family(SilenceRecord, _whole, alerts.silence),
    "loglevel": Family(LogLevelRecord, _whole, alerts.log_level),
    "outage": Family(OutageRecord, _whole, store.outage),
    "backup": Family(BackupRecord, _whole, store.backup),
    "webhook": Family(WebhookRecord, lambda one: (one.url, one.types, one.least), alerts.webhook),
}
"""The families that are told, by the first part of their keys."""

PREFIXES: tuple[str, ...] = (
    *(keys.CLUSTER, keys.EPOCH, keys.TOPOLOGY, keys.NODES, keys.VERDICTS, keys.PROVISIONS),
    *(keys.ARTIFACTS, keys.BLUEPRINTS, keys.TARGETS, keys.TRAFFIC, keys.ROUTES, keys.WANTED),
    *(keys.PHASES, keys.CONFIG, keys.THRESHOLDS, keys.ALERTS, keys.SILENCES, keys.LOG_LEVELS),
    *(keys.WEBHOOKS, keys.OUTAGE, keys.BACKUP),
)
"""What has to be known at a revision to tell what comes after it."""


def fact_of(key: str, value: bytes | None) -> Any:  # noqa: ANN401 - a fact of its family
    """Return what is kept of a key's value; None when there is none or it cannot be read."""
    family = FAMILIES.get(key.partition("/")[0])
    if family is None or value is None:
        return None
    try:
        return family.keep(decode(value, family.record))
    except ValueError:
        return None


def told_of(key: str, before: object, after: object) -> tuple[Told, ...]:
    """Return what the change of one key from fact to fact says."""
    family = FAMILIES.get(key.partition("/")[0])
    if family is None or (before is None and after is None):
        return ()
    try:
        return tuple(family.tell(key, before, after))
    except ValueError:
        return ()  # the key itself cannot be read
