"""How each kind of fault is done to a world, and undone."""

import random
from collections.abc import Callable, Mapping
from functools import partial
from itertools import permutations

from aether.core.model.ids import NodeId
from aether.store.disk.records import search
from aether.store.disk.segments import HEAD_BYTES, segment_number
from aether_forge.sim.raft.disk import CAPACITY
from aether_forge.sim.raft.members_change import add, remove, replace, transfer
from aether_forge.sim.raft.nemesis import Fault
from aether_forge.sim.raft.network import Cut, Pair
from aether_forge.sim.raft.world import World

Deed = Callable[[World, Fault, random.Random], None]


def carry_out(world: World, fault: Fault) -> None:
    """Do what a fault says, now."""
    world.story.tell(world.agenda.now, str(fault))
    world.count(f"fault: {fault.kind}")
    DEEDS[fault.kind](world, fault, fault.throw(world.settings.seed))


def _victim(world: World, fault: Fault, throw: random.Random) -> NodeId | None:
    leader = world.leader()
    if fault.at_leader and leader is not None:
        return leader
    running = world.running()
    return throw.choice(running) if running else None


def _stop(
    world: World, nodes: list[NodeId], fault: Fault, throw: random.Random, *, power: bool
) -> None:
    """End processes at once; each comes back in its own time, sometimes all together."""
    together = throw.random() < 0.3
    for node in nodes:
        if world.nodes[node].runs:
            world.count("power cut" if power else "process killed")
            world.stop(node, power=power)
            world.start_later(node, fault.seconds * (1.0 if together else throw.random()))


def _kill(world: World, fault: Fault, throw: random.Random) -> None:
    if (node := _victim(world, fault, throw)) is not None:
        _stop(world, [node], fault, throw, power=False)


def _kill_some(world: World, fault: Fault, throw: random.Random) -> None:
    nodes = list(world.nodes)
    _stop(world, throw.sample(nodes, throw.randrange(1, len(nodes) + 1)), fault, throw, power=False)


def _kill_all(world: World, fault: Fault, throw: random.Random) -> None:
    _stop(world, list(world.nodes), fault, throw, power=False)


def _power_cut(world: World, fault: Fault, throw: random.Random) -> None:
    if (node := _victim(world, fault, throw)) is not None:
        _stop(world, [node], fault, throw, power=True)


def _power_cut_all(world: World, fault: Fault, throw: random.Random) -> None:
    world.count("every member without power")
    _stop(world, list(world.nodes), fault, throw, power=True)


def _stop_in_step(world: World, fault: Fault, throw: random.Random) -> None:
    """Have a machine stop within its next steps on disk; mostly soon, so in what it does now."""
    nodes = list(world.nodes) if throw.random() < 0.4 else [_victim(world, fault, throw)]
    for node in nodes:
        if node is not None and world.nodes[node].runs:
            world.nodes[node].disk.fuse = throw.randrange(1, throw.choice((4, 20, 60)))
            world.nodes[node].fuse_cuts_power = throw.random() < 0.7


def _pause(world: World, fault: Fault, throw: random.Random) -> None:
    if (node := _victim(world, fault, throw)) is None:
        return
    member = world.nodes[node]
    life = member.life
    member.pause()
    world.count("process paused")
    world.agenda.after(fault.seconds, lambda: member.resume() if member.life == life else None)


def _cut(world: World, pairs: list[Pair], fault: Fault, throw: random.Random) -> None:
    holds, noticed = throw.random() < 0.5, throw.random() < 0.6
    for pair in pairs:
        world.network.cut(pair, Cut(holds, noticed))
        world.agenda.after(
            fault.seconds * throw.uniform(0.9, 1.1), partial(world.network.heal, pair)
        )


def _between(one: list[NodeId], other: list[NodeId]) -> list[Pair]:
    return [pair for a in one for b in other if a != b for pair in ((a, b), (b, a))]


def _split(world: World, fault: Fault, throw: random.Random) -> None:
    nodes = list(world.nodes)
    throw.shuffle(nodes)
    at = throw.randrange(1, len(nodes))
    _cut(world, _between(nodes[:at], nodes[at:]), fault, throw)


def _isolate(world: World, fault: Fault, throw: random.Random) -> None:
    if (node := _victim(world, fault, throw)) is not None:
        _cut(world, _between([node], list(world.nodes)), fault, throw)


def _one_way(world: World, fault: Fault, throw: random.Random) -> None:
    if (node := _victim(world, fault, throw)) is None:
        return
    others = [other for other in world.nodes if other != node]
    outwards = throw.random() < 0.5
    _cut(world, [(node, one) if outwards else (one, node) for one in others], fault, throw)


def _bridge(world: World, fault: Fault, throw: random.Random) -> None:
    """Leave two halves that only one member can talk to."""
    nodes = list(world.nodes)
    throw.shuffle(nodes)
    half = (len(nodes) - 1) // 2
    _cut(world, _between(nodes[1 : 1 + half], nodes[1 + half :]), fault, throw)


def _flap(world: World, fault: Fault, throw: random.Random) -> None:
    if (node := _victim(world, fault, throw)) is None:
        return
    others = [other for other in world.nodes if other != node]
    other = throw.choice(others)
    holds = throw.random() < 0.5

    def down(rest: float) -> None:
        for pair in _between([node], [other]):
            world.network.cut(pair, Cut(holds, noticed=True))
        length = throw.uniform(0.02, 0.3)
        world.agenda.after(length, lambda: up(rest - length))

    def up(rest: float) -> None:
        for pair in _between([node], [other]):
            world.network.heal(pair)
        length = throw.uniform(0.02, 0.3)
        if rest > length:
            world.agenda.after(length, lambda: down(rest - length))

    down(fault.seconds)


def _swizzle(world: World, fault: Fault, throw: random.Random) -> None:
    """Cut the links of some members one after the other, and heal them in another order."""
    pairs = list(permutations(world.nodes, 2))
    pairs = throw.sample(pairs, throw.randrange(1, len(pairs) + 1))
    begin = fault.seconds / 2
    for pair in pairs:
        cut = Cut(holds=throw.random() < 0.5)
        world.agenda.after(throw.uniform(0.0, begin), partial(world.network.cut, pair, cut))
        world.agenda.after(throw.uniform(begin, 2 * begin), partial(world.network.heal, pair))


def _slow_link(world: World, fault: Fault, throw: random.Random) -> None:
    if (node := _victim(world, fault, throw)) is None:
        return
    pairs = _between([node], list(world.nodes))
    for pair in pairs:
        world.network.slow[pair] = throw.choice((0.01, 0.1, 0.4))

    def quick() -> None:
        for pair in pairs:
            world.network.slow.pop(pair, None)

    world.agenda.after(fault.seconds, quick)


def _slow_disk(world: World, fault: Fault, throw: random.Random) -> None:
    if (node := _victim(world, fault, throw)) is None:
        return
    pace = world.nodes[node].pace
    pace.sync_s = throw.choice((0.02, 0.2, 1.0))
    world.agenda.after(fault.seconds, lambda: setattr(pace, "sync_s", world.settings.sync_s))


def _sync_fails(world: World, fault: Fault, throw: random.Random) -> None:
    """Break a disk; its process is started again after a while, on a disk that works again."""
    if (node := _victim(world, fault, throw)) is None:
        return
    world.count("sync failed")
    world.nodes[node].disk.trouble.broken = True

    def restart() -> None:
        world.stop(node, power=throw.random() < 0.5)
        world.start_later(node, 0.1)

    world.agenda.after(fault.seconds, restart)


def _disk_full(world: World, fault: Fault, throw: random.Random) -> None:
    if (node := _victim(world, fault, throw)) is None:
        return
    disk = world.nodes[node].disk
    disk.trouble.capacity = disk.used_bytes() + throw.choice((0, 500, 5000))
    world.count("disk full")
    world.agenda.after(fault.seconds, lambda: setattr(disk.trouble, "capacity", CAPACITY))


def _flip(world: World, fault: Fault, throw: random.Random) -> None:
    """Damage a file of one member while those that are well can do without it.

    Who lost what it promised has no vote until it is well again: with two voters nobody could lead.
    """
    node = _victim(world, fault, throw)
    voters = world.voters()
    if node is None or world.operators or len(voters) < 3 or not world.well(voters):
        return
    member = world.nodes[node]
    world.count("process killed")
    world.stop(node, power=throw.random() < 0.3)
    # Who forgets its vote has to be replaced by an operator; the log and snapshots are refetched.
    spare = _unproven(member.disk.durable())
    name = member.disk.flip_bit(lambda name: name.startswith(("log", "snap")), spare)
    if name is not None:
        world.story.tell(world.agenda.now, f"a bit of {name} of {node} flips")
        world.count("bit flipped")
    world.start_later(node, fault.seconds)


def _unproven(files: Mapping[str, bytes]) -> Mapping[str, int]:
    """Return where, in each segment, the records begin of which no other tells that they were synced.

    Damage to those looks like the end of a crash: no log can tell it (ADR 12).
    """
    found = {
        name: list(search(data, number, 0))
        for name, data in sorted(files.items())
        if (number := segment_number(name)) is not None
    }
    proven = max((record.synced for records in found.values() for record in records), default=0)
    return {
        name: next((one.offset for one in records if one.serial > proven), HEAD_BYTES)
        for name, records in found.items()
        if not records or records[-1].serial > proven
    }


def _clock(world: World, fault: Fault, throw: random.Random) -> None:
    if (node := _victim(world, fault, throw)) is None:
        return
    clock, agenda = world.nodes[node].clock, world.agenda
    before = clock.rate
    clock.run_at(throw.choice((0.7, 0.9, 1.1, 1.5)), agenda.now)
    agenda.after(fault.seconds, lambda: clock.run_at(before, agenda.now))


DEEDS: dict[str, Deed] = {
    "kill": _kill,
    "kill some": _kill_some,
    "kill all": _kill_all,
    "power cut": _power_cut,
    "power cut all": _power_cut_all,
    "stop in a disk step": _stop_in_step,
    "pause": _pause,
    "split": _split,
    "isolate": _isolate,
    "one way": _one_way,
    "bridge": _bridge,
    "flap": _flap,
    "swizzle": _swizzle,
    "slow link": _slow_link,
    "slow disk": _slow_disk,
    "sync fails": _sync_fails,
    "disk full": _disk_full,
    "flip a bit": _flip,
    "clock": _clock,
    "transfer": transfer,
    "add": add,
    "remove": remove,
    "replace": replace,
}
