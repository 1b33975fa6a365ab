"""What a rehearsal found: values for people, and the outline that two rehearsals are compared by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from aether.core.model.ids import InstanceId, NodeId, SliceBase


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command of the leader."""

    at_s: float
    """Seconds after the change is made."""
    verb: str
    """LOAD, ACTIVATE, DEACTIVATE, UNLOAD, FORGET; TARGET, DROP TARGET, DROP ROUTE, DROP TRAFFIC; a verdict; PROVISION."""
    slice: SliceBase | None
    instance: InstanceId | None
    node: NodeId | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """From this moment on, ACTIVE instances by version: weights aside, each gets an equal share of the requests."""

    at_s: float
    active: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceState:
    """One slice before or after."""

    version: str
    wanted: int
    active: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceChange:
    """What happens to one slice."""

    base: SliceBase
    before: SliceState | None
    after: SliceState | None
    started: tuple[InstanceId, ...]
    removed: tuple[InstanceId, ...]
    restarted: tuple[InstanceId, ...]
    """Instances that stay where they are and are loaded again."""
    traffic: tuple[Traffic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dip:
    """A time in which fewer instances of a slice are ACTIVE than before and than wanted."""

    slice: SliceBase
    lowest: int
    usual: int
    """The lower of what was ACTIVE before and what is wanted after."""
    budget: int
    """Instances that must stay ACTIVE whatever an operator does."""
    from_s: float
    to_s: float | None
    """None: it does not end within the rehearsal."""

    @property
    def is_below_budget(self) -> bool:
        """Whether the dip breaks the disruption budget."""
        return self.lowest < self.budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """The whole outcome of a change, as far as it can be foreseen."""

    converged: bool
    """Whether it ends with nothing under way."""
    duration_s: float
    """Until the last step is done, at the rehearsal's pace."""
    steps: tuple[Step, ...]
    placements: Mapping[NodeId, tuple[InstanceId, ...]]
    """Every instance of the cluster at the end, by node."""
    verdicts: Mapping[NodeId, str]
    """What the leader thinks of each node at the end."""
    slices: tuple[SliceChange, ...]
    """The slices that something happens to."""
    dips: tuple[Dip, ...]
    waiting: tuple[str, ...]
    """What is not done at the end, and what it waits for."""
    outline: tuple[str, ...]
    """The outcome without times and reasons, one sentence each: equal outlines are one outcome."""

    @property
    def digest(self) -> str:
        """SHA-256 over the outline, lower-case hex."""
        return digest_of(self.outline)

    @property
    def below_budget(self) -> tuple[str, ...]:
        """Sentences about the dips that break a disruption budget."""
        return tuple(
            f"{dip.slice} goes down to {dip.lowest} ACTIVE, its budget is {dip.budget}"
            for dip in self.dips
            if dip.is_below_budget
        )


def digest_of(outline: Sequence[str]) -> str:
    """Return the digest of an outline. No sentence holds a line break that is not escaped."""
    text = "\n".join(line.replace("\\", "\\\\").replace("\n", "\\n") for line in outline)
    return sha256(text.encode()).hexdigest()


def differences(planned: Sequence[str], now: Sequence[str], most: int = 20) -> tuple[str, ...]:
    """Return sentences for what stands in one outline only, at most `most` of them.

    Outlines with the same sentences in another order differ too, and that is said.
    """
    before, after = set(planned), set(now)
    gone = [f"planned, and would not happen now: {line}" for line in planned if line not in after]
    new = [f"not planned, and would happen now: {line}" for line in now if line not in before]
    found = [*new, *gone]
    if not found and tuple(planned) != tuple(now):
        found = ["the same steps would be taken in another order"]
    more = len(found) - most
    return (*found[:most], *([f"and {more} differences more"] if more > 0 else []))
