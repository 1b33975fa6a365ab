"""One life: deploy, faults and acts for a while, rest, a quiet afternoon of acts, the end; judged throughout."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog

from aether.core.model.ids import Artifact
from aether.core.model.records import SliceSpec
from aether_forge.sim.control import operator
from aether_forge.sim.control.afternoon import afternoon
from aether_forge.sim.control.faults import carry_out
from aether_forge.sim.control.goods import (
    APP,
    FRONT,
    POST,
    SHOP,
    SLICES,
    STOCK,
    VERSIONS,
    artifact_record,
    push,
)
from aether_forge.sim.control.nemesis import Fault, chosen, plan
from aether_forge.sim.control.rest import (
    bound_s,
    check_nothing_left,
    check_truth,
    wait_met,
    wait_quiet,
)
from aether_forge.sim.control.settings import Settings
from aether_forge.sim.control.world import World
from aether_forge.sim.loop import Deadlock, Livelock, let_pass
from aether_forge.sim.owners import run_owned
from aether_forge.sim.raft.story import Line

_READY_S = 30.0
BOTH = (APP, POST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of one life."""

    seed: int
    nodes: int
    violations: Sequence[str]
    counts: Counter[str]
    digest: str
    """Equal for equal lives."""
    met_s: float
    """Virtual seconds from the last fault until all targets were met; -1 when they never were."""
    virtual_s: float
    faults: Sequence[Fault]
    lines: Sequence[Line]


@contextmanager
def silence() -> Iterator[None]:
    """Keep what nodes log to themselves: the story tells what matters."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


def planned(settings: Settings) -> list[Fault]:
    """Return all that may befall a life, what is left out included."""
    return plan(settings.seed, settings.seconds, settings.kinds)


def run(settings: Settings) -> Verdict:
    """Live through one seed."""
    settings = replace(
        settings,
        quorum=replace(settings.quorum),
        links=replace(settings.links),
        hosts=replace(settings.hosts, poison=dict(settings.hosts.poison)),
    )
    settings.hosts.poison = {Artifact.of(SHOP, "2.0.0"): "No module named 'shop'"}
    faults = chosen(planned(settings), settings.faults)
    world, met_s = World(settings), -1.0
    with silence():
        try:
            met_s = run_owned(_live(world, faults))
        except (Deadlock, Livelock) as stall:
            world.stalled(stall)
    return Verdict(
        seed=settings.seed,
        nodes=settings.nodes,
        violations=tuple(world.violations),
        counts=world.counts,
        digest=world.story.digest(),
        met_s=met_s,
        virtual_s=world.ended_at,
        faults=faults,
        lines=tuple(world.story.lines),
    )


async def _live(world: World, faults: Sequence[Fault]) -> float:
    """Live to the end; return after how long all targets were met, -1 for never."""
    met_s = -1.0
    try:
        await begin(world)
        for fault in faults:
            world.befall(str(fault), _later(world, fault))
        await _until(world, max([fault.at for fault in faults], default=0.0))
        await heal(world)
        met_s = await wait_met(world, BOTH, bound_s(world.settings))
        await _rest(world)
    finally:
        await world.stop()
    return met_s


async def _rest(world: World) -> None:
    if not world.violations:
        await wait_quiet(world, 120.0)
        check_truth(world)
    if not world.violations:
        await afternoon(world)
    if not world.violations:
        await _end(world)


async def started(world: World) -> None:
    """Start every machine and let requests flow."""
    for name in world.nodes:
        world.start(name)
    if world.settings.traffic_s:
        world.run("traffic", world.traffic.run())
    while not world.well() or not world.nodes[world.well()[0]].store:
        await let_pass(0.25)
    await let_pass(2.0)
    topology = world.settings.topology
    if topology is not None:
        await insist(world, f"want {topology.nodes} nodes", operator.want_nodes(topology))


async def begin(world: World) -> None:
    """Start every machine, push every artifact, deploy both blueprints."""
    await started(world)
    node = world.nodes[world.well()[0]]
    assert node.store is not None  # noqa: S101 - a machine that is well has one
    for base in SLICES:
        for version in VERSIONS:
            await node.store.txn(push(artifact_record(base, version)), timeout_s=_READY_S)
    throw = world.dice("begin")
    slices = operator.wanted(throw, "1.0.0")
    await insist(world, "apply shop 1.0.0", operator.apply_shop("1.0.0", slices))
    await insist(world, "apply post 1.0.0", operator.apply_post("1.0.0", throw.randrange(1, 4)))


async def insist(world: World, what: str, decide: operator.Decide) -> None:
    """Ask again until it surely took effect; complain when it never does."""
    began = world.now()
    while not await operator.change(world, what, decide):
        if world.now() - began > _READY_S:
            world.complain(f"operator cannot {what} within {_READY_S:.0f} s")
            return
        await let_pass(0.5)


async def _later(world: World, fault: Fault) -> None:
    await let_pass(max(0.0, fault.at - world.now()))
    if not world.violations:
        await carry_out(world, fault)


async def _until(world: World, when: float) -> None:
    while world.now() < when and not world.violations:
        await let_pass(0.5)


async def heal(world: World) -> None:
    """End every fault, take every drain back, and want something that can be had."""
    settings = world.settings
    world.tell("everything is healed")
    world.at_write = None
    quorum, links, hosts = settings.quorum, settings.links, settings.hosts
    settings.hosts_hung = bool(hosts.hangs or hosts.deaf or world.counts["hosts hang"])
    quorum.commit_s, quorum.lag_s = min(quorum.commit_s, 0.05), min(quorum.lag_s, 0.3)
    quorum.loses_answer = quorum.loses_proposal = quorum.late = 0.0
    links.slow = links.breaks = hosts.fails = hosts.hangs = hosts.deaf = 0.0
    await world.end_faults()
    world.links.heal()
    for name, node in world.nodes.items():
        if node.is_frozen:
            node.owner.thaw()
        if node.runs:
            world.quorum.connect(name)
        world.start(name)
    await let_pass(3.0)
    for name in list(world.nodes):
        await insist(world, f"activate {name}", operator.activate(name))
    slices = last_wanted()
    await insist(world, "apply shop 1.1.0", operator.apply_shop("1.1.0", slices))
    await insist(world, "apply post 1.1.0", operator.apply_post("1.1.0", 2))


def last_wanted() -> tuple[SliceSpec, ...]:
    """Return what is wanted of the shop when all faults are over: it fits on small machines too."""
    counts = {SHOP: 3, STOCK: 2, FRONT: 2}
    return tuple(
        SliceSpec(
            artifact=Artifact.of(base, "1.1.0"), instances=count, on_dependency_loss="cascade"
        )
        for base, count in counts.items()
    )


async def _end(world: World) -> None:
    """Delete everything, and see that nothing is left."""
    for base in BOTH:
        await insist(world, f"delete {base}", operator.delete(base))
    began = world.now()
    while world.ledger.targets or world.view().routes:
        if world.now() - began > bound_s(world.settings):
            break
        await let_pass(0.5)
    await let_pass(3.0)
    check_nothing_left(world)
