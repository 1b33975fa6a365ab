"""Plays scenarios: deploys, has every event happen in its time, and holds it to what is expected."""

from dataclasses import dataclass

from aether.core.control.admission import admit_scale
from aether.core.model.ids import NodeId, SliceBase
from aether_forge.sim.control import operator
from aether_forge.sim.control.expectations import Expect, unkept
from aether_forge.sim.control.faults import Blow, carry_out, parted
from aether_forge.sim.control.goods import APP, artifact_record, push
from aether_forge.sim.control.nemesis import Fault
from aether_forge.sim.control.rest import LOOK_S, wait_met
from aether_forge.sim.control.run import insist, silence, started
from aether_forge.sim.control.scenario import (
    LEADER,
    Event,
    Scenario,
    artifacts_of,
    specs_of,
    variants,
)
from aether_forge.sim.control.world import World
from aether_forge.sim.loop import let_pass
from aether_forge.sim.owners import run_owned

_UNSEEN = "it was never looked at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of a scenario."""

    title: str
    violations: tuple[str, ...]
    lines: tuple[str, ...]
    digest: str
    deployed_s: float
    """Virtual seconds from the apply until everything was ACTIVE."""
    virtual_s: float


@dataclass(slots=True)
class _Held:
    """One expectation and how it stands."""

    expect: Expect
    kept: bool = False
    problem: str = _UNSEEN

    def look(self, world: World, began: float) -> None:
        """Take note of how it stands now."""
        expect, second = self.expect, world.now() - began
        if self._is_decided() or second < self._due_s():
            return
        problem = unkept(expect, world, began)
        self.kept = not problem
        self.problem = problem

    def _is_decided(self) -> bool:
        """Whether it is kept for good, or broken for good."""
        if self.expect.since is None or self.expect.failed_requests is not None:
            return self.kept
        return bool(self.problem) and self.problem != _UNSEEN

    def _due_s(self) -> float:
        """Return from when on it is looked at; requests are counted when all are in."""
        if self.expect.failed_requests is not None:
            return self.expect.by
        return self.expect.since or 0.0


def play(scenario: Scenario) -> Played:
    """Play a scenario that strikes at no write, or at one."""
    with silence():
        return run_owned(_play(scenario))


def told(scenario: Scenario, *, everything: bool = False) -> tuple[list[str], bool]:
    """Play a scenario in all its variants; return what to tell, and whether all was as expected."""
    lines: list[str] = []
    good = True
    for variant in variants(scenario):
        played = play(variant)
        good &= not played.violations
        if everything or played.violations:
            lines += played.lines
        verdict = "FAILED" if played.violations else "ok"
        lines.append(f"{verdict:6} {played.title}: deployed in {played.deployed_s:.1f} s")
        lines += [f"       {violation}" for violation in played.violations]
    return lines, good


async def _play(scenario: Scenario) -> Played:
    world = World(scenario.settings())
    deployed_s = -1.0
    try:
        deployed_s = await _deploy(world, scenario)
        if not world.violations:
            await _live(world, scenario)
    finally:
        await world.stop()
    return Played(
        title=scenario.title,
        violations=tuple(world.violations),
        lines=tuple(str(line) for line in world.story.lines),
        digest=world.story.digest(),
        deployed_s=deployed_s,
        virtual_s=world.now(),
    )


async def _deploy(world: World, scenario: Scenario) -> float:
    await started(world)
    node = world.nodes[world.well()[0]]
    assert node.store is not None  # noqa: S101 - a machine that is well has one
    for artifact in artifacts_of(scenario):
        record = artifact_record(artifact.base, artifact.version)
        await node.store.txn(push(record))
    began = world.now()
    await insist(world, "apply", operator.apply_shop("1.0.0", specs_of(scenario.slices)))
    await wait_met(world, (APP,), scenario.deployed_within_s)
    return world.now() - began


async def _live(world: World, scenario: Scenario) -> None:
    began = world.now()
    world.tell("the first blueprint is deployed: this is second 0")
    for number, event in enumerate(scenario.events):
        world.befall(event.do, _later(world, event, number, began))
    held = [_Held(one) for one in scenario.expect]
    while any(world.now() - began <= one.expect.by + LOOK_S for one in held):
        for one in held:
            if world.now() - began <= one.expect.by + LOOK_S:
                one.look(world, began)
        if world.violations:
            return
        await let_pass(LOOK_S)
    for one in held:
        if not one.kept:
            world.complain(f"expected {one.expect}, but {one.problem}")


async def _later(world: World, event: Event, number: int, began: float) -> None:
    await let_pass(max(0.0, began + event.at - world.now()))
    fault = Fault(number, event.do, event.at, event.lasts, at_leader=event.node == LEADER)
    target = _target(world, event.node)
    if event.do == "apply" and event.slices:
        await insist(
            world, "apply", operator.apply_shop(f"1.0.{number + 1}", specs_of(event.slices))
        )
    elif event.do == "scale" and event.slice:
        base = SliceBase(f"org.example:{event.slice}")
        await insist(
            world, f"scale {base} to {event.to}", lambda view: admit_scale(view, base, event.to)
        )
    elif event.nodes:
        blow = Blow(world, fault.throw(world.settings.seed), event.lasts, at_leader=False)
        await parted(blow, [NodeId(name) for name in event.nodes])
    else:
        world.writes_to_pass = max(0, event.write - 1)
        await carry_out(world, fault, target)


def _target(world: World, name: str) -> NodeId | None:
    return world.quorum.leader if name == LEADER else NodeId(name) if name else None
