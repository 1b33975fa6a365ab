"""What must be true once faults are over: all targets met in time, nothing moves, all is as written."""

from collections import Counter

from aether.core.control.status import blueprint_status
from aether.core.model.ids import SliceBase
from aether.core.model.view import ClusterView
from aether_forge.sim.control.settings import Settings
from aether_forge.sim.control.world import World
from aether_forge.sim.loop import let_pass

QUIET_S = 12.0
"""Nothing moves for this long before a cluster counts as at rest: longer than any pause of the leader."""
LOOK_S = 0.5


def bound_s(settings: Settings) -> float:
    """Return within how long after the last fault all targets are met.

    The bound itself, the time of the steps one after the other, and, where a step may have hung, the
    time-outs after which it is tried again.
    """
    hung = 240.0 if settings.hosts_hung else 0.0
    return settings.met_within_s + 6 * settings.hosts.slowest_step_s + hung


async def wait_met(world: World, blueprints: tuple[SliceBase, ...], within_s: float) -> float:
    """Wait until every target of the blueprints is met; return how long that took, -1 for never."""
    began = world.now()
    while world.now() - began < within_s:
        if world.violations:
            return -1.0
        if not unmet(world.ledger.view(), blueprints):
            return world.now() - began
        await let_pass(LOOK_S)
    problem = unmet(world.view(), blueprints)
    world.complain(f"{within_s:.0f} s after the last fault: {problem}; {_waits(world)}")
    return -1.0


def unmet(view: ClusterView, blueprints: tuple[SliceBase, ...]) -> str:
    """Return why not every target is met; empty when all are."""
    for base in blueprints:
        status = blueprint_status(view, base)
        if status is None:
            return f"{base} is not there"
        if status.state != "DEPLOYED":
            reasons = "; ".join(
                f"{one.base} {one.active} of {one.wanted} ({', '.join(one.reasons)})"
                for one in status.slices
                if one.active != one.wanted or len(one.instances) != one.wanted
            )
            return f"{base} is {status.state}: {reasons}"
    return ""


def _waits(world: World) -> str:
    leader = world.quorum.leader
    managers = world.nodes[leader].managers if leader is not None else None
    if managers is None:
        return "nobody leads"
    return "; ".join(managers.control.last_plan.waiting) or "the leader waits for nothing"


async def wait_quiet(world: World, within_s: float) -> None:
    """Wait until nothing has moved for a while; complain when that never comes."""
    began = world.now()
    while world.now() - world.moved_at < QUIET_S:
        if world.now() - began > within_s:
            world.complain(f"instances still move {within_s:.0f} s after all targets were met")
            return
        await let_pass(LOOK_S)


def check_truth(world: World) -> None:
    """Complain of what runs, is wanted or is said by the store without the other two."""
    view = world.view()
    runs = {(name, instance) for name in world.nodes for instance in world.nodes[name].hosts.live}
    said = {placed for placed in view.phases if view.is_active(placed)}
    for problem, placed in (
        ("runs and nobody wants it", runs - set(view.wanted)),
        ("is wanted and does not run", set(view.wanted) - runs),
        ("is ACTIVE in the store and does not run", said - runs),
        ("has a phase and nobody wants it", set(view.phases) - set(view.wanted)),
    ):
        for node, instance in sorted(placed):
            world.complain(f"at rest {instance} on {node} {problem}")
    if view.unreadable:
        world.complain(f"at rest these cannot be read: {sorted(view.unreadable)}")
    if len({node.machine.state_hash() for node in world.nodes.values()}) > 1:
        world.complain("at rest copies of the store differ")
    _check_spread(world, view)


def _check_spread(world: World, view: ClusterView) -> None:
    """Slices spread over nodes differ by one at most, where nothing else forbids it."""
    if world.settings.capacity < 20 or world.settings.labels:
        return
    for base, target in sorted(view.targets.items()):
        if target.placement.spread != "node" or target.placement.require:
            continue
        spread = Counter(node for node, instance in view.wanted if instance.base == base)
        tried = {
            node
            for (_, instance), wish in view.wanted.items()
            if instance.base == base
            for node in wish.tried
        }
        counts = [spread[name] for name in world.nodes if name not in tried]
        if counts and max(counts) - min(counts) > 1:
            world.complain(f"at rest {base} is spread unevenly: {dict(sorted(spread.items()))}")


def check_nothing_left(world: World) -> None:
    """After everything was deleted no host runs and no key of it is left."""
    view = world.view()
    left = [*view.targets, *view.routes, *view.blueprints]
    placed = sorted({*view.wanted, *view.phases})
    if left or placed:
        world.complain(f"after everything was deleted there still is {left} {placed}")
    for name, node in world.nodes.items():
        if node.hosts.live:
            world.complain(f"after everything was deleted {sorted(node.hosts.live)} run on {name}")
