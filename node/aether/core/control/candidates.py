"""The choice of a node for one instance: candidates in order, the one taken, and why not the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from aether.core.control.evidence import write
from aether.core.control.ranking import fullness
from aether.core.model.ids import NodeId, SliceBase

MOST_CANDIDATES = 5
"""Nodes a reason shows, the chosen one included."""

MOST_REJECTED = 8
"""Alternatives a reason names."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A node that passed the filters, and the numbers it is ranked by."""

    node: NodeId
    avoided: bool
    """Whether it gave the slice up before: taken only when there is no other."""
    in_zone: int
    """Instances of the slice in the node's zone; 0 where zones make no difference."""
    of_slice: int
    total: int
    capacity: int
    soon_gone: int = 0
    """Of `total`, how many are about to go: they take room, and make the node no fuller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Where should one more instance of the slice go? The best candidates, best first."""

    slice: SliceBase
    spread: Literal["node", "zone"]
    candidates: tuple[Candidate, ...]


def decide(asked: Question) -> NodeId:
    """Return the node that gets the instance; there is at least one candidate."""
    return min(asked.candidates, key=rank).node


def rank(candidate: Candidate) -> tuple[bool, int, int, float, NodeId]:
    """Return what candidates are ordered by, the best first."""
    return (
        candidate.avoided,
        candidate.in_zone,
        candidate.of_slice,
        _fullness(candidate),
        candidate.node,
    )


def _fullness(candidate: Candidate) -> float:
    return fullness(candidate.total - candidate.soon_gone, candidate.capacity)


@dataclass(frozen=True, slots=True)
class Choice:
    """The node for one more instance, and why this one."""

    node: NodeId
    asked: Question
    unfit: tuple[tuple[NodeId, str], ...]
    """Some of the nodes that a filter kept out, and which."""

    @property
    def is_last_resort(self) -> bool:
        """Whether the node gave the slice up before, and there is no other."""
        return self._chosen.avoided

    @property
    def inputs(self) -> dict[str, str]:
        """The question and the decision, as a reason's inputs."""
        return write(self.asked, self.node)

    @property
    def rejected(self) -> dict[str, str]:
        """Other nodes and why they were not taken, at most `MOST_REJECTED`."""
        chosen = self._chosen
        others = [
            (other.node, _why_not(other, chosen))
            for other in self.asked.candidates
            if other.node != self.node
        ]
        return dict([*others, *self.unfit][:MOST_REJECTED])

    @property
    def _chosen(self) -> Candidate:
        return next(c for c in self.asked.candidates if c.node == self.node)


def _why_not(other: Candidate, chosen: Candidate) -> str:
    if other.avoided and not chosen.avoided:
        return "it gave the slice up before"
    if other.in_zone != chosen.in_zone:
        return f"its zone has {other.in_zone} of the slice, that of {chosen.node} {chosen.in_zone}"
    if other.of_slice != chosen.of_slice:
        return f"it has {other.of_slice} of the slice, {chosen.node} {chosen.of_slice}"
    if _fullness(other) != _fullness(chosen):
        return (
            f"it hosts {other.total} of at most {other.capacity}{_soon_gone(other)}, "
            f"{chosen.node} {chosen.total} of {chosen.capacity}{_soon_gone(chosen)}"
        )
    return f"as good as {chosen.node}, which is first by name"


def _soon_gone(candidate: Candidate) -> str:
    return f" ({candidate.soon_gone} about to go)" if candidate.soon_gone else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRoom:
    """No node can take the instance: how many each filter kept out."""

    nodes: int
    off_duty: int
    lacking: int
    full: int
    require: Mapping[str, str]

    @property
    def why(self) -> str:
        """A clause for people: why there is no node."""
        if not self.nodes:
            return "the cluster has no nodes"
        labels = ", ".join(f"{name}={value}" for name, value in sorted(self.require.items()))
        kept_out = (
            (self.off_duty, "not on duty"),
            (self.lacking, f"without {labels}"),
            (self.full, "full"),
        )
        parts = ", ".join(f"{count} {why}" for count, why in kept_out if count)
        return f"no node can take it: of {self.nodes} nodes {parts}"
