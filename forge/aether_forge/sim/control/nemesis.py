"""The plan of a life's faults and of its operator's acts: drawn from the seed, each with its own dice."""

from collections.abc import Sequence

from aether_forge.sim.raft.agenda import dice
from aether_forge.sim.raft.nemesis import Fault, chosen

__all__ = ["ACTS", "FAULTS", "Fault", "chosen", "plan"]

FAULTS = (
    "crash a host",
    "crash hosts",
    "power cut",
    "restart",
    "restart twice",
    "freeze",
    "freeze machine",
    "cut off",
    "split",
    "power cut at a write",
    "restart at a write",
    "lead elsewhere",
    "flap",
    "slow store",
    "lost answers",
    "lost reports",
    "hosts fail",
    "hosts hang",
)
ACTS = (
    "apply",
    "apply",
    "apply at once",
    "apply poison",
    "scale",
    "scale",
    "delete",
    "drain",
    "drain",
    "drain by force",
    "activate",
    "activate all",
)
_BEGIN_S = 12.0
"""Time a cluster has to deploy what it begins with."""


def plan(seed: int, seconds: float, only: Sequence[str] | None = None) -> list[Fault]:
    """Return what befalls a cluster in that many seconds, in order of time; of some kinds `only`.

    Each life is thrown a few kinds of faults and of acts, and those more than once.
    """
    throw = dice(seed, "control/nemesis")
    faults = throw.sample(FAULTS, throw.randrange(1, 7))
    acts = throw.sample(ACTS, throw.randrange(2, 7))
    kinds = list(only) if only else faults
    acts = [one for one in acts if only is None or one in only] or kinds
    count = throw.randrange(4, 16)
    times = sorted(throw.uniform(0.0, seconds) for _ in range(count))
    drawn = []
    for number, at in enumerate(times):
        kind = throw.choice(acts if throw.random() < 0.5 else kinds)
        lasts = throw.choice((0.3, 2.0, 4.0, 12.0)) * throw.uniform(0.5, 1.5)
        drawn.append(Fault(number, kind, _BEGIN_S + at, lasts, throw.random() < 0.4))
    return drawn
