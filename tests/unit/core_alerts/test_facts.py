"""Every family of keys: what a change of its record is told as."""

import pytest

from aether.core.alerts.events import TYPES
from aether.core.alerts.facts import FAMILIES, PREFIXES, fact_of, told_of
from aether.core.model import keys
from aether.core.model.alert_records import Severity
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.provision_records import ProvisionRecord
from aether.core.model.records import (
    BlueprintRecord,
    ClusterRecord,
    ConfigRecord,
    EpochRecord,
    Failure,
    PhaseRecord,
    RouteRecord,
    SliceSpec,
    TargetRecord,
    TopologyRecord,
    TrafficRecord,
    Verdict,
    VerdictRecord,
    WantedRecord,
    encode,
)
from aether.core.model.store_records import BackupRecord, OutageRecord
from tests.api_world import artifact_record
from tests.worlds import SHOP, nodes

N1 = NodeId("node-1")
NODE = nodes(N1).nodes[N1]
PLACED = f"node-1/{SHOP}:1.0.0/0"


def verdict(which: Verdict) -> VerdictRecord:
    return VerdictRecord(verdict=which, incarnation="i")


def phase(state: Phase, failure: Failure | None = None) -> PhaseRecord:
    return PhaseRecord(state=state, observed_generation=1, incarnation="i", failure=failure)


def target(version: str = "1.0.0", instances: int = 2, generation: int = 1) -> TargetRecord:
    return TargetRecord(
        version=version, instances=instances, min_instances=1, max_instances=9,
        owner=SliceBase("a:b"), generation=generation,
    )  # fmt: skip


def blueprint(generation: int) -> BlueprintRecord:
    spec = SliceSpec(artifact=Artifact(f"{SHOP}:1.0.0"))
    return BlueprintRecord(id=Artifact("a:b:1.0.0"), generation=generation, slices=(spec,))


def wanted(desired: Desired) -> WantedRecord:
    return WantedRecord(desired=desired, generation=1, target_generation=1)


def told(key: str, before: object, after: object) -> list[tuple[str, str]]:
    facts = [None if one is None else fact_of(key, encode(one)) for one in (before, after)]
    found = told_of(key, *facts)
    assert all(one.type in TYPES and one.text for one in found)
    return [(one.type, one.subject) for one in found]


NODE_1, SLICE, PAIR = "node/node-1", f"slice/{SHOP}", "blueprint/a:b"
ROUTE = RouteRecord(slice=SHOP)


@pytest.mark.parametrize(
    ("key", "before", "after", "expected"),
    [
        (keys.EPOCH, None, EpochRecord(leader=N1, epoch=1), [("LEADER_ELECTED", NODE_1)]),
        ("topology", None, TopologyRecord(nodes=3, max_nodes=5), [("TOPOLOGY_CHANGED", "cluster")]),
        ("node/node-1", None, NODE, [("NODE_JOINED", NODE_1)]),
        ("node/node-1", NODE, None, [("NODE_REMOVED", NODE_1)]),
        ("verdict/node-1", None, verdict(Verdict.JOINING), []),
        ("verdict/node-1", verdict(Verdict.JOINING), verdict(Verdict.ON_DUTY),
         [("NODE_ON_DUTY", NODE_1)]),
        ("verdict/node-1", verdict(Verdict.ON_DUTY), verdict(Verdict.SUSPECT),
         [("NODE_SUSPECT", NODE_1)]),
        ("verdict/node-1", verdict(Verdict.SUSPECT), verdict(Verdict.LOST),
         [("NODE_LOST", NODE_1)]),
        ("verdict/node-1", verdict(Verdict.LOST), verdict(Verdict.ON_DUTY),
         [("NODE_RECOVERED", NODE_1), ("NODE_ON_DUTY", NODE_1)]),
        ("verdict/node-1", verdict(Verdict.ON_DUTY), verdict(Verdict.DRAINING),
         [("NODE_DRAINING", NODE_1)]),
        ("verdict/node-1", verdict(Verdict.DRAINING), verdict(Verdict.DECOMMISSIONED),
         [("NODE_DRAINED", NODE_1)]),
        ("verdict/node-1", verdict(Verdict.LOST), verdict(Verdict.LOST), []),
        ("provision/node-1", None, ProvisionRecord(node=N1), [("NODE_WANTED", NODE_1)]),
        ("provision/node-1", ProvisionRecord(node=N1), ProvisionRecord(node=N1, attempt=1),
         [("NODE_NOT_PROVIDED", NODE_1)]),
        ("provision/node-1", ProvisionRecord(node=N1), None, [("NODE_PROVIDED", NODE_1)]),
        (f"artifact/{SHOP}:1.0.0", None, artifact_record(f"{SHOP}:1.0.0"),
         [("ARTIFACT_PUSHED", SLICE)]),
        (f"artifact/{SHOP}:1.0.0", artifact_record(f"{SHOP}:1.0.0"), None,
         [("ARTIFACT_REMOVED", SLICE)]),
        ("blueprint/a:b", None, blueprint(1), [("BLUEPRINT_APPLIED", PAIR)]),
        ("blueprint/a:b", blueprint(1), blueprint(2), [("BLUEPRINT_APPLIED", PAIR)]),
        ("blueprint/a:b", blueprint(2), None, [("BLUEPRINT_DELETED", PAIR)]),
        (f"target/{SHOP}", None, target(), [("SLICE_ADDED", SLICE)]),
        (f"target/{SHOP}", target(), target(instances=5, generation=2), [("SLICE_SCALED", SLICE)]),
        (f"target/{SHOP}", target(), target(version="2.0.0", instances=1),
         [("SLICE_UPDATED", SLICE), ("SLICE_SCALED", SLICE)]),
        (f"target/{SHOP}", target(), target(generation=2), [("SLICE_CHANGED", SLICE)]),
        (f"target/{SHOP}", target(), target(), []),
        (f"target/{SHOP}", target(), None, [("SLICE_REMOVED", SLICE)]),
        (f"traffic/{SHOP}", TrafficRecord(), None, [("TRAFFIC_CHANGED", SLICE)]),
        ("route/GET /x", None, ROUTE, [("ROUTE_ADDED", SLICE)]),
        ("route/GET /x", ROUTE, RouteRecord(slice=SHOP, attempts=1), [("ROUTE_CHANGED", SLICE)]),
        ("route/GET /x", ROUTE, None, [("ROUTE_REMOVED", SLICE)]),
        (f"wanted/{PLACED}", None, wanted(Desired.LOAD), [("INSTANCE_PLACED", SLICE)]),
        (f"wanted/{PLACED}", wanted(Desired.LOAD), wanted(Desired.ACTIVATE),
         [("INSTANCE_ORDERED", SLICE)]),
        (f"wanted/{PLACED}", wanted(Desired.LOAD), None, []),
        *[(f"phase/{PLACED}", None, phase(state), [(f"INSTANCE_{state}", SLICE)])
          for state in Phase],
        (f"phase/{PLACED}", phase(Phase.ACTIVE), phase(Phase.ACTIVE), []),
        (f"phase/{PLACED}", phase(Phase.ACTIVE), None, [("INSTANCE_GONE", SLICE)]),
        ("config/cluster/log.level", None, ConfigRecord(value="debug"),
         [("CONFIG_CHANGED", "cluster")]),
        ("config/node/node-1/node.capacity", ConfigRecord(value=1), None,
         [("CONFIG_CHANGED", NODE_1)]),
        ("cluster", None, ClusterRecord(cluster_id="c-1"), [("CLUSTER_FORMED", "cluster")]),
        ("cluster", ClusterRecord(cluster_id="c-1"), ClusterRecord(cluster_id="c-2"),
         [("CLUSTER_RESTORED", "cluster")]),
        ("outage", None, OutageRecord(since_ms=1, lasted_s=9.0, seen_by=N1, leader=N1),
         [("QUORUM_LOST", "cluster"), ("QUORUM_REGAINED", "cluster")]),
        ("backup", None, BackupRecord(node=N1, by="me", ended_ms=1, size=1),
         [("BACKUP_TAKEN", "cluster")]),
        ("generation/a:b/000000001", None, blueprint(1), []),
    ],
)  # fmt: skip
def test_a_change_is_told(
    key: str, before: object, after: object, expected: list[tuple[str, str]]
) -> None:
    assert told(key, before, after) == expected


@pytest.mark.parametrize(("kind", "severity"), [("fatal", "critical"), ("transient", "warning")])
def test_how_bad_a_failure_is(kind: str, severity: str) -> None:
    failure = Failure(kind="fatal" if kind == "fatal" else "transient", message="no module x")
    fact = fact_of(f"phase/{PLACED}", encode(phase(Phase.FAILED, failure)))
    (one,) = told_of(f"phase/{PLACED}", None, fact)
    assert one.severity == severity
    assert "no module x" in one.text


def test_another_life_of_a_node() -> None:
    reborn = fact_of("node/node-1", encode(NODE))
    before = reborn._replace(incarnation="earlier")
    (one,) = told_of("node/node-1", before, reborn)
    assert (one.type, one.severity) == ("NODE_RESTARTED", Severity.WARNING)


def test_what_cannot_be_read_is_no_fact_and_not_told() -> None:
    assert fact_of("node/node-1", b"{") is None
    assert fact_of("app/x", b"1") is None
    assert told_of("phase/broken", None, fact_of("phase/broken", encode(phase(Phase.ACTIVE)))) == ()


def test_everything_that_is_told_is_read_at_the_beginning() -> None:
    assert {prefix.partition("/")[0] for prefix in PREFIXES} == set(FAMILIES)
