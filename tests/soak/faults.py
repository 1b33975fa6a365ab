"""The faults: each is done on entering, held as long as the body lasts, undone on leaving.

Every fault yields a sentence that says what was done to whom. Whoever was killed is started by `World.heal`.
"""

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from aether.core.store.commands import Put, Txn
from aether.errors import AetherError
from tests.soak.caller import REASON, Caller
from tests.soak.members import StoreMember
from tests.soak.network import between
from tests.soak.world import World, injected, until, wait

Fault = Callable[[World, random.Random], AbstractContextManager[str]]
SNAPSHOT_S = 20.0
SERVE_S = 20.0
UNFINISHED = (".new", ".part")
"""How the names of snapshot files end that are being written or received."""
SLOW_SYNC_US = 300_000
LOSS_PERCENT = 10
JUMPS = ("+1h", "-1h", "+5m", "-5m")


def _kill(victims: Sequence[StoreMember]) -> str:
    for member in victims:
        member.kill()
    return f"killed {_names(victims)}"


def _names(members: Sequence[StoreMember]) -> str:
    return ", ".join(member.node for member in members)


@contextmanager
def kill_leader(world: World, dice: random.Random) -> Iterator[str]:
    """The leader dies."""
    yield _kill([world.leader() or dice.choice(world.members)])


@contextmanager
def kill_some(world: World, dice: random.Random) -> Iterator[str]:
    """A minority dies."""
    yield _kill(world.some(dice))


@contextmanager
def kill_all(world: World, dice: random.Random) -> Iterator[str]:
    """All members die, in any order."""
    yield _kill(dice.sample(world.members, len(world.members)))


@contextmanager
def kill_in_snapshot(world: World, dice: random.Random) -> Iterator[str]:
    """A member, or all of them, die while one writes a snapshot."""
    writer = world.pick(dice)
    folder = Path(writer.spec.data_dir) / "store"
    begun = _provoke_snapshot(writer, folder)
    wait(dice.uniform(0, 0.01))
    victims = world.members if dice.random() < 0.3 else [writer]
    story = _kill(victims)
    left = sorted(path.name for path in folder.iterdir() if path.name.endswith(UNFINISHED))
    yield f"{story} in a snapshot of {writer.node} ({begun}; left there: {', '.join(left) or '-'})"


def _provoke_snapshot(writer: StoreMember, folder: Path) -> str:
    """Write until a snapshot file that is not finished is seen; return its name."""
    put = Txn(then=(Put("soak-burst", b""),), reason=REASON)
    ends_at = time.monotonic() + SNAPSHOT_S
    with Caller(writer.spec.socket) as caller:
        while time.monotonic() < ends_at:
            for path in folder.iterdir():
                if path.name.startswith("snap-") and path.name.endswith(UNFINISHED):
                    return path.name
            with contextlib.suppress(AetherError):
                caller.submit(put, 1.0)
    raise TimeoutError(f"{writer.node} began no snapshot within {SNAPSHOT_S:g} s of writes")


@contextmanager
def pause_leader(world: World, dice: random.Random) -> Iterator[str]:
    """The leader stands still and knows nothing of it."""
    member = world.leader() or dice.choice(world.members)
    member.pause()
    yield f"stopped {member.node}"


@contextmanager
def pause_some(world: World, dice: random.Random) -> Iterator[str]:
    """A minority stands still."""
    victims = world.some(dice)
    for member in victims:
        member.pause()
    yield f"stopped {_names(victims)}"


@contextmanager
def partition(world: World, dice: random.Random) -> Iterator[str]:
    """A minority, often with the leader in it, is cut off from the rest."""
    victims = {world.number(member) for member in world.some(dice)}
    leader = world.leader()
    if leader is not None and dice.random() < 0.5:
        victims = {world.number(leader)}
    world.network.cut(between(victims, set(world.network.members) - victims))
    yield f"cut off {sorted(victims)}"


@contextmanager
def one_way(world: World, dice: random.Random) -> Iterator[str]:
    """A member speaks and hears nothing, or hears and cannot speak."""
    victim = world.number(world.pick(dice))
    others = [number for number in world.network.members if number != victim]
    out = dice.random() < 0.5
    world.network.cut({(victim, other) if out else (other, victim) for other in others})
    yield f"nothing {'from' if out else 'to'} {victim} arrives"


@contextmanager
def bridge(world: World, dice: random.Random) -> Iterator[str]:
    """Two members (or halves) cannot see each other; one sees everybody."""
    numbers = dice.sample(list(world.network.members), len(world.members))
    middle, rest = numbers[0], numbers[1:]
    half = len(rest) // 2
    world.network.cut(between(rest[:half], rest[half:]))
    yield f"only {middle} sees both {rest[:half]} and {rest[half:]}"


@contextmanager
def loss(world: World, dice: random.Random) -> Iterator[str]:
    """One frame in ten is lost."""
    world.network.lose(LOSS_PERCENT)
    yield f"{LOSS_PERCENT} % of frames are lost"


def _cut_power(world: World, victims: Sequence[StoreMember]) -> str:
    for member in victims:
        member.kill()
    for member in victims:
        world.images[world.number(member) - 1].cut_power()
    return f"cut the power of {_names(victims)}"


@contextmanager
def power_some(world: World, dice: random.Random) -> Iterator[str]:
    """The power of one member goes, often the leader's."""
    yield _cut_power(world, [world.pick(dice)])


@contextmanager
def power_all(world: World, dice: random.Random) -> Iterator[str]:
    """The power of all members goes at once."""
    yield _cut_power(world, world.members)


@contextmanager
def disk_full(world: World, dice: random.Random) -> Iterator[str]:
    """One member's disk has no room left."""
    member = world.pick(dice)
    world.images[world.number(member) - 1].fill()
    yield f"filled the disk of {member.node}"


@contextmanager
def slow_sync(world: World, dice: random.Random) -> Iterator[str]:
    """One member's disk takes 0.3 s for every sync."""
    member = world.pick(dice)
    with injected(member, f"delay_exit={SLOW_SYNC_US}"):
        yield f"syncs of {member.node} take {SLOW_SYNC_US / 1e6:g} s"


@contextmanager
def failed_sync(world: World, dice: random.Random) -> Iterator[str]:
    """One member's disk answers EIO; the member stays out until it is started anew."""
    member = world.pick(dice)
    world.may_end.add(member.node)
    with injected(member, "error=EIO"):
        yield f"syncs of {member.node} fail with EIO"
    member.kill()


@contextmanager
def clock_jump(world: World, dice: random.Random) -> Iterator[str]:
    """The wall clocks of some members, started under a library that fakes them, jump while they run."""
    victims = dice.sample(world.members, dice.randint(1, len(world.members)))
    for member in victims:
        world.fake_clock(member)
    until("members with fake clocks answer", lambda: all(v.status() for v in victims), SERVE_S)
    said = []
    for member in victims:
        jump = dice.choice(JUMPS)
        world.set_clock(member, jump)
        said.append(f"{member.node} {jump}")
    yield f"clocks jumped: {', '.join(said)}"


FAULTS: dict[str, Fault] = {
    "kill-leader": kill_leader,
    "kill-some": kill_some,
    "kill-all": kill_all,
    "kill-in-snapshot": kill_in_snapshot,
    "pause-leader": pause_leader,
    "pause-some": pause_some,
    "partition": partition,
    "one-way": one_way,
    "bridge": bridge,
    "loss": loss,
    "power-some": power_some,
    "power-all": power_all,
    "disk-full": disk_full,
    "slow-sync": slow_sync,
    "failed-sync": failed_sync,
    "clock": clock_jump,
}
HOLDS_S: dict[str, tuple[float, float]] = {
    "kill-all": (0.0, 1.0),
    "power-some": (0.0, 2.0),
    "power-all": (0.0, 1.0),
    "pause-leader": (0.5, 6.0),
    "pause-some": (0.5, 6.0),
}
"""How long a fault lasts, from and to, in seconds; two to five where nothing is said."""


@contextmanager
def together(faults: Sequence[Fault], world: World, dice: random.Random) -> Iterator[str]:
    """Have several faults at once."""
    with ExitStack() as stack:
        yield "; ".join(stack.enter_context(fault(world, dice)) for fault in faults)
