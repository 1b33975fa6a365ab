"""The plan of a run's faults: drawn from the seed, each with dice of its own.

A fault does the same whatever others there are, so a run can be repeated with some of them left out.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from aether_forge.sim.raft.agenda import dice

KINDS = (
    "kill",
    "kill some",
    "kill all",
    "power cut",
    "power cut all",
    "stop in a disk step",
    "pause",
    "split",
    "isolate",
    "one way",
    "bridge",
    "flap",
    "swizzle",
    "slow link",
    "slow disk",
    "sync fails",
    "disk full",
    "flip a bit",
    "clock",
    "transfer",
    "add",
    "remove",
    "replace",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something bad that happens at a time and, where it makes sense, lasts a while."""

    number: int
    kind: str
    at: float
    seconds: float
    at_leader: bool
    """Whether it prefers the leader of that moment."""

    def throw(self, seed: int) -> random.Random:
        """Return the dice of this fault."""
        return dice(seed, f"fault/{self.number}")

    def __str__(self) -> str:
        aim = ", at the leader" if self.at_leader else ""
        return f"fault {self.number}: {self.kind} at {self.at:.2f} for {self.seconds:.2f} s{aim}"


def plan(seed: int, seconds: float, only: Sequence[str] | None = None) -> list[Fault]:
    """Return the faults of a run of that many seconds, in order of time; of some kinds `only`.

    Each run is thrown only a few of the kinds, and those more than once: what one run has many of
    another has none of, and rare combinations come up.
    """
    throw = dice(seed, "nemesis")
    kinds = list(only) if only else throw.sample(KINDS, throw.randrange(2, 8))
    count = throw.randrange(4, 13)
    times = sorted(throw.uniform(0.6, seconds) for _ in range(count))
    return [
        Fault(number, throw.choice(kinds), at, throw.uniform(0.1, 2.0), throw.random() < 0.5)
        for number, at in enumerate(times)
    ]


def chosen(faults: Sequence[Fault], numbers: Sequence[int] | None) -> list[Fault]:
    """Return the faults of these numbers, or all."""
    return [fault for fault in faults if numbers is None or fault.number in numbers]
