"""An operator who changes the members: step by step, each asked for again until it is done.

An operator is careful: a member's disk is only thrown away once its removal is known to have
happened, and a new one learns before it votes.
"""

import random
from collections.abc import Callable, Sequence

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Peer
from aether.core.raft.values import AddLearner, Change, Promote, Remove
from aether.store.native.results import Applied, Result
from aether_forge.sim.raft.nemesis import Fault
from aether_forge.sim.raft.world import World

TRIES = 25
PAUSE_S = 0.15
TIMEOUT_S = 1.0

Then = Callable[[], None]


class Operator:
    """One task of an operator, who is done when one of its last steps is."""

    def __init__(self, world: World, throw: random.Random) -> None:
        self._world = world
        self._dice = throw
        world.operators += 1

    def done(self) -> None:
        """Have no more to do."""
        self._world.operators -= 1

    def change(self, change: Change, then: Then, fail: Then, tries: int = TRIES) -> None:
        """Ask any member for a change until it is applied, then go on."""
        world = self._world
        running = world.running()
        if not tries or world.workload.over:
            fail()
            return
        unwise = isinstance(change, Remove) and self._is_unwise(change)
        member = world.nodes[self._dice.choice(running)] if running and not unwise else None
        answered = False

        def done(result: Result | None) -> None:
            nonlocal answered
            if answered:
                return
            answered = True
            if isinstance(result, Applied):
                self._note(change)
                then()
            else:
                pause = self._dice.uniform(0.5, 1.5) * PAUSE_S
                world.agenda.after(pause, lambda: self.change(change, then, fail, tries - 1))

        if member is None:
            done(None)
            return
        member.tell(lambda replica, now: replica.change(change, done, now + TIMEOUT_S, now))
        world.agenda.after(2 * TIMEOUT_S, lambda: done(None))

    def _is_unwise(self, change: Remove) -> bool:
        """Whether somebody who stays has to get well first."""
        staying = [node for node in self._world.voters() if node != change.node]
        return not self._world.well(staying)

    def _note(self, change: Change) -> None:
        world = self._world
        world.story.tell(world.agenda.now, f"operator: {change} is applied")
        match change:
            case AddLearner():
                world.count("member added")
            case Promote():
                world.count("member promoted")
            case Remove():
                world.count("member removed")
        if world.network.any_cut:
            world.count("membership changed under partition")

    def admit(self, node: NodeId, then: Then) -> None:
        """Make a node that runs empty a voter."""
        peer = Peer(node, self._world.address(node))

        def last() -> None:
            then()
            self.done()

        promote: Then = lambda: self.change(Promote(node), last, self.done)  # noqa: E731 - a step among steps
        self.change(AddLearner(peer), promote, self.done)


def _nothing() -> None:
    """Have nothing to add."""


def _pick(world: World, fault: Fault, throw: random.Random, among: Sequence[NodeId]) -> NodeId:
    leader = world.leader()
    if fault.at_leader and leader is not None and leader in among:
        return leader
    return throw.choice(list(among))


def transfer(world: World, _: Fault, throw: random.Random) -> None:
    """Ask for leadership to move."""
    running, voters = world.running(), world.voters()
    if not running or not voters:
        return
    target = throw.choice([None, *voters])

    def done(result: Result) -> None:
        if isinstance(result, Applied):
            world.count("leadership transferred")
            world.story.tell(world.agenda.now, f"leadership moved as asked, to {target or 'any'}")

    member = world.nodes[throw.choice(running)]
    member.tell(lambda replica, now: replica.transfer(target, done, now + TIMEOUT_S, now))


def add(world: World, _: Fault, throw: random.Random) -> None:
    """Bring a new machine in; at most two more than at the beginning."""
    numbers = range(1, world.settings.nodes + 3)
    free = [NodeId(f"n{number}") for number in numbers if f"n{number}" not in world.nodes]
    if not free:
        return
    member = world.build(free[0])
    member.joins = True
    world.start(free[0])
    Operator(world, throw).admit(free[0], _nothing)


def remove(world: World, fault: Fault, throw: random.Random) -> None:
    """Take a member out and leave its process running; bring it back after a while, emptied."""
    voters = world.voters()
    if len(voters) < 3:
        return
    node = _pick(world, fault, throw, voters)
    operator = Operator(world, throw)

    def back() -> None:
        _renew(world, node)
        operator.admit(node, _nothing)

    def wait() -> None:
        world.agenda.after(fault.seconds, back)

    operator.change(Remove(node), wait, operator.done)


def replace(world: World, fault: Fault, throw: random.Random) -> None:
    """Lose a member's disk: stop it, have it removed, and bring it back empty."""
    voters = world.voters()
    if len(voters) < 3 or len([one for one in voters if one in world.running()]) < len(voters):
        return
    node = _pick(world, fault, throw, voters)
    operator = Operator(world, throw)
    world.stop(node, power=True)

    def back() -> None:
        _renew(world, node)
        operator.admit(node, lambda: world.count("wiped member replaced"))

    def undo() -> None:
        world.start(node)
        operator.done()

    operator.change(Remove(node), back, undo)


def _renew(world: World, node: NodeId) -> None:
    """Have a machine run with an empty disk."""
    member = world.nodes[node]
    world.stop(node, power=True)
    member.disk.wipe()
    member.disk.trouble.ignores_sync = world.settings.ignores_sync
    member.joins = True
    world.start(node)
