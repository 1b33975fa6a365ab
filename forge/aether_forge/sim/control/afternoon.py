"""Acts of an operator while nothing fails: no budget is touched, and no request fails.

Every request must find an instance that answers, of every slice that had two or more before and is
wanted with as many after.
"""

from aether.core.control.admission import admit_scale
from aether.core.model.ids import Artifact, NodeId
from aether.core.model.records import SliceSpec, Verdict
from aether_forge.sim.control import operator
from aether_forge.sim.control.goods import APP, FRONT, POST, SHOP, STOCK
from aether_forge.sim.control.rest import bound_s, check_truth, unmet, wait_met, wait_quiet
from aether_forge.sim.control.world import World
from aether_forge.sim.loop import let_pass

_BOTH = (APP, POST)


async def afternoon(world: World) -> None:
    """Drain a node and take it back, roll a version out, scale; then look at every request."""
    throw = world.dice("afternoon")
    began = len(world.traffic.failed)
    world.tell("a quiet afternoon begins")
    for act in throw.sample(("drain", "roll", "scale", "lead"), 2):
        world.tell(f"afternoon: {act}")
        match act:
            case "drain":
                await _drain(world, throw.choice(list(world.nodes)))
            case "roll":
                await _roll(world)
            case "scale":
                await _ask(world, "scale shop", lambda view: admit_scale(view, SHOP, 4))
            case _:
                others = [name for name in world.nodes if name != world.quorum.leader]
                world.quorum.lead(throw.choice(others))
        await wait_met(world, _BOTH, bound_s(world.settings))
        if world.violations:
            return
    await wait_quiet(world, 120.0)
    check_truth(world)
    for failed in world.traffic.failed[began:]:
        world.complain(
            f"in a quiet afternoon a request to {failed.slice} through {failed.node} failed at "
            f"{failed.at:.2f}: {failed.why}"
        )


async def _ask(world: World, what: str, decide: operator.Decide) -> None:
    for _ in range(20):
        if await operator.change(world, what, decide):
            return
        await let_pass(0.5)
    world.complain(f"operator cannot {what} on a quiet afternoon")


async def _roll(world: World) -> None:
    slices = tuple(
        SliceSpec(artifact=Artifact.of(base, "1.0.0"), instances=count, config={"tint": 7})
        for base, count in ((SHOP, 3), (STOCK, 2), (FRONT, 2))
    )
    await _ask(world, "roll shop 1.0.0 out", operator.apply_shop("1.0.0", slices))


async def _drain(world: World, node: NodeId) -> None:
    """Empty a node, where the others have room for what it hosts, and take it back."""
    await _ask(world, f"drain {node}", operator.drain(node))
    began = world.now()
    while _verdict(world, node) is not Verdict.DECOMMISSIONED:
        if world.now() - began > bound_s(world.settings):
            world.complain(
                f"{node} is not drained: {unmet(world.view(), _BOTH) or 'all targets met'}"
            )
            return
        await let_pass(0.25)
    if any(placed[0] == node for placed in world.view().wanted):
        world.complain(f"{node} is DECOMMISSIONED and still hosts something")
    world.counts["node drained"] += 1
    await _ask(world, f"activate {node}", operator.activate(node))


def _verdict(world: World, node: NodeId) -> Verdict | None:
    record = world.ledger.verdicts.get(node)
    return record.verdict if record is not None else None
