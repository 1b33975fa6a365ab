"""One run: faults and clients for a while, then rest, then judgement."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import structlog

from aether_forge.sim.raft.disk import CAPACITY
from aether_forge.sim.raft.faults import carry_out
from aether_forge.sim.raft.history import READ, Operation, Value
from aether_forge.sim.raft.member import SimMember
from aether_forge.sim.raft.nemesis import Fault, chosen
from aether_forge.sim.raft.oracles import differences, judge, lost_or_risen
from aether_forge.sim.raft.settings import Settings, planned
from aether_forge.sim.raft.story import Line
from aether_forge.sim.raft.workload import entries_of
from aether_forge.sim.raft.world import World

STEP_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of one run."""

    seed: int
    nodes: int
    violations: Sequence[str]
    counts: Counter[str]
    digest: str
    """Equal for equal runs."""
    rested_s: float
    """Virtual seconds from healing until the group was whole and agreed; -1 when it never did."""
    faults: Sequence[Fault]
    lines: Sequence[Line]
    happened: int
    """Appointments kept: a measure of the work done."""


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what replicas log to themselves: the story tells what matters."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


def run(settings: Settings) -> Verdict:
    """Live through one seed."""
    with _silence():
        return _live(World(settings))


def _live(world: World) -> Verdict:
    settings = world.settings
    faults = chosen(planned(settings), settings.faults)
    for fault in faults:
        world.agenda.at(fault.at, partial(carry_out, world, fault))
    world.agenda.run_until(settings.seconds, stop=lambda: bool(world.violations))
    rested = -1.0
    if not world.violations:
        rested = _rest(world)
    if not world.violations:
        _judge(world)
    for operation in world.history.operations:
        world.story.note(operation.called_at, str(operation))
    world.counts["packet behind a newer connection"] += world.network.overtaken
    return Verdict(
        seed=settings.seed,
        nodes=settings.nodes,
        violations=tuple(world.violations),
        counts=world.counts,
        digest=world.story.digest(),
        rested_s=rested,
        faults=faults,
        lines=tuple(world.story.lines),
        happened=world.agenda.happened,
    )


def _rest(world: World) -> float:
    """Heal everything and wait until the group is whole; return how long that took."""
    _heal(world)
    begin = world.agenda.now
    while world.agenda.now < begin + world.settings.rest_s:
        world.agenda.run_until(world.agenda.now + STEP_S, stop=lambda: bool(world.violations))
        if world.violations:
            return -1.0
        _restart_failed(world)
        if late := world.workload.overdue():
            world.complain(f"never answered: {late[0]}")
            return -1.0
        if world.workload.idle and not world.operators and not unrest(world):
            return world.agenda.now - begin
    why = unrest(world) or "clients or operators still wait"
    world.complain(f"not at rest {world.settings.rest_s} s after healing: {why}")
    return -1.0


def _heal(world: World) -> None:
    world.story.tell(world.agenda.now, "everything is healed")
    world.workload.over = True
    world.network.heal_all()
    world.network.weather.drop_chance = 0.0
    world.network.weather.spike_chance = 0.0
    for node, member in world.nodes.items():
        member.disk.fuse = None
        member.disk.trouble.capacity = CAPACITY
        member.pace.sync_s = world.settings.sync_s
        member.resume()
        if not member.runs:
            world.start(node)


def _restart_failed(world: World) -> None:
    """Start again what cannot go on without that, as a supervisor would."""
    for node, member in world.nodes.items():
        member.resume()
        if not member.runs:
            world.start(node)
        elif world.condition(node) in ("disk_failed", "quarantined"):
            world.stop(node, power=False)
            world.start(node)


def unrest(world: World) -> str:
    """Return why the group is not whole yet; empty when it is."""
    leader = world.leader()
    replica = world.nodes[leader].replica if leader is not None else None
    if replica is None:
        return f"nobody leads: {_conditions(world)}"
    status = replica.status(world.nodes[leader].now()) if leader is not None else None
    assert status is not None  # noqa: S101 - who leads has a status
    if status.commit < status.last_index:
        return f"{leader} leads and has {status.commit} of {status.last_index} committed"
    for one in status.members:
        member = world.nodes[one.node]
        if member.replica is None or member.replica.applied < status.last_index:
            applied = member.replica.applied if member.replica else "nothing"
            return f"{one.node} applied {applied} of {status.last_index}: {_conditions(world)}"
        if member.replica.leader != leader:
            return f"{one.node} does not follow {leader}"
        if (condition := world.condition(one.node)) != "ok":
            return f"{one.node} is {condition}"
    return ""


def _conditions(world: World) -> str:
    return ", ".join(f"{node} {world.condition(node)}" for node in world.nodes)


def _judge(world: World) -> None:
    """Read everything everywhere, then judge all that anybody was told."""
    leader = world.leader()
    replica = world.nodes[leader].replica if leader is not None else None
    if replica is None:
        world.complain("nobody leads any more")
        return
    members = [
        world.nodes[peer.node] for peer in (*replica.members.voters, *replica.members.learners)
    ]
    for member in members:
        _read_all(world, member)
    world.agenda.run_until(world.agenda.now + 3.0)
    contents = []
    for member in members:
        assert member.machine is not None  # noqa: S101 - members at rest run
        content = entries_of(member.machine.inner)
        contents.append((member.node, content))
        world.violations.extend(lost_or_risen(world.history, content, member.node))
    world.violations.extend(differences(contents))
    world.violations.extend(judge(world.history))


def _read_all(world: World, member: SimMember) -> None:
    """Have a member read every key once, linearizably."""
    keys = sorted({one.key for one in world.history.operations})
    now = world.agenda.now
    reads = [world.history.call(Operation(-1, key, READ, node=member.node), now) for key in keys]

    def done(outcome: object) -> None:
        if outcome is not None or member.machine is None:
            world.complain(f"{member.node} cannot read at rest: {outcome}")
            return
        content = entries_of(member.machine.inner)
        for one in reads:
            value: Value | None = content.get(one.key)
            world.history.finish(one, value, world.agenda.now)

    deadline = member.now() + 2.5
    member.tell(lambda replica, local: replica.read(done, deadline, local))
