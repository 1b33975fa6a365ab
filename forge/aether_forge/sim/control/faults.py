"""What each fault does to a simulated cluster; it undoes itself after its time."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

from aether.core.model.ids import NodeId
from aether_forge.sim.control import operator
from aether_forge.sim.control.nemesis import Fault
from aether_forge.sim.control.node import SimNode
from aether_forge.sim.control.world import World
from aether_forge.sim.loop import let_pass


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault being carried out."""

    world: World
    throw: Random
    seconds: float
    at_leader: bool
    node: NodeId | None = None
    """The machine it is aimed at; None for one drawn."""

    def victim(self, *, fit: Callable[[SimNode], bool]) -> SimNode | None:
        """Return the machine to strike, or None when none is fit for it."""
        world = self.world
        if self.node is not None:
            node = world.nodes[self.node]
            return node if fit(node) else None
        able = [node for node in world.nodes.values() if fit(node)]
        leader = world.quorum.leader
        if self.at_leader and leader is not None and fit(world.nodes[leader]):
            return world.nodes[leader]
        return self.throw.choice(able) if able else None

    def count(self, what: str) -> None:
        """Note that it really happened."""
        self.world.counts[what] += 1


async def carry_out(world: World, fault: Fault, node: NodeId | None = None) -> None:
    """Have a fault happen now, and end after its seconds."""
    throw = fault.throw(world.settings.seed)
    blow = Blow(world, throw, fault.seconds, fault.at_leader, node)
    act = _FAULTS.get(fault.kind)
    if act is not None:
        await act(blow)
    else:
        await operator.act(world, fault.kind, throw, node)


def _runs(node: SimNode) -> bool:
    return node.runs and not node.is_frozen


async def _crash_a_host(blow: Blow) -> None:
    node = blow.victim(fit=lambda one: bool(one.hosts.live))
    if node is not None:
        instance = blow.throw.choice(sorted(node.hosts.live))
        blow.world.tell(f"the host of {instance} on {node.node} crashes")
        blow.count("host crashed")
        node.hosts.crash(instance)


async def _crash_hosts(blow: Blow) -> None:
    node = blow.victim(fit=lambda one: bool(one.hosts.live))
    if node is not None:
        blow.world.tell(f"every host on {node.node} crashes")
        blow.count("host crashed")
        for instance in sorted(node.hosts.live):
            node.hosts.crash(instance)


async def _power_cut(blow: Blow) -> None:
    node = blow.victim(fit=lambda one: one.runs)
    if node is not None:
        await _without_power(blow, node)


async def _without_power(blow: Blow, node: SimNode) -> None:
    world = blow.world
    world.tell(f"{node.node} loses power for {blow.seconds:.1f} s")
    blow.count("power cut")
    if world.quorum.leader == node.node:
        blow.count("leader lost")
    await node.lose_power()
    await let_pass(blow.seconds)
    world.start(node.node)


async def _restart(blow: Blow) -> None:
    node = blow.victim(fit=_runs)
    if node is not None:
        await _restarted(blow, node)


async def _restarted(blow: Blow, node: SimNode) -> None:
    blow.world.tell(f"the node process of {node.node} is killed for {blow.seconds:.1f} s")
    blow.count("node process killed")
    await node.kill()
    await let_pass(blow.seconds)
    blow.world.start(node.node)


async def _restart_twice(blow: Blow) -> None:
    node = blow.victim(fit=_runs)
    if node is not None:
        short = replace(blow, seconds=blow.seconds / 4)
        await _restarted(short, node)
        await let_pass(blow.throw.uniform(0.0, 2.0))
        if node.runs:
            await _restarted(short, node)


async def _freeze(blow: Blow) -> None:
    node = blow.victim(fit=_runs)
    if node is not None:
        await _frozen(blow, node)


async def _frozen(blow: Blow, node: SimNode) -> None:
    owner = node.owner
    blow.world.tell(f"the node process of {node.node} stands still for {blow.seconds:.1f} s")
    blow.count("node frozen")
    owner.freeze()
    await let_pass(blow.seconds)
    if owner is node.owner and owner.frozen:
        blow.world.tell(f"the node process of {node.node} goes on")
        owner.thaw()


async def _freeze_machine(blow: Blow) -> None:
    node = blow.victim(fit=_runs)
    if node is not None:
        blow.world.quorum.disconnect(node.node)
        await _frozen(blow, node)
        if node.runs and blow.world.links.passes(node.node, node.node):
            blow.world.quorum.connect(node.node)


async def _cut_off(blow: Blow) -> None:
    node = blow.victim(fit=lambda one: one.runs)
    if node is not None:
        await parted(blow, [node.node])


async def _split(blow: Blow) -> None:
    names = list(blow.world.nodes)
    size = blow.throw.randrange(1, max(2, len(names) // 2 + 1))
    await parted(blow, blow.throw.sample(names, size))


async def parted(blow: Blow, side: list[NodeId]) -> None:
    """Cut some machines off from all others for a while."""
    world = blow.world
    world.tell(f"{', '.join(side)} cut off for {blow.seconds:.1f} s")
    blow.count("cut off")
    world.links.cut(set(side))
    for name in side:
        world.quorum.disconnect(name)
    await let_pass(blow.seconds)
    world.links.heal()
    for name in side:
        if not world.nodes[name].hosts.down:
            world.quorum.connect(name)
    world.tell(f"{', '.join(side)} connected again")


async def _power_cut_at_a_write(blow: Blow) -> None:
    _at_a_write(blow, _without_power)


async def _restart_at_a_write(blow: Blow) -> None:
    _at_a_write(blow, _restarted)


def _at_a_write(blow: Blow, strike: Callable[[Blow, SimNode], Awaitable[None]]) -> None:
    """Strike whoever leads at the moment one of its writes is committed, the rest under way."""
    world = blow.world

    async def struck(node: SimNode) -> None:
        if _runs(node):
            blow.count("leader struck at a write")
            await strike(blow, node)

    def now() -> None:
        leader = world.quorum.leader
        if leader is not None:
            world.befall("strike at a write", struck(world.nodes[leader]))

    world.at_write = now


async def _lead_elsewhere(blow: Blow) -> None:
    world = blow.world
    able = [name for name in world.well() if name != world.quorum.leader]
    target = blow.node or (blow.throw.choice(able) if able else None)
    if target is not None and world.quorum.lead(target):
        world.tell(f"{target} leads the store now")
        blow.count("leadership moved")


async def _flap(blow: Blow) -> None:
    node = blow.victim(fit=lambda one: one.runs)
    for _ in range(4):
        if node is not None and node.runs:
            await _without_power(replace(blow, seconds=blow.throw.uniform(0.5, 4.0)), node)
            await let_pass(blow.throw.uniform(0.2, 3.0))


async def _slow_store(blow: Blow) -> None:
    weather = blow.world.quorum.weather
    before = weather.commit_s, weather.lag_s
    blow.world.tell(f"the store is slow for {blow.seconds:.1f} s")
    blow.count("store slow")
    weather.commit_s, weather.lag_s = 1.0, 3.0
    await let_pass(blow.seconds)
    weather.commit_s, weather.lag_s = min(before[0], 0.05), min(before[1], 0.3)


async def _lost_answers(blow: Blow) -> None:
    weather = blow.world.quorum.weather
    blow.world.tell(f"the store loses answers and proposals for {blow.seconds:.1f} s")
    blow.count("answers lost")
    weather.loses_answer = weather.loses_proposal = weather.late = 0.3
    await let_pass(blow.seconds)
    weather.loses_answer = weather.loses_proposal = weather.late = 0.0


async def _lost_reports(blow: Blow) -> None:
    weather = blow.world.links.weather
    blow.world.tell(f"reports are late or lost for {blow.seconds:.1f} s")
    blow.count("reports lost")
    weather.slow, weather.breaks = 0.5, 0.3
    await let_pass(blow.seconds)
    weather.slow = weather.breaks = 0.0


async def _hosts_fail(blow: Blow) -> None:
    habits = blow.world.settings.hosts
    blow.world.tell(f"hosts fail for {blow.seconds:.1f} s")
    blow.count("hosts fail")
    habits.fails = 0.7
    await let_pass(blow.seconds)
    habits.fails = 0.0


async def _hosts_hang(blow: Blow) -> None:
    habits = blow.world.settings.hosts
    blow.world.tell(f"steps of hosts hang for {blow.seconds:.1f} s")
    blow.count("hosts hang")
    habits.hangs = habits.deaf = 0.3
    await let_pass(blow.seconds)
    habits.hangs = habits.deaf = 0.0


_FAULTS: Mapping[str, Callable[[Blow], Awaitable[None]]] = {
    "crash a host": _crash_a_host,
    "crash hosts": _crash_hosts,
    "power cut": _power_cut,
    "restart": _restart,
    "restart twice": _restart_twice,
    "freeze": _freeze,
    "freeze machine": _freeze_machine,
    "cut off": _cut_off,
    "split": _split,
    "power cut at a write": _power_cut_at_a_write,
    "restart at a write": _restart_at_a_write,
    "lead elsewhere": _lead_elsewhere,
    "flap": _flap,
    "slow store": _slow_store,
    "lost answers": _lost_answers,
    "lost reports": _lost_reports,
    "hosts fail": _hosts_fail,
    "hosts hang": _hosts_hang,
}
