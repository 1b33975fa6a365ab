"""What is read off the cluster's state for alerts, as numbers: values without a measurement.

Every subject there is gets a value, the good ones too: one that is left out is not known, or gone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aether.core.alerts.thresholds import Series
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Phase
from aether.core.model.records import Verdict
from aether.core.model.view import ClusterView

_SILENT: Mapping[Verdict, float] = {Verdict.SUSPECT: 1.0, Verdict.LOST: 2.0}
_CONDITIONS: Mapping[str, float] = {"ok": 0.0, "recovering": 1.0}
"""Conditions of a store member; every other one is a failure."""
_FAILED = 2.0


OF_VIEW = frozenset(
    {
        "node.silent",
        "node.provision",
        "slice.down",
        "slice.short",
        "slice.failing",
        "cluster.unreadable",
    }
)
"""What `of_view` tells in full: a subject it leaves out is gone, and nothing is bad about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFact:
    """One store member as the leader knows it."""

    node: NodeId
    voter: bool
    lag: int
    """Log entries it has not confirmed."""
    silent_s: float
    """Seconds since it answered; 0 for the leader itself."""
    answers: bool
    """Whether it counts for the quorum now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFact:
    """What a node says of itself when the leader asks."""

    condition: str
    """Of its store member: `ok`, `recovering`, or what is wrong."""
    certificate_days: float | None = None
    """Until the first of its certificates ends; None where it has none."""


def of_view(view: ClusterView) -> dict[Series, float]:
    """Return what the store says of nodes and slices."""
    found: dict[Series, float] = {}
    for node in view.nodes:
        verdict = view.verdicts.get(node)
        found["node.silent", node] = _SILENT.get(verdict.verdict, 0.0) if verdict else 0.0
    for node, record in view.provisions.items():
        found["node.provision", node] = float(record.attempt)
    active = view.active_by_slice()
    for base, target in view.targets.items():
        serving = len(active.get(base, ()))
        found["slice.down", base] = float(target.instances > 0 and not serving)
        found["slice.short", base] = float(max(0, target.instances - serving))
        found["slice.failing", base] = 0.0
    for placed, phase in view.phases.items():
        key = ("slice.failing", placed[1].base)
        if phase.state is Phase.FAILED and key in found:
            found[key] += 1.0
    found["cluster.unreadable", ""] = float(len(view.unreadable))
    return found


def of_members(members: Iterable[MemberFact]) -> dict[Series, float]:
    """Return what the leader knows of the store's members."""
    known = sorted(members, key=lambda member: member.node)
    found: dict[Series, float] = {}
    for member in known:
        found["member.lag", member.node] = float(member.lag)
        found["member.silent", member.node] = member.silent_s
    voters = [member for member in known if member.voter]
    spare = (len(voters) - 1) // 2
    if voters:
        answering = sum(member.answers for member in voters)
        left = max(0, answering - (len(voters) // 2 + 1))
        found["cluster.quorum", ""] = (spare - left) / spare if spare else 0.0
    return found


def of_nodes(said: Mapping[NodeId, NodeFact]) -> dict[Series, float]:
    """Return what the nodes say of themselves; who says nothing has no value."""
    found: dict[Series, float] = {}
    for node, fact in said.items():
        found["node.condition", node] = _CONDITIONS.get(fact.condition, _FAILED)
        if fact.certificate_days is not None:
            found["node.certificate", node] = fact.certificate_days
    return found
