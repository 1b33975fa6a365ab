"""What one move would gain: how much more evenly instances are spread when one goes to another node.

Worked example: n1 has 3 of a slice, n2 has 1; moved, both have 2: that evens the slice by 1. With 2
and 1 a move would only swap them. With 1 and 0 it swaps the slice but evens the nodes when n1 hosts
9 instances in all and n2 only 5.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aether.core.control.evidence import Evaluate, read
from aether.core.model.ids import InstanceId, NodeId

Gain = tuple[int, int, float]
"""By how much zones, nodes and loads become more even; compared in this order."""

NOTHING: Gain = (0, 0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """How crowded a node is, the instance not moved yet."""

    node: NodeId
    in_zone: int
    """Instances of the slice in the node's zone; equal for both nodes where zones do not matter."""
    of_slice: int
    total: int
    capacity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocation:
    """One instance from one node to another."""

    instance: InstanceId
    source: Crowd
    goal: Crowd
    same_zone: bool
    """Whether the zones of both make no difference: one zone, or a slice not spread over zones."""


def gain(move: Relocation) -> Gain:
    """Return what the move gains; it is worth making when that is more than `NOTHING`.

    Each part is half of what the move takes off a sum of squares: instances of the slice per zone,
    per node, and total²/capacity over the nodes. Moves that each lower the first sum that they
    change must come to an end, and none is ever taken back.
    """
    source, goal = move.source, move.goal
    zones = 0 if move.same_zone else source.in_zone - goal.in_zone - 1
    nodes = source.of_slice - goal.of_slice - 1
    loads = relief(source.total, source.capacity) - burden(goal.total, goal.capacity)
    return (zones, nodes, loads)


def relief(total: int, capacity: int) -> float:
    """Return how much total²/capacity shrinks on a node that hosts one less."""
    return (2 * total - 1) / max(1, capacity)


def burden(total: int, capacity: int) -> float:
    """Return how much total²/capacity grows on a node that hosts one more; it has room for one."""
    return (2 * total + 1) / capacity


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which of these moves is best? The best first, at most a few."""

    moves: tuple[Relocation, ...]


def order(move: Relocation) -> tuple[float, float, float, InstanceId, NodeId]:
    """Return what moves are ordered by, the best first."""
    zones, nodes, loads = gain(move)
    return (-zones, -nodes, -loads, move.instance, move.goal.node)


def decide(asked: Question) -> Relocation | None:
    """Return the best move, or None when none gains anything."""
    worth = [move for move in asked.moves if gain(move) > NOTHING]
    return min(worth, key=order, default=None)


def text(move: Relocation | None) -> str:
    """Return the decision as a reason writes it."""
    return f"move {move.instance} to {move.goal.node}" if move else "stay"


def _evaluate(inputs: Mapping[str, str]) -> str:
    return text(decide(read(inputs, Question)))


EVALUATE: Evaluate = _evaluate
