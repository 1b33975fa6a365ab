"""The leader's turns: look, project, decide, timed on clusters in every kind of trouble."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aether.control.signal_board import SignalBoard
from aether.core.control.reconcile import reconcile
from aether.core.control.signals import ControlSettings
from aether.core.model import ids, keys
from aether.core.model.ids import NodeId
from aether.core.model.plan import Plan
from aether.core.model.projection import Projector
from aether.core.model.view import ClusterView
from tests.bench.control.worlds import Cluster, Size

ROUNDS = 9
"""Least measurements a median is taken of."""
STEPS_A_TURN = 512
"""Steps the nodes finish between two turns in a roll-out."""
MOST_TURNS = 400
"""Turns after which a story counts as stuck."""
STIRRED = 5
TURN_S = 1.0


@dataclass(frozen=True, slots=True)
class Took:
    """What one turn took, in seconds: on the clock, and of the processor."""

    wall: float
    cpu: float


@dataclass(slots=True)
class Leader:
    """What a leader keeps from turn to turn, and what its turns took."""

    cluster: Cluster
    now: float = 1000.0
    took: list[Took] = field(default_factory=list)
    view: ClusterView = field(default_factory=ClusterView)
    plan: Plan = field(default_factory=Plan)
    _projector: Projector = field(default_factory=Projector)
    _board: SignalBoard = field(default_factory=SignalBoard)

    def turn(self) -> Plan:
        """Take one turn; nothing is committed."""
        self.now += TURN_S
        entries, revision = self.cluster.entries(), self.cluster.revision
        for node in sorted(self.view.nodes):
            if node not in self.cluster.silent:
                self._board.hear(node, "life-1", self.now)
        began, worked = time.perf_counter(), time.thread_time()
        self.view = self._projector.project(entries, revision)
        signals = self._board.look(self.view, self.now)
        self.plan = reconcile(self.view, signals, ControlSettings(), self.now)
        self.took.append(Took(time.perf_counter() - began, time.thread_time() - worked))
        self._board.note_plan(self.now, empty=not self.plan.commands)
        return self.plan

    def advance(self) -> bool:
        """Take a turn, commit it and let the nodes act; return whether anything happened."""
        self.turn()
        self.cluster.commit(self.plan, self.view)
        done = self.cluster.answer(STEPS_A_TURN)
        return bool(done or self.plan.commands)

    def settle(self, what: str) -> list[Took]:
        """Advance until there is nothing to do; return how long each turn took."""
        self.took = []
        for _ in range(MOST_TURNS):
            if not self.advance():
                return self.took
        raise RuntimeError(f"{what} of {self.cluster.size.name} is not done in {MOST_TURNS} turns")


def forget_names() -> None:
    """Forget every name that was checked, as a process that has just started has none."""
    ids._known_artifact.cache_clear()
    keys._placed.cache_clear()


def stories(size: Size) -> dict[str, list[Took]]:
    """Return what turns took in every kind of trouble."""
    cluster = Cluster(size)
    leader = Leader(cluster)
    leader.turn()
    leader.advance()
    cluster.deploy("1.0.0", 1)
    found = {"placing": leader.settle("the roll-out")}
    cluster.route_all()
    leader.settle("routing")
    found |= _calm(leader)
    found["updating"] = _story(leader, lambda: cluster.deploy("1.1.0", 2), "the update")
    node = NodeId(f"node-{size.nodes}")
    found["draining"] = _story(leader, lambda: cluster.drain(node), "the drain")
    lost = NodeId(f"node-{size.nodes - 1}")
    found["losing a node"] = _lose(leader, lost)
    return found


def _calm(leader: Leader) -> dict[str, list[Took]]:
    cold = []
    for _ in range(ROUNDS):
        forget_names()
        gc.collect()
        first = Leader(leader.cluster, leader.now)
        first.turn()
        cold += first.took
    leader.took = []
    for _ in range(4 * ROUNDS):
        leader.cluster.stir(leader.view, STIRRED)
        leader.turn()
    steady = leader.took
    leader.took = []
    for _ in range(4 * ROUNDS):
        leader.turn()
    return {"cold": cold, "steady": steady, "quiet": leader.took}


def _story(leader: Leader, begin: Callable[[], None], what: str) -> list[Took]:
    begin()
    return leader.settle(what)


def _lose(leader: Leader, node: NodeId) -> list[Took]:
    """Let a node fall silent, and everything it ran be placed anew."""
    leader.cluster.silent.add(node)
    leader.took = []
    while leader.view.verdicts[node].verdict != "LOST":
        leader.advance()
    return [*leader.took, *leader.settle("the loss")]
