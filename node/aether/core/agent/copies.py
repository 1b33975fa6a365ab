"""Whether this node should hold a copy of an artifact: every wheel is to be on three nodes that stay.

Each node decides for itself from what all can see, so the rule must give one answer everywhere:
candidates are ranked by a digest over node and wheel, and the first ones take the copies that lack.
A copy too many is kept: taking one away would move wheels about for nothing.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from aether.core.model.ids import Artifact, NodeId
from aether.core.model.records import ArtifactRecord, Verdict
from aether.core.model.view import ClusterView

COPIES = 3
"""Nodes that are to hold a wheel, or all there are when they are fewer."""
MOST_LISTED = 8
"""Holders a record lists: enough for a fetch to find one, few enough for the record to stay small."""

_STAYS = frozenset({Verdict.ON_DUTY, Verdict.SUSPECT})
"""A copy on such a node counts; one on a node that is draining is made good elsewhere before it goes."""


class CopyStep(StrEnum):
    """What a node does about one wheel."""

    NOTHING = "nothing"
    TAKE = "take"
    """Fetch it and be listed as a holder."""
    CLAIM = "claim"
    """It is here already: be listed."""
    LEAVE = "leave"
    """It is listed here and is not: be listed no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyQuestion:
    """All the decision depends on."""

    me: NodeId
    digest: str
    holders: tuple[NodeId, ...]
    """As the record lists them."""
    staying: tuple[NodeId, ...]
    """Nodes whose copies count, sorted."""
    on_duty: tuple[NodeId, ...]
    """Nodes that may take a copy, sorted."""
    is_here: bool
    patience: int = 0
    """How many more than the copies lacking may take one: it grows while those first in line do not."""


def staying_nodes(view: ClusterView) -> tuple[NodeId, ...]:
    """Return the nodes a copy counts on, sorted."""
    return tuple(node for node in sorted(view.nodes) if _verdict(view, node) in _STAYS)


def nodes_on_duty(view: ClusterView) -> tuple[NodeId, ...]:
    """Return the nodes that may take a copy, sorted."""
    return tuple(node for node in sorted(view.nodes) if _verdict(view, node) is Verdict.ON_DUTY)


def _verdict(view: ClusterView, node: NodeId) -> Verdict | None:
    record = view.verdicts.get(node)
    return record.verdict if record is not None else None


def copies_lacking(holders: Iterable[NodeId], staying: tuple[NodeId, ...]) -> int:
    """Return how many copies there are too few; 0 when there are enough."""
    counted = set(holders) & set(staying)
    return max(0, min(COPIES, len(staying)) - len(counted))


def decide(question: CopyQuestion) -> CopyStep:
    """Return what this node does about the wheel."""
    me = question.me
    is_listed = me in question.holders
    if question.is_here:
        listed = set(question.holders) & set(question.staying)
        may_claim = me in question.staying and len(listed) < MOST_LISTED
        return CopyStep.CLAIM if may_claim and not is_listed else CopyStep.NOTHING
    others = [node for node in question.holders if node != me]
    lacking = copies_lacking(others, question.staying)
    candidates = [node for node in question.on_duty if node not in others]
    if lacking and me in rank(candidates, question.digest)[: lacking + question.patience]:
        return CopyStep.TAKE
    return CopyStep.LEAVE if is_listed else CopyStep.NOTHING


def rank(nodes: Iterable[NodeId], digest: str) -> list[NodeId]:
    """Return the nodes in the order in which they take this wheel; other wheels have other orders.

    One node more or less changes nothing in the order of the rest (rendezvous hashing).
    """
    return sorted(
        nodes, key=lambda node: (hashlib.sha256(f"{node}/{digest}".encode()).digest(), node)
    )


def listed(record: ArtifactRecord, node: NodeId, view: ClusterView) -> tuple[NodeId, ...]:
    """Return the holders with `node` among them; nodes that were removed from the cluster go."""
    others = [holder for holder in record.holders if holder in view.nodes and holder != node]
    return (*others, node)


def unlisted(record: ArtifactRecord, node: NodeId) -> tuple[NodeId, ...]:
    """Return the holders without `node`."""
    return tuple(holder for holder in record.holders if holder != node)


def only_here(view: ClusterView, node: NodeId) -> tuple[Artifact, ...]:
    """Return the artifacts that would be on no node that stays if `node` went, sorted.

    None when no other node stays: then nothing is gained by waiting for one.
    """
    others = set(staying_nodes(view)) - {node}
    return tuple(
        artifact
        for artifact, record in sorted(view.artifacts.items())
        if others and node in record.holders and not others & set(record.holders)
    )
