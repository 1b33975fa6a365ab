"""Which instance of a version takes a request: the nearest, by turns, by fewest requests, or drawn.

Instances are in up to three rings by distance: on this node, in its zone, elsewhere. The nearest
takes the request unless it has `HOP_WORTH` requests in flight more than the one a further ring
would offer: so much waiting is worth a hop, and no instance drowns because clients come to its
node. In slow start an instance takes only a part of its turns: each turn adds the part to its patience,
and at a whole one it takes the request.
"""

from collections.abc import Callable, Sequence

from aether.core.dataplane.draws import Draws
from aether.core.dataplane.members import TIERS, Member
from aether.core.dataplane.slow_start import ramp
from aether.core.dataplane.weights import Share

HOP_WORTH = 8
"""Requests in flight by which a near instance must exceed a far one for a request to go there."""


class Ring:
    """Instances at one distance; `turn` is the index of the one that is next."""

    __slots__ = ("members", "turn")

    def __init__(self, members: tuple[Member, ...] = (), turn: int = 0) -> None:
        self.members = members
        self.turn = turn

    def replace(self, members: tuple[Member, ...]) -> None:
        """Take other members; the turn goes on from where it is."""
        self.members = members
        self.turn = self.turn % len(members) if members else 0

    def advance(self) -> None:
        """End the turn of the one that is next."""
        turn = self.turn + 1
        self.turn = turn if turn < len(self.members) else 0

    def only(self, fits: Callable[[Member], bool]) -> "Ring":
        """Return a ring of those that fit, in the order of their turns from the next one on."""
        in_turn = self.members[self.turn :] + self.members[: self.turn]
        return Ring(tuple(each for each in in_turn if fits(each)))


class Lane(Share):
    """The instances of one version, as a share of the slice's requests."""

    __slots__ = ("all_rings", "rings", "version")

    def __init__(self, version: str, credit: float = 0.0) -> None:
        super().__init__(1.0, credit)
        self.version = version
        self.all_rings = tuple(Ring() for _ in range(TIERS))
        self.rings: tuple[Ring, ...] = ()
        """Those that are not empty, nearest first."""

    def fill(self, tiers: Sequence[Sequence[Member]]) -> None:
        """Replace its instances, given by distance."""
        for ring, members in zip(self.all_rings, tiers, strict=True):
            ring.replace(tuple(members))
        self.rings = tuple(ring for ring in self.all_rings if ring.members)

    def has(self, fits: Callable[[Member], bool]) -> bool:
        """Whether one of its instances fits."""
        return any(fits(member) for ring in self.rings for member in ring.members)

    def advance_past(self, member: Member) -> None:
        """Go on with the one after `member` when it is not what is next in its ring."""
        for ring in self.rings:
            if member in ring.members:
                ring.turn = ring.members.index(member)
                ring.advance()


class Warmth:
    """How new instances are eased in: `oldest` is when the first of the slice's was seen."""

    __slots__ = ("now", "oldest", "slow_start_s")

    def __init__(self, slow_start_s: float, oldest: float, now: float) -> None:
        self.slow_start_s = slow_start_s
        self.oldest = oldest
        self.now = now

    def takes(self, member: Member) -> bool:
        """Whether the instance takes the turn it is offered.

        Parts are relative to the oldest instance's: among equals nobody has a turn to spare.
        """
        part = ramp(self.now - member.since, self.slow_start_s)
        if part >= 1.0:
            return True
        member.patience += part / ramp(self.now - self.oldest, self.slow_start_s)
        if member.patience < 1.0:
            return False
        member.patience = min(member.patience - 1.0, 1.0)
        return True


def choose(rings: Sequence[Ring], balance: str, draws: Draws, warmth: Warmth | None) -> Member:
    """Return who takes a request; `rings` are not empty, nearest first. Advances the turn."""
    chosen, from_ring = None, rings[0]
    for ring in rings:
        member = _offer(ring, balance, draws, warmth)
        if member is not None and (
            chosen is None or chosen.in_flight >= member.in_flight + HOP_WORTH
        ):
            chosen, from_ring = member, ring
    if chosen is None:  # all are new and none has a whole turn together
        chosen = from_ring.members[from_ring.turn]
    from_ring.advance()
    return chosen


def _offer(ring: Ring, balance: str, draws: Draws, warmth: Warmth | None) -> Member | None:
    """Return whom a ring offers, None when those it has are too new to take their turn."""
    if warmth is None:
        return candidate(ring, balance, draws)
    for _ in ring.members:
        member = candidate(ring, balance, draws)
        if warmth.takes(member):
            return member
        ring.advance()
    return None


def candidate(ring: Ring, balance: str, draws: Draws) -> Member:
    """Return the instance of one ring that the strategy would take."""
    members = ring.members
    size = len(members)
    if size == 1 or balance == "round_robin":
        return members[ring.turn]
    if size == 2 and balance != "random":
        # Both are looked at, and of two that have as much to do the one whose turn it is.
        one, other = members if ring.turn == 0 else (members[1], members[0])
        return other if other.in_flight < one.in_flight else one
    one = members[draws.below(size)]
    if balance == "random":
        return one
    other = members[draws.below(size - 1)]
    if other is one:
        other = members[size - 1]
    return other if other.in_flight < one.in_flight else one
